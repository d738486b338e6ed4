package memory_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
)

func TestOnlyAnEmptyQueueIsRetired(t *testing.T) {
	for name, durability := range map[string]broker.Durability{"kept": broker.Kept, "passing": broker.Passing} {
		t.Run(name, func(t *testing.T) {
			ctx, folder := t.Context(), t.TempDir()
			b := reopen(t, folder)
			open(t, b, "r", durability)
			open(t, b, "other", durability)
			if err := b.Send(ctx, message("r", 1)); err != nil {
				t.Fatal(err)
			}
			retire := func(when string, want bool) {
				t.Helper()
				if gone, err := b.Retire(ctx, "r"); gone != want || err != nil {
					t.Fatalf("Retire %s: got %v, %v; want %v", when, gone, err, want)
				}
			}
			retire("with a message that waits", false)
			woken := false
			pipe, err := b.Consume(ctx, broker.Consumption{Room: "r", Wake: func() { woken = true }})
			if err != nil {
				t.Fatal(err)
			}
			taken, err := pipe.Take(nil)
			if err != nil || len(taken) != 1 {
				t.Fatalf("Take: got %v, %v", taken, err)
			}
			retire("with a message that is not acked", false)
			if err := pipe.Ack(taken[0].Tag); err != nil {
				t.Fatal(err)
			}
			woken = false
			retire("with nothing in it", true)
			retire("again", true)
			if _, err := pipe.Take(nil); !errors.Is(err, broker.ErrLost) || !woken {
				t.Errorf("its consumer: got %v, woken %v; want ErrLost, woken", err, woken)
			}
			if err := b.Send(ctx, message("r", 2)); !errors.Is(err, broker.ErrNoRoom) {
				t.Errorf("Send to it: got %v, want ErrNoRoom", err)
			}
			if opened, err := b.Opened(ctx); err != nil || !slices.Equal(opened, []string{"other"}) {
				t.Errorf("Opened: got %v, %v; want the other", opened, err)
			}
			open(t, b, "r", durability)
			if err := b.Send(ctx, message("r", 3)); err != nil {
				t.Fatal(err)
			}
			if durability != broker.Kept {
				return
			}
			after := reopen(t, crashed(t, folder))
			pipe, err = after.Consume(ctx, broker.Consumption{Room: "r"})
			if err != nil {
				t.Fatal(err)
			}
			if taken, err = pipe.Take(nil); err != nil || len(taken) != 1 || taken[0].Seq != 3 {
				t.Errorf("after a crash: got %v, %v; want the message that came last", taken, err)
			}
		})
	}
}

func TestARetiredRoomIsGoneAfterTheEnd(t *testing.T) {
	ctx, folder := t.Context(), t.TempDir()
	b := reopen(t, folder)
	open(t, b, "r", broker.Kept)
	if gone, err := b.Retire(ctx, "r"); !gone || err != nil {
		t.Fatalf("Retire: got %v, %v", gone, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if opened, err := reopen(t, folder).Opened(ctx); err != nil || len(opened) > 0 {
		t.Errorf("Opened after the end: got %v, %v; want none", opened, err)
	}
}

// A message that was taken is never in a queue that was retired.
func TestNothingIsLostInARetiredQueue(t *testing.T) {
	ctx := t.Context()
	b := memory.New(memory.Config{})
	defer b.Close()
	for i := range 2000 {
		room := fmt.Sprint(i)
		open(t, b, room, broker.Kept)
		var gone bool
		var sent, retired error
		var both sync.WaitGroup
		both.Go(func() { sent = b.Send(ctx, message(room, 1)) })
		both.Go(func() { gone, retired = b.Retire(ctx, room) })
		both.Wait()
		if retired != nil || gone == (sent == nil) || !gone && sent != nil {
			t.Fatalf("sent: %v; retired: %v, %v", sent, gone, retired)
		}
	}
}
