// Package brokertest proves that a back end keeps the promises of package broker.
package brokertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

// Backend is what is to be proved.
type Backend struct {
	// System makes a fresh system of pipes, which ends with the test.
	System func(t *testing.T) System
	// Restartable makes one that can be restarted; nil: a restart is the end of everything that this back end holds.
	Restartable func(t *testing.T) System
	// Many is the number of rooms for the case that opens and deletes many; 0 is 5,000.
	Many int
	// Over is how many messages more than Spec.Bound a queue may take before it is full.
	Over int
}

// System is one system of pipes.
type System struct {
	// New returns another Broker on it, as another process would have. The suite closes it.
	New func() broker.Broker
	// Left counts the queues and bindings that are there now; nil: they can't be seen from outside.
	Left func() (queues, bindings int)
	// Stop and Start restart it as a whole; of Restartable only.
	Stop, Start func()
}

// limit is how long the suite waits for anything; no promise about time.
const limit = 60 * time.Second

// Test runs all cases. It must not run in parallel with other tests: one case counts goroutines.
func Test(t *testing.T, backend Backend) {
	alone := map[string]func(*testing.T, *world){
		"many rooms leave nothing behind": func(t *testing.T, w *world) { testNothingLeft(t, w, backend.Many) },
	}
	cases := map[string]func(*testing.T, *world){
		"order under load with many rooms":        testOrder,
		"rooms are isolated":                      testIsolation,
		"sent is held":                            testSentIsHeld,
		"unknown room":                            testUnknownRoom,
		"opening again changes nothing":           testOpenAgain,
		"full queue":                              func(t *testing.T, w *world) { testFull(t, w, backend.Over) },
		"close hands over in the old order":       testPipeCloses,
		"death hands over in the old order":       testProcessDies,
		"later consumer gets the rest":            testLaterConsumer,
		"single active consumer":                  testSingleActive,
		"ack covers all before it":                testAckMultiple,
		"ack of a tag that was not given":         testAckUnknown,
		"prefetch bounds what is unacked":         testPrefetch,
		"closed pipe":                             testClosedPipe,
		"closed broker":                           testClosedBroker,
		"delete takes the room from consumers":    testDelete,
		"ended context":                           testEndedContext,
		"message keeps every field":               testMessageFields,
		"output keeps every field":                testOutputFields,
		"bind is in place on return":              testBind,
		"unbind":                                  testUnbind,
		"every feed hears":                        testTwoFeeds,
		"closing feed waits for its last call":    testClosingFeed,
		"closed feed":                             testClosedFeed,
		"board":                                   testBoard,
		"board watcher ends":                      testBoardEnds,
		"publish of many in one call":             testPublishMany,
		"publish after the room is deleted":       testPublishLost,
		"deleted room can be opened again, empty": testReopen,
	}
	for name, test := range alone {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, backend.System(t))) })
	}
	t.Run("cases", func(t *testing.T) {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, newWorld(t, backend.System(t)))
			})
		}
	})
	if backend.Restartable != nil {
		t.Run("restart", func(t *testing.T) { testRestart(t, newWorld(t, backend.Restartable(t))) })
	}
}

// world is a system with what cases do to it.
type world struct {
	System
	t   *testing.T
	ctx context.Context
}

func newWorld(t *testing.T, s System) *world {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return &world{System: s, t: t, ctx: ctx}
}

// process returns a Broker that is closed at the end.
func (w *world) process() broker.Broker {
	w.t.Helper()
	b := w.New()
	w.t.Cleanup(func() {
		if err := b.Close(); err != nil {
			w.t.Errorf("Close: %v", err)
		}
	})
	return b
}

func (w *world) open(b broker.Broker, s broker.Spec) {
	w.t.Helper()
	if err := b.Open(w.ctx, s); err != nil {
		w.t.Fatalf("Open(%+v): %v", s, err)
	}
}

// send sends messages from..to, with these numbers as Seq.
func (w *world) send(b broker.Broker, room string, from, to int) {
	w.t.Helper()
	for n := from; n <= to; n++ {
		if err := b.Send(w.ctx, numbered(room, n)); err != nil {
			w.t.Fatalf("Send %d to %s: %v", n, room, err)
		}
	}
}

func numbered(room string, n int) *broker.Message {
	return &broker.Message{Room: room, Type: "say", User: "u1", Seq: uint64(n), Body: fmt.Appendf(nil, "%s/%d", room, n)}
}

