package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/madang-games/madang/broker"
)

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// both runs f for each durability.
func both(t *testing.T, w *world, f func(room string, d broker.Durability)) {
	t.Helper()
	f("kept", broker.Kept)
	f("passing", broker.Passing)
}

func testOrder(t *testing.T, w *world) {
	const rooms, messages = 40, 100
	lobby, web, worker := w.process(), w.process(), w.process()
	hear := w.listen(web)
	var all sync.WaitGroup
	defer all.Wait()
	for i := range rooms {
		room := fmt.Sprintf("r%d", i)
		w.open(lobby, broker.Spec{Room: room, Durability: broker.Durability(i % 2)})
		hear.bind(room)
		c := w.consume(worker, room, 16)
		all.Go(func() {
			for n := 1; n <= messages; n++ {
				if err := web.Send(w.ctx, numbered(room, n)); err != nil {
					t.Errorf("Send %d to %s: %v", n, room, err)
					return
				}
			}
		})
		all.Go(func() {
			for n := 1; n <= messages; n++ {
				d, err := c.next()
				if err != nil || d.Seq != uint64(n) || d.Room != room {
					t.Errorf("%s: got %+v, %v; want message %d", room, d.Message, err, n)
					return
				}
				if err := c.Publish(w.ctx, []*broker.Output{said(room, n)}); err != nil {
					t.Errorf("Publish %d to %s: %v", n, room, err)
					return
				}
				if err := c.Ack(d.Tag); err != nil {
					t.Errorf("Ack %d of %s: %v", n, room, err)
					return
				}
			}
		})
	}
	for i := range rooms {
		hear.expect(fmt.Sprintf("r%d", i), 1, messages)
	}
}

func testIsolation(t *testing.T, w *world) {
	b := w.process()
	hear := w.listen(b)
	w.open(b, broker.Spec{Room: "a"})
	w.open(b, broker.Spec{Room: "b"})
	w.open(b, broker.Spec{Room: "ab"})
	hear.bind("a")
	ca, cb, cab := w.consume(b, "a", 0), w.consume(b, "b", 0), w.consume(b, "ab", 0)
	w.send(b, "a", 1, 3)
	w.send(b, "b", 1, 2)
	w.send(b, "ab", 1, 1)
	ca.expect(1, 3, false)
	cb.expect(1, 2, false)
	cab.expect(1, 1, false)
	ca.expectNothing()
	cb.expectNothing()
	cb.publish(said("b", 1))
	cab.publish(said("ab", 1))
	ca.publish(said("a", 1))
	hear.expect("a", 1, 1)
	hear.expectOnly("a")
}

func testSentIsHeld(t *testing.T, w *world) {
	sender, worker := w.New(), w.process()
	w.open(worker, broker.Spec{Room: "r"})
	w.send(sender, "r", 1, 20)
	if err := sender.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	w.consume(worker, "r", 0).expect(1, 20, false)
}

func testUnknownRoom(t *testing.T, w *world) {
	b := w.process()
	wantError(t, "Send", b.Send(w.ctx, numbered("none", 1)), broker.ErrNoRoom)
	_, err := b.Consume(w.ctx, broker.Consumption{Room: "none", Wake: func() {}})
	wantError(t, "Consume", err, broker.ErrNoRoom)
	if err := b.Delete(w.ctx, "none"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	// What failed has harmed nothing.
	w.open(b, broker.Spec{Room: "some"})
	w.send(b, "some", 1, 1)
	w.consume(b, "some", 0).expect(1, 1, false)
}

func testOpenAgain(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 3)
	w.open(b, broker.Spec{Room: "r"})
	w.open(b, broker.Spec{Room: "r", Bound: 1, Durability: broker.Passing})
	w.send(b, "r", 4, 5)
	w.consume(b, "r", 0).expect(1, 5, false)
}

func testReopen(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 3)
	if err := b.Delete(w.ctx, "r"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 10, 11)
	w.consume(b, "r", 0).expect(10, 11, false)
}

func testFull(t *testing.T, w *world, over int) {
	both(t, w, func(room string, d broker.Durability) {
		const bound = 10
		b := w.process()
		w.open(b, broker.Spec{Room: room, Durability: d, Bound: bound})
		held := 0
		var err error
		for held < 2*bound && err == nil {
			if err = b.Send(w.ctx, numbered(room, held+1)); err == nil {
				held++
			}
		}
		wantError(t, "Send to a full queue", err, broker.ErrFull)
		if held < bound || held > bound+over {
			t.Errorf("%s: the queue took %d messages, want %d and at most %d more", room, held, bound, over)
		}
		// Nothing was taken, and there is room again when the first ones are done.
		c := w.consume(b, room, 0)
		c.ack(c.expect(1, held, false))
		w.eventually("Send after the queue was emptied", func() bool {
			err := b.Send(w.ctx, numbered(room, held+1))
			if err != nil {
				wantError(t, "Send", err, broker.ErrFull)
			}
			return err == nil
		})
		c.expect(held+1, held+1, false)
	})
}

