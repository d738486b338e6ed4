package brokertest

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/madang-games/madang/broker"
)

// ear is a gateway: a feed and what it has heard.
type ear struct {
	broker.Feed
	w *world

	mu     sync.Mutex
	heard  map[string][]*broker.Output
	broken int
	news   chan struct{} // takes one
}

func (w *world) listen(b broker.Broker) *ear {
	w.t.Helper()
	e := &ear{w: w, heard: map[string][]*broker.Output{}, news: make(chan struct{}, 1)}
	tell := func() {
		select {
		case e.news <- struct{}{}:
		default:
		}
	}
	feed, err := b.Feed(w.ctx, broker.Receiver{
		Deliver: func(room string, outs []*broker.Output) {
			e.mu.Lock()
			e.heard[room] = append(e.heard[room], outs...)
			e.mu.Unlock()
			tell()
		},
		Broken: func() {
			e.mu.Lock()
			e.broken++
			e.mu.Unlock()
			tell()
		},
	})
	if err != nil {
		w.t.Fatalf("Feed: %v", err)
	}
	e.Feed = feed
	return e
}

func (e *ear) bind(room string) {
	e.w.t.Helper()
	if err := e.Bind(e.w.ctx, room); err != nil {
		e.w.t.Fatalf("Bind(%s): %v", room, err)
	}
}

// await waits for is, which is called under the ear's lock after each piece of news.
func (e *ear) await(what string, is func() bool) {
	e.w.t.Helper()
	for {
		e.mu.Lock()
		done := is()
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-e.news:
		case <-e.w.ctx.Done():
			e.w.t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// take waits for n outputs of a room and takes them away.
func (e *ear) take(room string, n int) (outs []*broker.Output) {
	e.w.t.Helper()
	e.await(fmt.Sprintf("%d outputs of %s", n, room), func() bool {
		if len(e.heard[room]) < n {
			return false
		}
		outs = e.heard[room][:n:n]
		e.heard[room] = e.heard[room][n:]
		return true
	})
	return outs
}

func (e *ear) expect(room string, from, to int) {
	e.w.t.Helper()
	for i, o := range e.take(room, to-from+1) {
		if want := said(room, from+i); o.At != want.At || o.Room != room || string(o.Body) != string(want.Body) {
			e.w.t.Fatalf("got output %d of %s (%q), want %d of %s", o.At.N, o.Room, o.Body, from+i, room)
		}
	}
}

// expectOnly checks that nothing else was heard of any room, but what was taken of these.
func (e *ear) expectOnly(rooms ...string) {
	e.w.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for room, outs := range e.heard {
		if !slices.Contains(rooms, room) || len(outs) > 0 {
			e.w.t.Errorf("heard %d outputs of room %s, rooms %v", len(outs), room, slices.Collect(maps.Keys(e.heard)))
		}
	}
}

func testBind(t *testing.T, w *world) {
	worker, web := w.process(), w.process()
	hear := w.listen(web)
	hear.bind("not open")
	for i := range 50 {
		room := fmt.Sprintf("r%d", i)
		w.open(worker, broker.Spec{Room: room, Durability: broker.Passing})
		c := w.consume(worker, room, 0)
		hear.bind(room)
		if i%2 == 0 {
			hear.bind(room) // again: not twice as many
		}
		c.publish(said(room, 1))
		c.publish(said(room, 2), said(room, 3))
		hear.expect(room, 1, 3)
	}
	hear.mu.Lock()
	defer hear.mu.Unlock()
	for room, outs := range hear.heard {
		if len(outs) > 0 {
			t.Errorf("%s: %d outputs too many", room, len(outs))
		}
	}
}

func testUnbind(t *testing.T, w *world) {
	b := w.process()
	hear := w.listen(b)
	w.open(b, broker.Spec{Room: "a"})
	w.open(b, broker.Spec{Room: "b"})
	a, bb := w.consume(b, "a", 0), w.consume(b, "b", 0)
	hear.bind("a")
	hear.bind("b")
	a.publish(said("a", 1))
	hear.expect("a", 1, 1)
	for range 2 {
		if err := hear.Unbind(w.ctx, "a"); err != nil {
			t.Fatalf("Unbind: %v", err)
		}
	}
	a.publish(said("a", 2))
	bb.publish(said("b", 1)) // comes after whatever was on its way
	hear.expect("b", 1, 1)
	hear.expectOnly("a", "b")
	hear.bind("a")
	a.publish(said("a", 3))
	hear.expect("a", 3, 3)
}

func testTwoFeeds(t *testing.T, w *world) {
	worker := w.process()
	w.open(worker, broker.Spec{Room: "r"})
	c := w.consume(worker, "r", 0)
	one, two := w.listen(w.process()), w.listen(w.process())
	one.bind("r")
	two.bind("r")
	for n := 1; n <= 100; n++ {
		c.publish(said("r", n))
	}
	one.expect("r", 1, 100)
	two.expect("r", 1, 100)
}

func testClosedFeed(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	hear, other := w.listen(b), w.listen(b)
	hear.bind("r")
	other.bind("r")
	c.publish(said("r", 1))
	hear.expect("r", 1, 1)
	for range 2 {
		if err := hear.Close(); err != nil {
			t.Fatalf("Feed.Close: %v", err)
		}
	}
	c.publish(said("r", 2))
	other.expect("r", 1, 2)
	hear.expectOnly("r")
	wantError(t, "Bind", hear.Bind(w.ctx, "r"), broker.ErrClosed)
}

func testClosingFeed(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	entered, leave := make(chan struct{}), make(chan struct{})
	var delivering atomic.Bool
	feed, err := b.Feed(w.ctx, broker.Receiver{
		Deliver: func(string, []*broker.Output) {
			delivering.Store(true)
			close(entered)
			<-leave
			delivering.Store(false)
		},
		Broken: func() {},
	})
	if err != nil {
		t.Fatalf("Feed: %v", err)
	}
	if err := feed.Bind(w.ctx, "r"); err != nil {
		t.Fatalf("Bind: %v", err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := c.Publish(w.ctx, []*broker.Output{said("r", 1)}); err != nil {
			t.Errorf("Publish: %v", err)
		}
	})
	<-entered
	all.Go(func() {
		if err := feed.Close(); err != nil {
			t.Errorf("Feed.Close: %v", err)
		}
		if delivering.Load() {
			t.Error("Close has returned while Deliver was being called")
		}
	})
	for range 1_000 { // a Close that does not wait has time to be seen
		runtime.Gosched()
	}
	close(leave)
	all.Wait()
	if err := c.Publish(w.ctx, []*broker.Output{said("r", 2)}); err != nil { // a call of Deliver would panic
		t.Errorf("Publish: %v", err)
	}
}

func testPublishMany(t *testing.T, w *world) {
	const many = 2_000
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	hear := w.listen(b)
	hear.bind("r")
	outs := make([]*broker.Output, many)
	for i := range outs {
		outs[i] = said("r", i+1)
		if i%3 == 0 {
			outs[i].To = []string{"u1"} // the order is one line, whoever may see it
		}
	}
	c.publish(outs...)
	c.publish()
	hear.expect("r", 1, many)
}

func testPublishLost(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	if err := b.Delete(w.ctx, "r"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	c.expectError(broker.ErrLost)
	wantError(t, "Publish", c.Publish(w.ctx, []*broker.Output{said("r", 1)}), broker.ErrLost)
}