func said(room string, n int) *broker.Output {
	return &broker.Output{Room: room, Type: "said", At: broker.Position{Epoch: 1, N: uint64(n)}, Body: fmt.Appendf(nil, "%s/%d", room, n)}
}

// consumer is a worker of one room.
type consumer struct {
	broker.Pipe
	w       *world
	room    string
	woken   chan struct{}
	pending []broker.Delivery
}

func (w *world) consume(b broker.Broker, room string, prefetch int) *consumer {
	w.t.Helper()
	c := &consumer{w: w, room: room, woken: make(chan struct{}, 1)}
	pipe, err := b.Consume(w.ctx, broker.Consumption{Room: room, Prefetch: prefetch, Wake: c.wake})
	if err != nil {
		w.t.Fatalf("Consume(%s): %v", room, err)
	}
	c.Pipe = pipe
	return c
}

func (c *consumer) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// next waits for one delivery.
func (c *consumer) next() (broker.Delivery, error) {
	for len(c.pending) == 0 {
		ds, err := c.Take(nil)
		if err != nil {
			return broker.Delivery{}, err
		}
		if c.pending = ds; len(ds) > 0 {
			break
		}
		select {
		case <-c.woken:
		case <-c.w.ctx.Done():
			return broker.Delivery{}, fmt.Errorf("waiting for a message of %s: %w", c.room, c.w.ctx.Err())
		}
	}
	d := c.pending[0]
	c.pending = c.pending[1:]
	return d, nil
}

// expect takes messages from..to in this order and returns the last one's tag.
func (c *consumer) expect(from, to int, redelivered bool) (tag uint64) {
	c.w.t.Helper()
	for n := from; n <= to; n++ {
		d, err := c.next()
		if err != nil {
			c.w.t.Fatalf("message %d of %s: %v", n, c.room, err)
		}
		if d.Seq != uint64(n) || d.Room != c.room || d.Redelivered != redelivered {
			c.w.t.Fatalf("got message %d of %s, redelivered %v; want %d of %s, %v", d.Seq, d.Room, d.Redelivered, n, c.room, redelivered)
		}
		if d.Tag <= tag {
			c.w.t.Fatalf("got tag %d after %d", d.Tag, tag)
		}
		tag = d.Tag
	}
	return tag
}

// follow takes messages from to to, in this order. Whether one is redelivered is the broker's affair: it may have given
// it to a consumer that was just closing.
func (c *consumer) follow(from, to int) (tag uint64) {
	c.w.t.Helper()
	for n := from; n <= to; n++ {
		d, err := c.next()
		if err != nil {
			c.w.t.Fatalf("message %d of %s: %v", n, c.room, err)
		}
		if d.Seq != uint64(n) || d.Room != c.room {
			c.w.t.Fatalf("got message %d of %s, want %d of %s", d.Seq, d.Room, n, c.room)
		}
		tag = d.Tag
	}
	return tag
}

// expectError waits until Take gives want.
func (c *consumer) expectError(want error) {
	c.w.t.Helper()
	for {
		d, err := c.next()
		if err == nil {
			c.w.t.Logf("passing over message %d", d.Seq)
			continue
		}
		wantError(c.w.t, "Take", err, want)
		return
	}
}

// expectNothing is for moments at which something wrong would be there already.
func (c *consumer) expectNothing() {
	c.w.t.Helper()
	ds, err := c.Take(c.pending)
	if err != nil || len(ds) > 0 {
		c.w.t.Fatalf("Take: got %d messages, %v; want none", len(ds), err)
	}
}

func (c *consumer) ack(tag uint64) {
	c.w.t.Helper()
	if err := c.Ack(tag); err != nil {
		c.w.t.Fatalf("Ack(%d): %v", tag, err)
	}
}

func (c *consumer) publish(outs ...*broker.Output) {
	c.w.t.Helper()
	if err := c.Publish(c.w.ctx, outs); err != nil {
		c.w.t.Fatalf("Publish to %s: %v", c.room, err)
	}
}

func (c *consumer) close() {
	c.w.t.Helper()
	if err := c.Close(); err != nil {
		c.w.t.Fatalf("Pipe.Close: %v", err)
	}
}

// eventually waits for what can't be signalled.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.t.Fatalf("%s: not within %v", what, limit)
		}
	}
}
