package sql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

// twins are two stores that are told the same: one defers commits, the other does none of that.
type twins struct {
	t        *testing.T
	r        *rand.Rand
	files    [2]string
	now      [2]*Store // deferring, direct
	terms    map[string]uint64
	heads    map[string]store.Commit // what was committed last
	deferred int                     // commits that were
}

func (w *twins) open(i int) {
	w.t.Helper()
	s := &Store{log: slog.New(slog.DiscardHandler), joinRuns: func(runs [][]byte) ([]byte, error) { return bytes.Join(runs, nil), nil }}
	s.sessions, s.seatOf = newLookups(s.findSessions), newLookups(findSeats)
	if _, err := s.openSQLite(w.t.Context(), w.files[i], "OFF"); err != nil {
		w.t.Fatal(err)
	}
	if i == 1 {
		w.defersNothing(s)
	}
	w.t.Cleanup(func() { w.sqlite(s).close() })
	w.now[i] = s
}

func (w *twins) sqlite(s *Store) *sqliteDB { return s.db.(joining).database.(*sqliteDB) }

func (w *twins) defersNothing(s *Store) {
	w.t.Helper()
	d := w.sqlite(s)
	err := d.line.do(w.t.Context(), piece{do: func(context.Context, querier) error {
		d.late.most = -1
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// waiting is how many bytes wait to be settled.
func (w *twins) waiting() (bytes int) {
	w.t.Helper()
	d := w.sqlite(w.now[0])
	err := d.line.do(w.t.Context(), piece{do: func(context.Context, querier) error {
		bytes = d.late.bytes
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return bytes
}

// both does the same to both and wants the same error.
func (w *twins) both(what string, do func(s *Store) error) error {
	w.t.Helper()
	a, b := do(w.now[0]), do(w.now[1])
	for _, known := range []error{store.ErrStaleTerm, store.ErrRoomClosed, store.ErrNotFound} {
		if errors.Is(a, known) != errors.Is(b, known) {
			w.t.Fatalf("%s: %v, want %v", what, a, b)
		}
	}
	if (a == nil) != (b == nil) {
		w.t.Fatalf("%s: %v, want %v", what, a, b)
	}
	return b
}

// outputs are the kept ones by number: joined runs hold older ones longer.
func outputs(t *testing.T, runs []store.Logged) map[uint64]byte {
	t.Helper()
	all := map[uint64]byte{}
	last := uint64(0)
	for _, run := range runs {
		if run.First <= last || run.Last < run.First || uint64(len(run.Data)) != run.Last-run.First+1 {
			t.Fatalf("run %d to %d of %d bytes after %d", run.First, run.Last, len(run.Data), last)
		}
		for i, b := range run.Data {
			all[run.First+uint64(i)] = b
		}
		last = run.Last
	}
	return all
}

func (w *twins) sameLog(what string, got, want []store.Logged) {
	w.t.Helper()
	g := outputs(w.t, got)
	for n, b := range outputs(w.t, want) {
		if have, ok := g[n]; !ok || have != b {
			w.t.Fatalf("%s: output %d is %d, %t; want %d; of %v and %v", what, n, have, ok, b, got, want)
		}
	}
}

func (w *twins) takeUp(room string) {
	w.t.Helper()
	var got [2]store.Record
	if err := w.both("take up", func(s *Store) (err error) {
		i := 0
		if s == w.now[1] {
			i = 1
		}
		got[i], err = s.TakeUp(w.t.Context(), room)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	w.terms[room] = got[1].Term
	w.sameLog("record", got[0].Log, got[1].Log)
	got[0].Log, got[1].Log = nil, nil
	got[0].Room.CreatedAt = got[1].Room.CreatedAt
	if !reflect.DeepEqual(got[0], got[1]) {
		w.t.Fatalf("record %+v, want %+v", got[0], got[1])
	}
}

func (w *twins) commit(room string) {
	w.t.Helper()
	c := w.heads[room]
	c.Room, c.Term = room, w.terms[room]
	c.Memory, c.Log, c.Forget, c.State, c.Absolve = nil, nil, 0, "", nil
	if w.r.IntN(3) > 0 {
		c.Memory = fmt.Appendf(nil, "memory %d", w.r.IntN(1000))
	}
	if w.r.IntN(20) == 0 {
		c.Epoch, c.N, c.Published = c.Epoch+1, 0, 0
	}
	if n := w.r.IntN(4); n > 0 {
		c.Log = &store.Logged{First: c.N + 1, Last: c.N + uint64(n)}
		for range n {
			c.Log.Data = append(c.Log.Data, byte(w.r.IntN(256)))
		}
		c.N += uint64(n)
	}
	if w.r.IntN(2) == 0 {
		c.Published = c.N - uint64(w.r.IntN(int(min(c.N, 3))+1))
	}
	if w.r.IntN(6) == 0 {
		c.Forget = c.Published - min(c.Published, uint64(w.r.IntN(20)))
	}
	if w.r.IntN(10) == 0 {
		c.Wake = !c.Wake
	}
	if w.r.IntN(8) == 0 { // not a plain one
		c.State = store.Playing
	}
	if w.r.IntN(15) == 0 {
		c.Term--
	}
	before := w.waiting()
	err := w.both("commit", func(s *Store) error {
		_, err := s.Commit(w.t.Context(), &c)
		return err
	})
	if err == nil {
		c.Term = 0
		w.heads[room] = c
	}
	if w.waiting() != before {
		w.deferred++
	}
}

// Whatever is done, and whoever dies or comes beside it meanwhile: what was committed is there.
func TestDeferredCommitsAreAsGoodAsOthers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newTwins(t)
			w.r = rand.New(rand.NewPCG(seed, 1))
			rooms := []string{"a", "b", "c"}
			for _, id := range rooms {
				w.create(id)
			}
			for range 1500 {
				room := rooms[w.r.IntN(len(rooms))]
				switch n := w.r.IntN(100); {
				case n < 75:
					w.commit(room)
				case n < 80:
					w.takeUp(room)
				case n < 86:
					w.log(room)
				case n < 91:
					w.looks()
				case n < 95:
					w.settleSome()
				case n < 97: // it has died
					w.open(0)
				case n < 98:
					if err := w.sqlite(w.now[0]).close(); err != nil {
						t.Fatal(err)
					}
					w.open(0)
				default: // another one beside it takes it up
					was := w.now[0]
					w.open(0)
					w.takeUp(room)
					w.commit(room)
					w.now[0] = was
				}
			}
			for _, id := range rooms {
				w.log(id)
				w.takeUp(id)
			}
			if w.deferred < 300 {
				t.Errorf("%d commits were deferred, want most of them", w.deferred)
			}
			if err := w.sqlite(w.now[0]).close(); err != nil {
				t.Fatal(err)
			}
			w.open(0)
			w.defersNothing(w.now[0])
			for _, id := range rooms {
				w.takeUp(id)
			}
			w.empty()
		})
	}
}

func (w *twins) log(room string) {
	w.t.Helper()
	epoch := w.heads[room].Epoch
	var got [2][]store.Logged
	for i, s := range w.now {
		var err error
		if got[i], err = s.Log(w.t.Context(), room, epoch); err != nil {
			w.t.Fatal(err)
		}
	}
	w.sameLog("log", got[0], got[1])
}

func (w *twins) looks() {
	w.t.Helper()
	var wakes [2][]bool
	for i, s := range w.now {
		rooms, err := s.LiveRooms(w.t.Context(), "g", "1", "", 10)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rooms {
			wakes[i] = append(wakes[i], r.Wake)
		}
	}
	if !reflect.DeepEqual(wakes[0], wakes[1]) {
		w.t.Fatalf("rooms want to be woken: %t, want %t", wakes[0], wakes[1])
	}
}

// settleSome settles the oldest one.
func (w *twins) settleSome() {
	w.t.Helper()
	d := w.sqlite(w.now[0])
	err := d.line.do(w.t.Context(), piece{do: nothing, settles: func() (time.Time, int) { return time.Now(), 1 }})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *twins) empty() {
	w.t.Helper()
	var rows int
	err := w.now[0].db.read(w.t.Context(), func(ctx context.Context, q querier) error {
		return one(ctx, q, "SELECT count(*) FROM commits", nil, &rows)
	})
	if err != nil || rows != 0 {
		w.t.Fatalf("%d rows are left, %v; want none when all is settled", rows, err)
	}
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	dir := t.TempDir()
	w := &twins{
		t: t, r: rand.New(rand.NewPCG(1, 1)), files: [2]string{filepath.Join(dir, "deferred.db"), filepath.Join(dir, "direct.db")},
		terms: map[string]uint64{}, heads: map[string]store.Commit{},
	}
	w.open(0)
	w.open(1)
	return w
}

func (w *twins) create(room string) {
	w.t.Helper()
	if err := w.both("create", func(s *Store) error {
		return s.CreateRoom(w.t.Context(), store.Room{ID: room, Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, "")
	}); err != nil {
		w.t.Fatal(err)
	}
	w.heads[room] = store.Commit{Epoch: 1}
	w.takeUp(room)
}

// one is a single commit of the deferring store.
func (w *twins) one(c store.Commit) {
	w.t.Helper()
	c.Term, c.Epoch = w.terms[c.Room], 1
	if _, err := w.now[0].Commit(w.t.Context(), &c); err != nil {
		w.t.Fatal(err)
	}
}

func TestDeferredCommitsForgetWhatTheyAreToForget(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	w.create("r")
	for n := range uint64(20) {
		w.one(store.Commit{Room: "r", N: n + 1, Log: &store.Logged{First: n + 1, Last: n + 1, Data: []byte{byte(n)}}})
		if n == 9 {
			w.settleSome()
		}
	}
	for _, c := range []struct {
		forget uint64
		want   int
	}{{9, 19}, {10, 10}, {15, 10}, {20, 0}} { // 2 to 10 are one run by then, and 11 to 20 another
		w.one(store.Commit{Room: "r", N: 20, Published: 20, Forget: c.forget})
		log, err := w.now[0].Log(t.Context(), "r", 1)
		if got := outputs(t, log); err != nil || len(got) != c.want {
			t.Errorf("after %d were forgotten there are %v, %v; want %d", c.forget, got, err, c.want)
		}
	}
}

func TestRunsThatCannotBeJoinedAreKeptAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	w.create("r")
	d := w.sqlite(w.now[0])
	err := d.line.do(t.Context(), piece{do: func(context.Context, querier) error {
		d.late.join = func([][]byte) ([]byte, error) { return nil, errors.New("damaged") }
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(5) {
		w.one(store.Commit{Room: "r", N: n + 1, Log: &store.Logged{First: n + 1, Last: n + 1, Data: []byte{byte(n)}}})
	}
	log, err := w.now[0].Log(t.Context(), "r", 1)
	if got := outputs(t, log); err != nil || len(got) != 5 || len(log) != 5 {
		t.Errorf("%d runs with %v, %v; want five of one each", len(log), got, err)
	}
}

func TestWhatWaitsToBeSettledIsBounded(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	memory := bytes.Repeat([]byte("m"), 30<<10)
	rooms := 2 * unsettledMost / len(memory)
	for i := range rooms {
		room := fmt.Sprint("r", i)
		w.create(room)
		w.one(store.Commit{Room: room, Memory: memory}) // makes known whether it wants to be woken
		w.one(store.Commit{Room: room, Memory: memory})
		if waiting := w.waiting(); waiting > unsettledMost {
			t.Fatalf("%d bytes wait after %d rooms", waiting, i)
		}
	}
	w.open(0)
	for i := range rooms {
		r, err := w.now[0].TakeUp(t.Context(), fmt.Sprint("r", i))
		if err != nil || !bytes.Equal(r.Memory, memory) {
			t.Fatalf("room %d has %d bytes, %v", i, len(r.Memory), err)
		}
	}
	w.empty()
}

func TestRowsOfCommitsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	commits := []*store.Commit{
		{Room: "a", Term: 1, Epoch: 2, N: 3, Published: 1},
		{Room: "", Term: 1 << 60, Epoch: 1, N: 9, Published: 9, Wake: true, Memory: []byte{}, Forget: 7},
		{Room: "b", Term: 1, Epoch: 1, N: 2, Memory: []byte("m"), Log: &store.Logged{First: 1, Last: 2, Data: []byte("xy")}},
	}
	row := []byte{rowVersion}
	for _, c := range commits {
		row = appendMark(appendCommit(row, c), c.Room+"!")
	}
	var got []*store.Commit
	var marks []string
	err := readRow(row, func(c *store.Commit) { got = append(got, c) }, func(room string) { marks = append(marks, room) })
	if err != nil || !reflect.DeepEqual(got, commits) || !reflect.DeepEqual(marks, []string{"a!", "!", "b!"}) {
		t.Errorf("%+v, %q, %v; want what was written", got, marks, err)
	}
	ignore := func(*store.Commit) {}
	for n := range len(row) - 1 {
		complete := n == 0 // whether it is cut between two
		_ = readRow(row[:n+1], func(*store.Commit) {}, func(string) {})
		if err := readRow(row[:n], ignore, func(string) {}); err != nil && !errors.Is(err, errDamagedRow) || complete && err == nil {
			t.Errorf("%d of %d bytes: %v", n, len(row), err)
		}
	}
	if err := readRow([]byte{2}, ignore, nil); !errors.Is(err, errDamagedRow) {
		t.Errorf("another version: %v", err)
	}
}
