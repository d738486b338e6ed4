package sql_test

import (
	"bufio"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// raw opens the database of dsn without us.
func raw(t *testing.T, dsn string) *stdsql.DB {
	t.Helper()
	driver, address := "pgx", dsn
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, address = "sqlite", file
	}
	db, err := stdsql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openAndClose(t *testing.T, dsn string) {
	t.Helper()
	s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// both runs a test on a fresh database of each kind.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, testservers.Postgres(t))
	})
}

func TestOpenRefusesAtOnceWhatNeedsAPerson(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database, whatever you call it\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dsn := range map[string]string{
		"nothing":              "",
		"no kind":              "madang.db",
		"unknown kind":         "mysql://localhost/madang",
		"no file":              "sqlite:",
		"pragmas":              "sqlite:madang.db?_pragma=synchronous(OFF)",
		"no database":          "sqlite:" + file,
		"a folder":             "sqlite:" + folder,
		"below a file":         "sqlite:" + filepath.Join(file, "madang.db"),
		"malformed port":       "postgres://me:secret@localhost:port/madang",
		"malformed setting":    "postgres://me:secret@localhost/madang?pool_max_conns=many",
		"malformed percentage": "postgres://me:secret@localhost/%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				s.Close()
				t.Fatalf("open %q: got no error", dsn)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestOpenRefusesAtOnceADatabaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testservers.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/madang_nowhere"
	s, err := sql.Open(t.Context(), sql.Config{DSN: u.String(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.Close()
		t.Fatal("open: got no error")
	}
	if !strings.Contains(err.Error(), "madang_nowhere") {
		t.Errorf("got %q, want it to name the database", err)
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		openAndClose(t, dsn)
		_, err := raw(t, dsn).ExecContext(t.Context(), "INSERT INTO schema_versions (version_id, is_applied) VALUES (999, TRUE)")
		if err != nil {
			t.Fatal(err)
		}
		_, err = sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if !errors.Is(err, store.ErrNewerSchema) {
			t.Fatalf("open: got error %v, want %v", err, store.ErrNewerSchema)
		}
		for _, word := range []string{"999", "newer program"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("got %q, want it to say %q", err, word)
			}
		}
	})
}

func TestBothSchemasHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	columns := func(dsn, query string) (all []string) {
		openAndClose(t, dsn)
		rows, err := raw(t, dsn).QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var column string
			if err := rows.Scan(&column); err != nil {
				t.Fatal(err)
			}
			all = append(all, column)
		}
		slices.Sort(all)
		return all
	}
	one := columns("sqlite:"+filepath.Join(t.TempDir(), "madang.db"), `SELECT t.name || '.' || c.name FROM sqlite_schema t
		JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'schema_versions'`)
	two := columns(testservers.Postgres(t), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'schema_versions'`)
	if !slices.Equal(one, two) || len(one) < 30 {
		t.Errorf("columns differ:\nSQLite     %q\nPostgreSQL %q", one, two)
	}
}

// gate is a way to a server that can be shut. Its port stays its own meanwhile: whoever comes to a shut gate is cut off at once.
type gate struct {
	to       string
	mu       sync.Mutex
	isOpen   bool
	listener net.Listener
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// gated returns the DSN through a gate that is shut.
func gated(t *testing.T, dsn string) (string, *gate) {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{to: u.Host, listener: l, conns: map[net.Conn]bool{}}
	g.running.Go(g.run)
	t.Cleanup(func() { l.Close(); g.shut(); g.running.Wait() })
	u.Host = l.Addr().String()
	return u.String(), g
}

func (g *gate) run() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil {
			in.Close()
			continue
		}
		g.mu.Lock()
		if !g.isOpen {
			in.Close()
			out.Close()
		} else {
			g.conns[in], g.conns[out] = true, true
			g.running.Go(func() { pipe(in, out) })
			g.running.Go(func() { pipe(out, in) })
		}
		g.mu.Unlock()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	g.isOpen = true
	g.mu.Unlock()
}

func pipe(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	to.Close()
	from.Close()
}

// shut cuts everybody off and lets nobody in.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isOpen = false
	g.cutLocked()
}

// cut cuts everybody off who is in.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cutLocked()
}

func (g *gate) cutLocked() {
	for c := range g.conns {
		c.Close()
		delete(g.conns, c)
	}
}

// lines is a log whose messages can be awaited.
type lines chan string

func (l lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lines) WithGroup(string) slog.Handler            { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	l <- r.Message
	return nil
}

func TestOpenWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	dsn, g := gated(t, testservers.Postgres(t))
	log, opened := make(lines, 100), make(chan error, 1)
	var s *sql.Store
	go func() {
		var err error
		s, err = sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(log)})
		opened <- err
	}()
	if got, want := <-log, "waiting for the database"; got != want {
		t.Fatalf("first line: got %q, want %q", got, want)
	}
	g.open()
	if err := <-opened; err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	dsn, _ := gated(t, testservers.Postgres(t))
	ctx, cancel := context.WithCancel(t.Context())
	log, opened := make(lines, 100), make(chan error, 1)
	go func() {
		_, err := sql.Open(ctx, sql.Config{DSN: dsn, Log: slog.New(log)})
		opened <- err
	}()
	<-log
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("open: got error %v, want %v", err, context.Canceled)
	}
}

func TestALostDatabaseIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	dsn, g := gated(t, testservers.Postgres(t))
	g.open()
	s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	if err := s.CreateRoom(ctx, store.Room{ID: "r", Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, ""); err != nil {
		t.Fatal(err)
	}
	r, err := s.TakeUp(ctx, "r")
	if err != nil {
		t.Fatal(err)
	}
	plain := &store.Commit{Room: "r", Term: r.Term, Epoch: 1, N: 1}
	playing := &store.Commit{Room: "r", Term: r.Term, Epoch: 1, N: 1, State: store.Playing}
	calls := map[string]func() error{
		"ready":       func() error { return s.Ready(ctx) },
		"read":        func() error { _, err := s.Room(ctx, "r"); return err },
		"write":       func() error { return s.Swept(ctx, "r") },
		"commit":      func() error { _, err := s.Commit(ctx, plain); return err },
		"commit more": func() error { _, err := s.Commit(ctx, playing); return err },
	}
	together := func(each func(name string, err error)) {
		var all sync.WaitGroup
		for name, call := range calls {
			for range 10 { // so that many connections are there to be lost
				all.Go(func() { each(name, call()) })
			}
		}
		all.Wait()
	}
	well := func(name string, err error) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 3 {
		together(well)
		g.shut()
		together(func(name string, err error) {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s without a database: got error %v, want %v", name, err, store.ErrUnavailable)
			}
		})
		g.open()
		together(well)
		g.shut() // a restart that nobody has noticed
		g.open()
		together(func(name string, err error) {
			if name == "commit" && errors.Is(err, store.ErrUnavailable) {
				return // it may have happened: it is not for the store to send it again under the same term
			}
			well(name, err)
		})
		together(well)
	}
}

// TestMain plays the part of a process that is killed, when asked to.
func TestMain(m *testing.M) {
	if dsn := os.Getenv("MADANG_TEST_COMMIT_TO"); dsn != "" {
		if err := commitForEver(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if dsn := os.Getenv("MADANG_TEST_TRADE_ON"); dsn != "" {
		if err := tradeForEver(dsn, os.Getenv("MADANG_TEST_TRADER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// commitForEver says each number that it has committed.
func commitForEver(dsn string) error {
	ctx := context.Background()
	s, err := sql.Open(ctx, sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := s.CreateRoom(ctx, store.Room{ID: "r", Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, ""); err != nil {
		return err
	}
	r, err := s.TakeUp(ctx, "r")
	if err != nil {
		return err
	}
	for n := uint64(1); ; n++ {
		c := &store.Commit{Room: "r", Term: r.Term, Epoch: 1, N: n, Memory: fmt.Append(nil, n), Log: &store.Logged{First: n, Last: n, Data: []byte("x")}}
		if _, err := s.Commit(ctx, c); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestWhatWasCommittedSurvivesKill9(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "MADANG_TEST_COMMIT_TO="+dsn)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := uint64(0)
		read := bufio.NewScanner(out)
		for read.Scan() {
			if said, err = strconv.ParseUint(read.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			if said == 200 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
		if said < 200 {
			t.Fatalf("the process ended by itself after %d commits", said)
		}
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := s.TakeUp(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		// One more may have been committed that it had no time to tell of.
		if r.N < said || r.N > said+1 || string(r.Memory) != fmt.Sprint(r.N) || uint64(len(r.Log)) != r.N {
			t.Errorf("after %d commits: got n %d, memory %q and %d runs", said, r.N, r.Memory, len(r.Log))
		}
	})
}
