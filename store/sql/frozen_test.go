package sql

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
)

// What a frozen process has locked must not stay locked until it wakes up, and then it must find out what has happened since.
func TestPostgresEndsTransactionsOfFrozenProcesses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dsn := testservers.Postgres(t)
	open := func() *Store {
		s, err := Open(ctx, Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	frozen, other := open(), open()
	if err := frozen.CreateRoom(ctx, store.Room{ID: "r", Game: "g", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, ""); err != nil {
		t.Fatal(err)
	}
	var terms []int64
	err := frozen.db.write(ctx, func(ctx context.Context, q querier) error {
		var term int64
		if err := one(ctx, q, "UPDATE records SET wake = wake WHERE room = $1 RETURNING term", []any{"r"}, &term); err != nil {
			return err
		}
		terms = append(terms, term)
		if len(terms) > 1 {
			return nil
		}
		if _, err := other.TakeUp(ctx, "r"); err != nil { // in the middle of the other's transaction
			t.Error(err)
		}
		_, err := q.exec(ctx, "UPDATE records SET term = 1000 WHERE room = $1", "r")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(terms) != 2 || terms[1] != terms[0]+1 {
		t.Errorf("the transaction saw terms %d, want one before it was ended and the next when it was run again", terms)
	}
}

func TestPostgresLetsTransactionsIdleAsLongAsTheyMay(t *testing.T) {
	t.Parallel()
	server := testservers.Postgres(t)
	for set, want := range map[string]string{"": postgresTransactIdle, "&" + idleTimeout + "=20s": "20s"} {
		s, err := Open(t.Context(), Config{DSN: server + set, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var got string
		err = s.Transact(t.Context(), func(ctx context.Context) error {
			return one(ctx, s.within(ctx).q, "SHOW "+idleTimeout, nil, &got)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("with %q a run of Transact may idle for %s, want %s", set, got, want)
		}
		if d, err := time.ParseDuration(got); err != nil || d <= postgresTransactTime {
			t.Errorf("a run of Transact may idle for %s (%v), want more than it has in all", got, err)
		}
	}
}
