package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// beside is a store on PostgreSQL, and a connection of the test's own beside it, with which a test stands still in the middle of a
// transaction.
type beside struct {
	t    *testing.T
	s    *sql.Store
	conn *stdsql.Conn
}

func newBeside(t *testing.T) *beside {
	t.Helper()
	dsn := testservers.Postgres(t)
	s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	conn, err := raw(t, dsn).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &beside{t, s, conn}
}

func (b *beside) exec(query string, args ...any) {
	b.t.Helper()
	if _, err := b.conn.ExecContext(b.t.Context(), query, args...); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
}

// until waits until somebody waits for a lock, with what has been asked of the store meanwhile.
func (b *beside) until(done <-chan error) {
	b.t.Helper()
	for waiting := false; !waiting; {
		select {
		case err := <-done:
			b.t.Fatalf("it ended with %v, want it to wait", err)
		default:
		}
		row := b.conn.QueryRowContext(b.t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'), pg_sleep(0.01)::text`)
		var slept string
		if err := row.Scan(&waiting, &slept); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *beside) seated() (user string, r store.Record) {
	b.t.Helper()
	user, now := "u1", time.Now()
	if _, _, err := b.s.CreateAccount(b.t.Context(), store.Account{ID: user, Name: "Mina", CreatedAt: now}, store.Identity{Platform: "guest"}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.s.CreateRoom(b.t.Context(), store.Room{ID: "r1", Game: "g", Version: "1", Capacity: 2, CreatedAt: now}, nil, user); err != nil {
		b.t.Fatal(err)
	}
	r, err := b.s.TakeUp(b.t.Context(), "r1")
	if err != nil {
		b.t.Fatal(err)
	}
	return user, r
}

// A deletion locks the account, then its seats and its letters. A commit that waits for the account must hold none of those, or the
// database has to end one of the two.
func TestACommitWaitsForAnAccountBeforeItTouchesSeatsAndLetters(t *testing.T) {
	t.Parallel()
	for _, state := range []store.RoomState{"", store.Playing, store.Closed} {
		b := newBeside(t)
		user, r := b.seated()
		b.exec(`INSERT INTO dead (id, room, game, condemned, waiting, letter, stack, body, account) VALUES ('d1', 'r1', 'g', 'c1', TRUE, 'x', 'x', 'x', $1)`, user)
		b.exec(`BEGIN`)
		b.exec(`SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, user)
		done := make(chan error, 1)
		go func() {
			_, err := b.s.Commit(context.WithoutCancel(t.Context()), &store.Commit{
				Room: r.Room.ID, Term: r.Term, Epoch: r.Epoch, N: r.N, State: state, Unseated: []string{user}, Absolve: []string{"c1"},
				Awards: []store.Award{{User: user, Exp: 1}}, Scores: []store.Score{{User: user}},
			})
			done <- err
		}()
		b.until(done)
		b.exec(`SELECT 1 FROM seats WHERE account = $1 FOR UPDATE NOWAIT`, user)
		b.exec(`SELECT 1 FROM dead WHERE account = $1 FOR UPDATE NOWAIT`, user)
		b.exec(`COMMIT`)
		if err := <-done; err != nil {
			t.Errorf("state %q: got %v", state, err)
		}
	}
}

// A seat is taken while the player's account is deleted: there is no such player then.
func TestASeatIsTakenByNobodyWhoseAccountIsJustGone(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(s *sql.Store) error{
		"TakeSeat": func(s *sql.Store) error {
			_, err := s.TakeSeat(context.Background(), "r2", "u1", time.Now())
			return err
		},
		"TakeAnySeat": func(s *sql.Store) error {
			_, err := s.TakeAnySeat(context.Background(), "g", "1", "u1", time.Now())
			return err
		},
		"CreateRoom": func(s *sql.Store) error {
			return s.CreateRoom(context.Background(), store.Room{ID: "r3", Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, "u1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBeside(t)
			now := time.Now()
			if _, _, err := b.s.CreateAccount(t.Context(), store.Account{ID: "u1", Name: "Mina", CreatedAt: now}, store.Identity{Platform: "guest"}); err != nil {
				t.Fatal(err)
			}
			if err := b.s.CreateRoom(t.Context(), store.Room{ID: "r2", Game: "g", Version: "1", Capacity: 2, CreatedAt: now}, nil, ""); err != nil {
				t.Fatal(err)
			}
			b.exec(`BEGIN`)
			b.exec(`DELETE FROM accounts WHERE id = 'u1'`)
			done := make(chan error, 1)
			go func() { done <- take(b.s) }()
			b.until(done)
			b.exec(`COMMIT`)
			if err := <-done; !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v, want %v", err, store.ErrNotFound)
			}
		})
	}
}

// A tester's account is deleted while a maintenance is announced: it is let in nowhere, and keeps the account from nothing.
func TestNobodyIsExemptWhoseAccountIsJustGone(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	user, _ := b.seated()
	m, err := b.s.SetMaintenance(t.Context(), store.Maintenance{Active: true, Exempt: []string{user}})
	if err != nil || len(m.Exempt) != 1 {
		t.Fatalf("got %+v, %v", m, err)
	}
	b.exec(`BEGIN`)
	b.exec(`SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, user)
	done := make(chan error, 1)
	go func() {
		var err error
		m, err = b.s.SetMaintenance(context.WithoutCancel(t.Context()), m)
		done <- err
	}()
	b.until(done)
	b.exec(`SELECT 1 FROM maintenance_exempt FOR UPDATE NOWAIT`)
	b.exec(`UPDATE accounts SET deleted_at = 1 WHERE id = $1`, user)
	b.exec(`DELETE FROM maintenance_exempt WHERE account = $1`, user)
	b.exec(`COMMIT`)
	if err := <-done; err != nil || len(m.Exempt) != 0 {
		t.Errorf("got %q, %v; want nobody", m.Exempt, err)
	}
}
