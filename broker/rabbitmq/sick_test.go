package rabbitmq_test

import (
	"slices"
	"testing"

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
