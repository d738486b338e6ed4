package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/internal/testservers"
)

// alarm raises a memory alarm on one node, or ends it, and returns when all nodes say so.
func alarm(t *testing.T, ctx context.Context, on bool, one *testservers.Node, all ...*testservers.Node) {
	t.Helper()
	do(t, "SetMemoryAlarm", func() error { return one.SetMemoryAlarm(ctx, on) })
	for _, n := range all {
		eventually(t, ctx, fmt.Sprintf("%s says alarm %t", n.Name, on), func() bool {
			is, err := n.Alarmed(ctx)
			return err == nil && is == on
		})
	}
}

// held publishes until the broker holds b back: it says so to a connection only when that publishes.
func held(t *testing.T, ctx context.Context, b *rabbitmq.Broker, publish func(context.Context) error) {
	t.Helper()
	eventually(t, ctx, "publishers are held back", func() bool {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		err := publish(short)
		return errors.Is(err, context.DeadlineExceeded) && b.Ready(ctx) != nil
	})
}

// An alarm of one node holds back who publishes on any, and nothing else: what was there before goes on afterwards.
func testMemoryAlarm(t *testing.T, ctx context.Context, c *testservers.Cluster) {
	l := startLoad(t, ctx, c, "alarmed", 12, broker.Kept)
	l.moves(ctx, 20)
	b := join(t, c)
	open(t, ctx, b, "held")
	pipe, next := worker(t, ctx, b, "held")
	alarm(t, ctx, true, c.Nodes[1], c.Nodes...)
	held(t, ctx, b, func(ctx context.Context) error { return b.Send(ctx, &broker.Message{Room: "held", Seq: 1}) })
	held(t, ctx, b, func(ctx context.Context) error { return pipe.Publish(ctx, []*broker.Output{{Room: "held"}}) })
	for _, r := range l.rooms {
		r.mu.Lock()
		sent := r.sent
		r.mu.Unlock()
		eventually(t, ctx, r.name+" has handled what was taken before", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.seen >= sent
		})
	}
	sent := make(chan error, 1)
	go func() { sent <- b.Send(ctx, &broker.Message{Room: "held", Seq: 2}) }()
	alarm(t, ctx, false, c.Nodes[1], c.Nodes...)
	if err := <-sent; err != nil {
		t.Errorf("Send after the alarm: %v", err)
	}
	for seen := uint64(0); seen < 2; {
		d, err := next()
		if err != nil {
			t.Fatalf("after %d: %v", seen, err)
		}
		if d.Seq > seen+1 {
			t.Errorf("got %d after %d", d.Seq, seen)
		}
		seen = max(seen, d.Seq)
	}
	do(t, "Publish", func() error { return pipe.Publish(ctx, []*broker.Output{{Room: "held"}}) })
	l.moves(ctx, 50)
	l.end(ctx)
}

// spied is a log that is looked through.
type spied struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *spied) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spied) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *spied) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }

// What need not publish goes on under an alarm, what waits for an answer on a connection that is held back waits without
// suspecting anybody, and who wants to end is not kept.
func TestAlarmKeepsNobodyWhoDoesNotPublish(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	server := testservers.StartRabbitMQ(t)
	said := &spied{}
	b, err := rabbitmq.New(ctx, rabbitmq.Config{URLs: []string{server.URL}, Log: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	open(t, ctx, b, "one")
	open(t, ctx, b, "two")
	pipe, _ := worker(t, ctx, b, "one")
	publish := func(ctx context.Context) error { return pipe.Publish(ctx, []*broker.Output{{Room: "one"}}) }
	do(t, "Publish", func() error { return publish(ctx) })
	do(t, "Pulse", func() error { return b.Pulse(ctx) })

	alarm(t, ctx, true, server, server)
	held(t, ctx, b, publish)
	held(t, ctx, b, b.Pulse)
	do(t, "Open while a pulse waits", func() error { return b.Open(ctx, broker.Spec{Room: "three"}) })

	// On the connection that is held back: longer than a consumer is waited for otherwise.
	long, stop := context.WithTimeout(ctx, rabbitmq.ConsumePatience+time.Second)
	defer stop()
	if _, err := b.Consume(long, broker.Consumption{Room: "two"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Consume on a connection that is held back: got %v, want %v", err, context.DeadlineExceeded)
	}
	if log := said.all(); strings.Contains(log, "room=two") {
		t.Errorf("the room is suspect: its queue is well, the connection is held back:\n%s", log)
	}
	do(t, "Close of a pipe", pipe.Close)
	do(t, "Close", b.Close)

	after := dial(t, server.URL)
	defer after.Close()
	alarm(t, ctx, false, server, server)
	pipe, next := worker(t, ctx, after, "one")
	defer pipe.Close()
	do(t, "Send", func() error { return after.Send(ctx, &broker.Message{Room: "one", Seq: 1}) })
	if d, err := next(); err != nil || d.Seq != 1 {
		t.Errorf("after the alarm: got %v, %v, want 1", d, err)
	}
}
