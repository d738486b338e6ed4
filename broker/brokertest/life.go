package brokertest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

// testNothingLeft opens, uses and deletes many rooms.
func testNothingLeft(t *testing.T, w *world, many int) {
	if many == 0 {
		many = 5_000
	}
	if w.Left != nil {
		w.Left() // it may keep a connection, with goroutines of its own
	}
	before := runtime.NumGoroutine()
	b := w.process()
	hear := w.listen(b)
	use := func(room string) error {
		if err := b.Open(w.ctx, broker.Spec{Room: room, Durability: broker.Passing}); err != nil {
			return fmt.Errorf("open %s: %w", room, err)
		}
		if err := hear.Bind(w.ctx, room); err != nil {
			return fmt.Errorf("bind %s: %w", room, err)
		}
		c := &consumer{w: w, room: room, woken: make(chan struct{}, 1)}
		pipe, err := b.Consume(w.ctx, broker.Consumption{Room: room, Wake: c.wake})
		if err != nil {
			return fmt.Errorf("consume %s: %w", room, err)
		}
		c.Pipe = pipe
		if err := b.Send(w.ctx, numbered(room, 1)); err != nil {
			return fmt.Errorf("send to %s: %w", room, err)
		}
		d, err := c.next()
		if err != nil {
			return err
		}
		if err := c.Publish(w.ctx, []*broker.Output{said(room, int(d.Seq))}); err != nil {
			return fmt.Errorf("publish to %s: %w", room, err)
		}
		if err := c.Ack(d.Tag); err != nil {
			return fmt.Errorf("ack of %s: %w", room, err)
		}
		if err := b.Delete(w.ctx, room); err != nil {
			return fmt.Errorf("delete %s: %w", room, err)
		}
		if err := hear.Unbind(w.ctx, room); err != nil {
			return fmt.Errorf("unbind %s: %w", room, err)
		}
		return pipe.Close()
	}
	hear.bind("bound to the end")
	// The first room makes the connections that stay.
	if err := use("first"); err != nil {
		t.Fatal(err)
	}
	queues, bindings := 0, 0
	if w.Left != nil {
		queues, bindings = w.Left()
	}
	goroutines := runtime.NumGoroutine()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := i; n < many; n += 8 {
				if err := use(fmt.Sprintf("r%d", n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	hear.await("an output of every room", func() bool { return len(hear.heard) == many+1 })
	// A few short calls of a client library may be cached with their channels; a leak would be as large as many.
	w.eventually("goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+8 })
	if w.Left != nil {
		w.eventually("queues and bindings go", func() bool {
			q, b := w.Left()
			return q <= queues && b <= bindings
		})
	}
	if err := hear.Close(); err != nil {
		t.Errorf("Feed.Close: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	w.eventually("all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	if w.Left != nil {
		w.eventually("the gateway's own queue goes", func() bool {
			q, b := w.Left()
			return q == 0 && b == 0
		})
	}
}

// testRestart stops the system under everything and starts it again.
func testRestart(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	w.ctx = ctx
	lobby, web, worker := w.process(), w.process(), w.process()
	w.open(lobby, broker.Spec{Room: "kept"})
	w.open(lobby, broker.Spec{Room: "passing", Durability: broker.Passing})
	hear := w.listen(web)
	hear.bind("kept")
	hear.bind("never opened")
	notices := make(chan broker.Notice, 100)
	if err := worker.Watch(ctx, func(n broker.Notice) { notices <- n }); err != nil {
		t.Fatalf("Watch: %v", err)
	}
	c := w.consume(worker, "kept", 0)
	w.send(web, "kept", 1, 20)
	c.ack(c.expect(1, 5, false))
	tag := c.expect(6, 10, false)

	w.Stop()
	c.expectError(broker.ErrLost)
	wantError(t, "Ack", c.Ack(tag), broker.ErrLost)
	wantError(t, "Publish", c.Publish(ctx, []*broker.Output{said("kept", 1)}), broker.ErrLost)
	w.eventually("Ready says that it is down", func() bool { return web.Ready(ctx) != nil })
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	wantError(t, "Send while it is down", web.Send(short, numbered("kept", 99)), context.DeadlineExceeded)
	_, err := worker.Consume(short, broker.Consumption{Room: "kept", Wake: func() {}})
	wantError(t, "Consume while it is down", err, context.DeadlineExceeded)

	// What begins while it is down is done when it is back.
	late := make(chan error, 4)
	go func() { late <- web.Send(ctx, numbered("kept", 21)) }()
	go func() { late <- hear.Bind(ctx, "bound meanwhile") }()
	go func() { late <- lobby.Open(ctx, broker.Spec{Room: "opened meanwhile"}) }()
	go func() { late <- lobby.Post(ctx, broker.Notice{Kind: "posted meanwhile"}) }()
	early := w.process() // begins while it is down
	if early.Ready(ctx) == nil {
		t.Error("Ready of a Broker that was made while it is down: got no error")
	}
	w.Start()
	for range 4 {
		if err := <-late; err != nil {
			t.Errorf("begun while it was down: %v", err)
		}
	}
	hear.await("Broken", func() bool { return hear.broken > 0 })
	for name, p := range map[string]broker.Broker{"lobby": lobby, "web": web, "worker": worker, "early": early} {
		w.eventually(name+" is ready", func() bool { return p.Ready(ctx) == nil })
	}
	c = w.consume(early, "kept", 0)
	c.expectSeqs(6, 21)
	w.send(web, "kept", 22, 30)
	c.expectSeqs(22, 30)
	c.publish(said("kept", 1), said("kept", 2))
	hear.expect("kept", 1, 2)
	for _, room := range []string{"never opened", "bound meanwhile"} {
		w.open(lobby, broker.Spec{Room: room})
		other := w.consume(worker, room, 0)
		other.publish(said(room, 1))
		hear.expect(room, 1, 1)
	}
	w.eventually("the board works again", func() bool {
		if err := lobby.Post(ctx, broker.Notice{Kind: "after"}); err != nil {
			t.Fatalf("Post: %v", err)
		}
		for {
			select {
			case n := <-notices:
				if n.Kind == "after" {
					return true
				}
			default:
				return false
			}
		}
	})
}

// expectSeqs takes messages from..to, whether they were given before or not.
func (c *consumer) expectSeqs(from, to int) {
	c.w.t.Helper()
	for n := from; n <= to; n++ {
		d, err := c.next()
		if err != nil {
			c.w.t.Fatalf("message %d of %s: %v", n, c.room, err)
		}
		if d.Seq != uint64(n) {
			c.w.t.Fatalf("got message %d of %s, want %d", d.Seq, c.room, n)
		}
		c.ack(d.Tag)
	}
}
