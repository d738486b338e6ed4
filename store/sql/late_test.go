package sql_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// A commit whose connection is lost may still be under way in the server. Sent again under the same term, one of the two
// could come after later commits of the room and undo them.
func TestACommitThatMayHaveHappenedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server := testservers.Postgres(t)
	dsn, g := gated(t, server)
	g.open()
	s, err := sql.Open(ctx, sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateRoom(ctx, store.Room{ID: "r", Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, ""); err != nil {
		t.Fatal(err)
	}
	r, err := s.TakeUp(ctx, "r")
	if err != nil {
		t.Fatal(err)
	}
	connect := func() *pgx.Conn {
		t.Helper()
		c, err := pgx.Connect(ctx, server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.WithoutCancel(ctx)) })
		return c
	}
	other, watch := connect(), connect() // in a transaction pg_stat_activity stands still
	exec := func(text string) {
		t.Helper()
		if _, err := other.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	// blocked returns the sessions that wait for another's lock.
	blocked := func() []int {
		t.Helper()
		rows, err := watch.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0")
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			t.Fatal(err)
		}
		return pids
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()

	exec("BEGIN")
	exec("SELECT 1 FROM records WHERE room = 'r' FOR UPDATE")
	lost := make(chan error, 1)
	go func() {
		_, err := s.Commit(ctx, &store.Commit{Room: "r", Term: r.Term, Epoch: 1, N: 1})
		lost <- err
	}()
	var first []int
	for len(first) == 0 {
		<-tick.C
		first = blocked()
	}
	g.cut()
	for over := false; !over; {
		select {
		case err := <-lost:
			if over = true; !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the lost commit: got %v, want %v", err, store.ErrUnavailable)
			}
		case <-tick.C:
			if now := blocked(); len(now) > 0 && !slices.Equal(now, first) {
				t.Fatalf("the lost commit is under way in session %v, and then in %v", first, now)
			}
		}
	}
	exec("COMMIT")

	if r, err = s.TakeUp(ctx, "r"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, &store.Commit{Room: "r", Term: r.Term, Epoch: 1, N: 2}); err != nil {
		t.Fatalf("commit after the room was taken up again: %v", err)
	}
	for len(blocked()) > 0 {
		<-tick.C
	}
	if r, err = s.TakeUp(ctx, "r"); err != nil || r.N != 2 {
		t.Errorf("the record: got N %d, %v, want 2", r.N, err)
	}
}
