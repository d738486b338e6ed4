package rabbitmq_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/internal/testservers"
)

// What a worker that went has given back comes first, in the old order; trying the queue out must not put a later
// message before an earlier one, since a room leaves the earlier one out then.
func TestASuspectQueueIsTriedOutWithoutTouchingItsOrder(t *testing.T) {
	for _, c := range []struct {
		name       string
		durability broker.Durability
	}{{"quorum", broker.Kept}, {"classic", broker.Passing}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			b := dial(t, testservers.RabbitMQ(t).URL)
			defer b.Close()
			do(t, "Open", func() error { return b.Open(ctx, broker.Spec{Room: "tried", Durability: c.durability}) })
			for n := uint64(1); n <= 5; n++ {
				do(t, "Send", func() error { return b.Send(ctx, &broker.Message{Room: "tried", Seq: n}) })
			}
			gone, next := worker(t, ctx, b, "tried")
			for range 3 {
				if _, err := next(); err != nil {
					t.Fatalf("take: %v", err)
				}
			}
			do(t, "Close", gone.Close)
			for range 3 {
				do(t, "TryOut", func() error { return b.TryOut(ctx, "tried") })
			}
			pipe, next := worker(t, ctx, b, "tried")
			defer pipe.Close()
			var got []uint64
			for range 5 {
				d, err := next()
				if err != nil {
					t.Fatalf("take after %v: %v", got, err)
				}
				got = append(got, d.Seq)
			}
			if want := []uint64{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
				t.Errorf("after the queue was tried out it gave %v, want %v", got, want)
			}
		})
	}
}

func TestARoomWithoutQueueIsNotTriedOut(t *testing.T) {
	b := dial(t, testservers.RabbitMQ(t).URL)
	defer b.Close()
	if err := b.TryOut(t.Context(), "none"); err == nil {
		t.Error("TryOut of a room without queue: no error")
	}
}

// A node that stops while a quorum queue is declared leaves its name behind and no process: so does this.
func TestAQueueWithoutProcessesIsDeadAndCanBeMadeAnew(t *testing.T) {
	ctx := t.Context()
	server := testservers.StartRabbitMQ(t)
	b := dial(t, server.URL)
	defer b.Close()
	const after = 2 * time.Second
	b.SetDeadAfter(after)
	spec := broker.Spec{Room: "hollow"}
	do(t, "Open", func() error { return b.Open(ctx, spec) })
	control := func(args ...string) string {
		t.Helper()
		out, err := server.Control(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const stop = `[ra:stop_server(quorum_queues, {N, node()}) || {N, _} <- ra_directory:list_registered(quorum_queues), string:find(atom_to_list(N), "hollow") =/= nomatch].`
	if out := control("eval", stop); !strings.Contains(out, "ok") {
		t.Fatalf("stopping the queue's process: %s", out)
	}
	do(t, "Open", func() error { return b.Open(ctx, broker.Spec{Room: "well"}) })
	neighbour, heard := worker(t, ctx, b, "well")
	defer neighbour.Close()
	begun := time.Now()
	_, err := b.Consume(ctx, broker.Consumption{Room: "hollow"})
	if !errors.Is(err, broker.ErrDead) {
		t.Fatalf("Consume: got %v, want ErrDead", err)
	}
	if took := time.Since(begun); took < after {
		t.Errorf("given up after %s, want no sooner than after %s", took, after)
	}
	do(t, "Send", func() error { return b.Send(ctx, &broker.Message{Room: "well", Seq: 3}) })
	if d, err := heard(); err != nil || d.Seq != 3 {
		t.Errorf("another room on the connection of the worker: got %v, %v; want that it has noticed nothing", d, err)
	}
	do(t, "Delete", func() error { return b.Delete(ctx, "hollow") })
	do(t, "Open", func() error { return b.Open(ctx, spec) })
	do(t, "Send", func() error { return b.Send(ctx, &broker.Message{Room: "hollow", Seq: 7}) })
	pipe, next := worker(t, ctx, b, "hollow")
	defer pipe.Close()
	if d, err := next(); err != nil || d.Seq != 7 {
		t.Errorf("from the new queue: got %v, %v", d, err)
	}
}
