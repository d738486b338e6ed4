// Package linear proves with Porcupine that seats and balances are linearizable (Herlihy and Wing 1990): whatever many
// processes did at the same time, it is as if each call had happened at one moment between its begin and its end. The models
// here say what each call means when it is alone, and know nothing of SQL.
package linear

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

const (
	clients = 12
	steps   = 60
	// mostOpen is how many calls of a history may be cut short by their contexts: each doubles what is to be searched.
	mostOpen = 4
	// checkTime is how long the search may take before the test says that it found no answer.
	checkTime = 30 * time.Second
)

// outcome is how a call ended.
type outcome string

const (
	done     outcome = "done"
	closed   outcome = "done, and the room is closed"
	notFound outcome = "not found"
	full     outcome = "full"
	over     outcome = "room is closed"
	stale    outcome = "stale term"
	unknown  outcome = "cut short: done now, later, or never"
)

// history records calls. Safe for concurrent use.
type history struct {
	t     *testing.T
	begun time.Time
	mu    sync.Mutex
	calls []porcupine.Operation
	open  int
	ends  map[outcome]int
}

// client is one of those who call at the same time.
type client struct {
	*history
	id    int
	store store.Store
	rand  *rand.Rand
}

// call records one call: do returns its output, to which settle adds how it ended. Now and then one that changes
// something is cut short.
func (c *client) call(input any, changes bool, do func(context.Context) (any, error), settle func(output any, how outcome) any) any {
	ctx := c.t.Context()
	if changes && c.rand.IntN(15) == 0 && c.mayOpen() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.rand.IntN(2000))*time.Microsecond)
		defer cancel()
	}
	called := time.Since(c.begun)
	output, err := do(ctx)
	returned := time.Since(c.begun)
	how := c.outcome(err)
	output = settle(output, how)
	if how == unknown {
		returned = time.Hour // it may yet happen
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends[how]++
	c.calls = append(c.calls, porcupine.Operation{
		ClientId: c.id, Input: input, Call: int64(called), Output: output, Return: int64(returned),
	})
	return output
}

func (h *history) mayOpen() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open++
	return h.open <= mostOpen
}

func (h *history) outcome(err error) outcome {
	for _, known := range []struct {
		err error
		how outcome
	}{
		{nil, done}, {store.ErrNotFound, notFound}, {store.ErrRoomFull, full}, {store.ErrRoomClosed, over}, {store.ErrStaleTerm, stale},
		{context.Canceled, unknown}, {context.DeadlineExceeded, unknown},
	} {
		if err == known.err || known.err != nil && errors.Is(err, known.err) {
			return known.how
		}
	}
	h.t.Errorf("unexpected error: %v", err)
	return unknown
}

// record lets all clients do their steps at the same time, each half of them in a process of its own. A history without
// one of the outcomes in must would prove little.
func record(t *testing.T, stores []store.Store, must []outcome, step func(c *client, n int)) []porcupine.Operation {
	t.Helper()
	h := &history{t: t, begun: time.Now(), ends: map[outcome]int{}}
	var all sync.WaitGroup
	for id := range clients {
		all.Go(func() {
			c := &client{history: h, id: id, store: stores[id%len(stores)], rand: rand.New(rand.NewPCG(uint64(id), rand.Uint64()))}
			for n := range steps {
				step(c, n)
			}
		})
	}
	all.Wait()
	t.Logf("%d calls: %v", len(h.calls), h.ends)
	for _, how := range must {
		if h.ends[how] == 0 {
			t.Errorf("no call of %d ended with %q", len(h.calls), how)
		}
	}
	return h.calls
}

// check fails the test if no order of the calls explains what they gave, and draws what they were.
func check(t *testing.T, model porcupine.Model, calls []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, calls, checkTime)
	if result == porcupine.Ok {
		return
	}
	picture := filepath.Join(t.ArtifactDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, picture); err != nil {
		t.Error(err)
	}
	t.Fatalf("%d calls: got %s, want %s; see %s (kept with -artifacts)", len(calls), result, porcupine.Ok, picture)
}

// both runs a test on two Stores, as two processes have them, over one fresh database of each kind.
func both(t *testing.T, test func(t *testing.T, stores []store.Store)) {
	run := func(t *testing.T, dsn string) {
		stores := make([]store.Store, 2)
		for i := range stores {
			s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			stores[i] = s
		}
		test(t, stores)
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		run(t, testservers.Postgres(t))
	})
}

func userID(n int) string { return fmt.Sprint("user-", n) }
func roomID(n int) string { return fmt.Sprint("room-", n) }

func makeUsers(t *testing.T, s store.Store, n int) {
	t.Helper()
	for i := range n {
		_, _, err := s.CreateAccount(t.Context(), store.Account{ID: userID(i), Name: fmt.Sprint("Player ", i), CreatedAt: time.Now()}, store.Identity{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func makeRooms(t *testing.T, s store.Store, n, capacity int) {
	t.Helper()
	for i := range n {
		r := store.Room{ID: roomID(i), Game: "othello", Version: "1", Capacity: capacity, CreatedAt: time.Now()}
		if err := s.CreateRoom(t.Context(), r, nil, ""); err != nil {
			t.Fatal(err)
		}
	}
}
