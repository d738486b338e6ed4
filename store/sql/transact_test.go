package sql_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// Two transactions that want what the other has can't both go on: PostgreSQL undoes one, which is run again.
func TestADeadLockIsRunAgain(t *testing.T) {
	t.Parallel()
	s, err := sql.Open(t.Context(), sql.Config{DSN: testservers.Postgres(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	users := []string{"a", "b"}
	for _, id := range users {
		if _, _, err := s.CreateAccount(t.Context(), store.Account{ID: id, Name: id, CreatedAt: time.Now()}, store.Identity{}); err != nil {
			t.Fatal(err)
		}
	}
	give := func(ctx context.Context, reference, user string) error {
		_, err := s.Post(ctx, store.Posting{Reference: reference, Reason: "test", At: time.Now(), Entries: []store.Entry{
			{Account: user, Item: store.Gold, Amount: 1}, {Account: store.House, Item: store.Gold, Amount: -1},
		}})
		return err
	}
	var all, both sync.WaitGroup
	both.Add(2)
	runs := make([]int, 2)
	for i := range runs {
		all.Go(func() {
			err := s.Transact(t.Context(), func(ctx context.Context) error {
				runs[i]++
				if err := give(ctx, "first of "+users[i], users[i]); err != nil {
					return err
				}
				if runs[i] == 1 { // each has its own before either wants the other's
					both.Done()
					both.Wait()
				}
				_ = give(ctx, "second of "+users[i], users[1-i]) // an error that is passed over keeps nothing
				return nil
			})
			if err != nil {
				t.Errorf("transact: %v", err)
			}
		})
	}
	all.Wait()
	if runs[0]+runs[1] < 3 { // who was undone may take its lock again before the other has it, and meet it once more
		t.Errorf("got %v runs, want 3 in all, or more", runs)
	}
	for _, id := range users {
		if in, err := s.Inventory(t.Context(), id); err != nil || in.Gold != 2 {
			t.Errorf("%s: got %+v, %v, want 2 gold", id, in, err)
		}
	}
}

// A write that the database refuses for reasons of its own undoes itself alone; after such a read all is lost.
func TestErrorsOfTheDatabaseInATransaction(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := raw(t, dsn).Exec(`DROP TABLE dead`); err != nil {
			t.Fatal(err)
		}
		create := func(ctx context.Context, id string) error {
			_, _, err := s.CreateAccount(ctx, store.Account{ID: id, Name: id, CreatedAt: time.Now()}, store.Identity{})
			return err
		}
		err = s.Transact(t.Context(), func(ctx context.Context) error {
			if err := s.DropDeadLetter(ctx, "a"); err == nil {
				t.Error("drop a dead letter: got no error")
			}
			return s.Transact(ctx, func(ctx context.Context) error { // the first of a part
				if err := s.DropDeadLetter(ctx, "a"); err == nil {
					t.Error("drop a dead letter: got no error")
				}
				return create(ctx, "a")
			})
		})
		if err != nil {
			t.Errorf("transact: got %v", err)
		}
		if _, err := s.Account(t.Context(), "a"); err != nil {
			t.Errorf("account: got %v", err)
		}
		if _, err := raw(t, dsn).Exec(`DROP TABLE farewells`); err != nil {
			t.Fatal(err)
		}
		err = s.Transact(t.Context(), func(ctx context.Context) error {
			if err := create(ctx, "b"); err != nil {
				t.Errorf("create account: got %v", err)
			}
			if _, err := s.Farewell(ctx, "r", "b", 0, time.Now()); err == nil {
				t.Error("farewell: got no error")
			}
			return nil
		})
		if err == nil {
			t.Error("transact: got no error")
		}
		if _, err := s.Account(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("account: got %v", err)
		}
	})
}