func testPipeCloses(t *testing.T, w *world) {
	both(t, w, func(room string, d broker.Durability) {
		handOver(w, room, d, func(active *consumer, process broker.Broker) { active.close() })
	})
}

func testProcessDies(t *testing.T, w *world) {
	both(t, w, func(room string, d broker.Durability) {
		handOver(w, room, d, func(active *consumer, process broker.Broker) {
			if err := process.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		})
	})
}

// handOver ends the active consumer of two while it has acked some, taken some and left some.
func handOver(w *world, room string, d broker.Durability, end func(*consumer, broker.Broker)) {
	w.t.Helper()
	first, second, sender := w.New(), w.process(), w.process()
	defer first.Close()
	w.open(sender, broker.Spec{Room: room, Durability: d})
	active := w.consume(first, room, 100)
	standby := w.consume(second, room, 100)
	w.send(sender, room, 1, 150)
	active.ack(active.expect(1, 10, false))
	active.expect(11, 60, false)
	standby.expectNothing()
	end(active, first)
	// The broker had given more than was taken; which ones is its affair. The order is not.
	redelivered := true
	for n := 11; n <= 150; n++ {
		d, err := standby.next()
		if err != nil {
			w.t.Fatalf("message %d: %v", n, err)
		}
		if d.Seq != uint64(n) {
			w.t.Fatalf("got message %d, want %d", d.Seq, n)
		}
		if !d.Redelivered && n <= 60 {
			w.t.Errorf("message %d had been taken but does not say that it is redelivered", n)
		}
		if d.Redelivered && !redelivered {
			w.t.Errorf("message %d says that it is redelivered, the one before does not", n)
		}
		redelivered = d.Redelivered
		if n%50 == 0 {
			standby.ack(d.Tag)
		}
	}
	w.send(sender, room, 151, 152)
	standby.ack(standby.expect(151, 152, false))
}

func testLaterConsumer(t *testing.T, w *world) {
	both(t, w, func(room string, d broker.Durability) {
		b := w.process()
		w.open(b, broker.Spec{Room: room, Durability: d})
		w.send(b, room, 1, 5)
		c := w.consume(b, room, 0)
		c.ack(c.expect(1, 2, false))
		c.expect(3, 5, false)
		c.close()
		w.send(b, room, 6, 7)
		c = w.consume(b, room, 0)
		c.expect(3, 5, true)
		c.ack(c.follow(6, 7))
		c.close()
		w.send(b, room, 8, 8)
		w.consume(b, room, 0).follow(8, 8)
	})
}

func testSingleActive(t *testing.T, w *world) {
	b, other := w.process(), w.process()
	w.open(b, broker.Spec{Room: "r"})
	first, second, third := w.consume(b, "r", 2), w.consume(other, "r", 2), w.consume(b, "r", 2)
	w.send(b, "r", 1, 10)
	first.expect(1, 2, false) // all it may have: the others would be given the rest
	second.expectNothing()
	third.expectNothing()
	second.close() // out of the line before its turn
	first.close()
	third.expect(1, 2, true)
}

func testAckMultiple(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 10)
	c := w.consume(b, "r", 0)
	tag := c.expect(1, 6, false)
	c.expect(7, 10, false)
	c.ack(tag)
	c.ack(tag) // again: no harm
	c.close()
	w.consume(b, "r", 0).expect(7, 10, true)
}

func testAckUnknown(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 2)
	c := w.consume(b, "r", 0)
	tag := c.expect(1, 2, false)
	if err := c.Ack(tag + 1); err == nil {
		t.Error("Ack of a tag that was not given: got no error")
	}
	c.ack(tag)
	w.send(b, "r", 3, 3)
	c.expect(3, 3, false)
}

func testPrefetch(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 20)
	c := w.consume(b, "r", 5)
	tag := c.expect(1, 2, false)
	c.expect(3, 5, false)
	c.expectNothing()
	c.ack(tag)
	tag = c.expect(6, 7, false)
	c.expectNothing()
	c.ack(tag)
	tag = c.expect(8, 12, false)
	c.expectNothing()
	// Who waits for Wake hears of what an ack has made room for.
	select {
	case <-c.woken:
	default:
	}
	c.ack(tag)
	select {
	case <-c.woken:
	case <-w.ctx.Done():
		t.Error("Wake was not called after Ack")
	}
	c.expect(13, 17, false)
}

