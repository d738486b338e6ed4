package brokertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/madang-games/madang/broker"
)

func testBoard(t *testing.T, w *world) {
	a, b := w.process(), w.process()
	post := func(p broker.Broker, from string, n int) {
		t.Helper()
		notice := broker.Notice{Kind: broker.NoticeProcess, From: from, Body: fmt.Appendf(nil, `{"n":%d}`, n), Time: someTime}
		if err := p.Post(w.ctx, notice); err != nil {
			t.Fatalf("Post: %v", err)
		}
	}
	post(a, "a", 0) // before anybody watches: gone
	const notices = 50
	seen := make([]chan broker.Notice, 2)
	for i, p := range []broker.Broker{a, b} {
		seen[i] = make(chan broker.Notice, 4*notices)
		if err := p.Watch(w.ctx, func(n broker.Notice) { seen[i] <- n }); err != nil {
			t.Fatalf("Watch: %v", err)
		}
	}
	for n := 1; n <= notices; n++ {
		post(a, "a", n)
		post(b, "b", n)
	}
	for i := range seen {
		next := map[string]int{"a": 1, "b": 1}
		for range 2 * notices {
			select {
			case n := <-seen[i]:
				want := fmt.Sprintf(`{"n":%d}`, next[n.From])
				if string(n.Body) != want || n.Kind != broker.NoticeProcess || !n.Time.Equal(someTime) {
					t.Fatalf("watcher %d: got %+v (%s), want body %s", i, n, n.Body, want)
				}
				next[n.From]++
			case <-w.ctx.Done():
				t.Fatalf("watcher %d: next %v, want %d of each", i, next, notices)
			}
		}
	}
	if err := a.Post(w.ctx, broker.Notice{Kind: "k", Body: make([]byte, 64<<10+1)}); err == nil {
		t.Error("Post of a body above 64 KiB: got no error")
	}
}

func testBoardEnds(t *testing.T, w *world) {
	b := w.process()
	ctx, cancel := context.WithCancel(w.ctx)
	ending, staying := make(chan broker.Notice, 10), make(chan broker.Notice, 10)
	if err := b.Watch(ctx, func(n broker.Notice) { ending <- n }); err != nil {
		t.Fatalf("Watch: %v", err)
	}
	if err := b.Watch(w.ctx, func(n broker.Notice) { staying <- n }); err != nil {
		t.Fatalf("Watch: %v", err)
	}
	post := func(kind string) {
		t.Helper()
		if err := b.Post(w.ctx, broker.Notice{Kind: kind}); err != nil {
			t.Fatalf("Post: %v", err)
		}
	}
	expect := func(c chan broker.Notice, kind string) {
		t.Helper()
		select {
		case n := <-c:
			if n.Kind != kind {
				t.Errorf("got notice %q, want %q", n.Kind, kind)
			}
		case <-w.ctx.Done():
			t.Errorf("no notice %q", kind)
		}
	}
	post("one")
	expect(ending, "one")
	expect(staying, "one")
	cancel()
	post("two")
	expect(staying, "two")
	if len(ending) > 0 {
		t.Errorf("got notice %q after the end", (<-ending).Kind)
	}
}