func testClosedPipe(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	w.send(b, "r", 1, 1)
	c := w.consume(b, "r", 0)
	tag := c.expect(1, 1, false)
	c.close()
	c.close()
	_, err := c.Take(nil)
	wantError(t, "Take", err, broker.ErrLost)
	wantError(t, "Ack", c.Ack(tag), broker.ErrLost)
	wantError(t, "Publish", c.Publish(w.ctx, []*broker.Output{said("r", 1)}), broker.ErrLost)
	w.consume(b, "r", 0).expect(1, 1, true)
}

func testClosedBroker(t *testing.T, w *world) {
	b := w.New()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	feed, err := b.Feed(w.ctx, broker.Receiver{Deliver: func(string, []*broker.Output) {}, Broken: func() {}})
	if err != nil {
		t.Fatalf("Feed: %v", err)
	}
	if err := b.Ready(w.ctx); err != nil {
		t.Errorf("Ready: %v", err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	c.expectError(broker.ErrClosed)
	wantError(t, "Ack", c.Ack(1), broker.ErrClosed)
	wantError(t, "Publish", c.Publish(w.ctx, []*broker.Output{said("r", 1)}), broker.ErrClosed)
	if err := c.Close(); err != nil {
		t.Errorf("Pipe.Close: %v", err)
	}
	wantError(t, "Ready", b.Ready(w.ctx), broker.ErrClosed)
	wantError(t, "Open", b.Open(w.ctx, broker.Spec{Room: "s"}), broker.ErrClosed)
	wantError(t, "Delete", b.Delete(w.ctx, "r"), broker.ErrClosed)
	wantError(t, "Send", b.Send(w.ctx, numbered("r", 1)), broker.ErrClosed)
	_, err = b.Consume(w.ctx, broker.Consumption{Room: "r", Wake: func() {}})
	wantError(t, "Consume", err, broker.ErrClosed)
	_, err = b.Feed(w.ctx, broker.Receiver{Deliver: func(string, []*broker.Output) {}, Broken: func() {}})
	wantError(t, "Feed", err, broker.ErrClosed)
	wantError(t, "Bind", feed.Bind(w.ctx, "r"), broker.ErrClosed)
	wantError(t, "Post", b.Post(w.ctx, broker.Notice{Kind: "k"}), broker.ErrClosed)
	wantError(t, "Watch", b.Watch(w.ctx, func(broker.Notice) {}), broker.ErrClosed)
	if err := feed.Close(); err != nil {
		t.Errorf("Feed.Close: %v", err)
	}
}

func testDelete(t *testing.T, w *world) {
	both(t, w, func(room string, d broker.Durability) {
		b, other := w.process(), w.process()
		w.open(b, broker.Spec{Room: room, Durability: d})
		active, standby := w.consume(b, room, 0), w.consume(other, room, 0)
		w.send(b, room, 1, 3)
		tag := active.expect(1, 3, false)
		if err := b.Delete(w.ctx, room); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		active.expectError(broker.ErrLost)
		standby.expectError(broker.ErrLost)
		wantError(t, "Ack", active.Ack(tag), broker.ErrLost)
		wantError(t, "Send", b.Send(w.ctx, numbered(room, 4)), broker.ErrNoRoom)
		_, err := b.Consume(w.ctx, broker.Consumption{Room: room, Wake: func() {}})
		wantError(t, "Consume", err, broker.ErrNoRoom)
		if err := b.Delete(w.ctx, room); err != nil {
			t.Errorf("second Delete: %v", err)
		}
	})
}

func testEndedContext(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	feed, err := b.Feed(w.ctx, broker.Receiver{Deliver: func(string, []*broker.Output) {}, Broken: func() {}})
	if err != nil {
		t.Fatalf("Feed: %v", err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	wantError(t, "Open", b.Open(ctx, broker.Spec{Room: "s"}), context.Canceled)
	wantError(t, "Delete", b.Delete(ctx, "s"), context.Canceled)
	wantError(t, "Send", b.Send(ctx, numbered("r", 1)), context.Canceled)
	_, err = b.Consume(ctx, broker.Consumption{Room: "r", Wake: func() {}})
	wantError(t, "Consume", err, context.Canceled)
	wantError(t, "Publish", c.Publish(ctx, []*broker.Output{said("r", 1)}), context.Canceled)
	_, err = b.Feed(ctx, broker.Receiver{Deliver: func(string, []*broker.Output) {}, Broken: func() {}})
	wantError(t, "Feed", err, context.Canceled)
	wantError(t, "Bind", feed.Bind(ctx, "r"), context.Canceled)
	wantError(t, "Post", b.Post(ctx, broker.Notice{Kind: "k"}), context.Canceled)
	wantError(t, "Watch", b.Watch(ctx, func(broker.Notice) {}), context.Canceled)
	wantError(t, "Ready", b.Ready(ctx), context.Canceled)
}
