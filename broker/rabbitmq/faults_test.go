package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/internal/testservers"
)

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, ctx context.Context, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not in time", what)
		}
	}
}

func open(t *testing.T, ctx context.Context, b *rabbitmq.Broker, room string) {
	t.Helper()
	if err := b.Open(ctx, broker.Spec{Room: room}); err != nil {
		t.Fatalf("Open: %v", err)
	}
}

// worker takes messages and hands them on in order.
func worker(t *testing.T, ctx context.Context, b *rabbitmq.Broker, room string) (broker.Pipe, func() (broker.Delivery, error)) {
	t.Helper()
	c := consume(t, ctx, b, broker.Consumption{Room: room})
	return c.Pipe, c.next
}

// consumer takes a room's messages.
type consumer struct {
	broker.Pipe
	t       *testing.T
	ctx     context.Context
	room    string
	woken   chan struct{}
	pending []broker.Delivery
}

func consume(t *testing.T, ctx context.Context, b *rabbitmq.Broker, of broker.Consumption) *consumer {
	t.Helper()
	c := &consumer{t: t, ctx: ctx, room: of.Room, woken: make(chan struct{}, 1)}
	of.Wake = func() {
		select {
		case c.woken <- struct{}{}:
		default:
		}
	}
	pipe, err := b.Consume(ctx, of)
	if err != nil {
		t.Fatalf("Consume: %v", err)
	}
	c.Pipe = pipe
	return c
}

func (c *consumer) next() (broker.Delivery, error) {
	for len(c.pending) == 0 {
		var err error
		if c.pending, err = c.Take(c.pending[:0]); err != nil {
			return broker.Delivery{}, err
		}
		if len(c.pending) > 0 {
			break
		}
		select {
		case <-c.woken:
		case <-c.ctx.Done():
			return broker.Delivery{}, c.ctx.Err()
		}
	}
	d := c.pending[0]
	c.pending = c.pending[1:]
	return d, nil
}

func TestCutConnectionsLoseNothingThatWasSent(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	p := startProxy(t, server.URL)
	sender, steady := dial(t, p.url), dial(t, server.URL)
	defer sender.Close()
	defer steady.Close()
	open(t, ctx, steady, "r")
	const messages = 300
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; n <= messages; n++ {
			if err := sender.Send(ctx, &broker.Message{Room: "r", Seq: uint64(n)}); err != nil {
				t.Errorf("Send %d: %v", n, err)
				return
			}
			if n%60 == 0 {
				p.cut()
			}
		}
	})
	pipe, next := worker(t, ctx, steady, "r")
	for want := uint64(1); want <= messages; {
		d, err := next()
		if err != nil {
			t.Fatalf("message %d: %v", want, err)
		}
		if err := pipe.Ack(d.Tag); err != nil {
			t.Fatalf("Ack: %v", err)
		}
		switch {
		case d.Seq == want:
			want++
		case d.Seq == want-1: // sent again, since its confirm was cut off
		default:
			t.Fatalf("got message %d, want %d", d.Seq, want)
		}
	}
	all.Wait()
}

func TestCutWorkerIsReplacedByTheStandby(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	p := startProxy(t, server.URL)
	cut, steady := dial(t, p.url), dial(t, server.URL)
	defer cut.Close()
	defer steady.Close()
	open(t, ctx, steady, "r")
	lost, active := worker(t, ctx, cut, "r")
	_, standby := worker(t, ctx, steady, "r")
	for n := uint64(1); n <= 100; n++ {
		if err := steady.Send(ctx, &broker.Message{Room: "r", Seq: n}); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	for n := uint64(1); n <= 50; n++ {
		d, err := active()
		if err != nil || d.Seq != n {
			t.Fatalf("got %d, %v; want %d", d.Seq, err, n)
		}
		if n == 20 {
			if err := lost.Ack(d.Tag); err != nil {
				t.Fatalf("Ack: %v", err)
			}
			// The ack has arrived once something behind it on the same channel has an answer.
			if err := lost.Publish(ctx, []*broker.Output{{Room: "r"}}); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
	}
	p.cut()
	for n := uint64(21); n <= 100; n++ {
		d, err := standby()
		if err != nil || d.Seq != n {
			t.Fatalf("got %d, %v; want %d", d.Seq, err, n)
		}
	}
	for {
		if _, err := active(); errors.Is(err, broker.ErrLost) {
			break
		} else if err != nil {
			t.Fatalf("Take of the cut one: got %v, want %v", err, broker.ErrLost)
		}
	}
	if err := lost.Publish(ctx, []*broker.Output{{Room: "r"}}); !errors.Is(err, broker.ErrLost) {
		t.Errorf("Publish of the cut one: got %v, want %v", err, broker.ErrLost)
	}
}

func TestCutFeedSaysBrokenAndHearsAgain(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	p := startProxy(t, server.URL)
	gateway, steady := dial(t, p.url), dial(t, server.URL)
	defer gateway.Close()
	defer steady.Close()
	broken := make(chan struct{}, 10)
	var doubts atomic.Int64
	heard := make(chan string, 1000)
	feed, err := gateway.Feed(ctx, broker.Receiver{
		Deliver: func(room string, outs []*broker.Output) {
			for range outs {
				heard <- room
			}
		},
		Broken: func() { broken <- struct{}{} },
		Doubt:  func() { doubts.Add(1) },
	})
	if err != nil {
		t.Fatalf("Feed: %v", err)
	}
	const rooms = 100
	for i := range rooms {
		if err := feed.Bind(ctx, fmt.Sprintf("r%d", i)); err != nil {
			t.Fatalf("Bind: %v", err)
		}
	}
	if err := feed.Unbind(ctx, "r0"); err != nil {
		t.Fatalf("Unbind: %v", err)
	}
	p.cut()
	select {
	case <-broken:
	case <-ctx.Done():
		t.Fatal("Broken was not called")
	}
	if doubts.Load() == 0 {
		t.Error("Doubt was not called")
	}
	open(t, ctx, steady, "r0")
	for i := range rooms { // any pipe reaches any topic's key only by its own room
		room := fmt.Sprintf("r%d", i)
		open(t, ctx, steady, room)
		pipe, _ := worker(t, ctx, steady, room)
		if err := pipe.Publish(ctx, []*broker.Output{{Room: room}}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	for i := 1; i < rooms; i++ {
		select {
		case room := <-heard:
			if want := fmt.Sprintf("r%d", i); room != want {
				t.Fatalf("heard %s, want %s", room, want)
			}
		case <-ctx.Done():
			t.Fatalf("heard %d rooms, want %d", i-1, rooms-1)
		}
	}
}

func TestCutWatcherIsToldThatItMayHaveMissedSome(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	p := startProxy(t, server.URL)
	watching, steady := dial(t, p.url), dial(t, server.URL)
	defer watching.Close()
	defer steady.Close()
	seen := make(chan string, 100)
	if err := watching.Watch(ctx, func(n broker.Notice) { seen <- n.Kind }); err != nil {
		t.Fatalf("Watch: %v", err)
	}
	expect := func(want string) {
		t.Helper()
		select {
		case kind := <-seen:
			if kind != want {
				t.Errorf("got notice %s, want %s", kind, want)
			}
		case <-ctx.Done():
			t.Fatalf("no notice %s", want)
		}
	}
	post := func(kind string) {
		t.Helper()
		if err := steady.Post(ctx, broker.Notice{Kind: kind}); err != nil {
			t.Fatalf("Post: %v", err)
		}
	}
	post("before")
	expect("before")
	p.cut()
	expect(broker.NoticeMissed)
	post("after")
	expect("after")
}

func TestBoundOfAQueueIsFoundOutWithoutMakingOne(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b := dial(t, testservers.RabbitMQ(t).URL)
	defer b.Close()
	for room, d := range map[string]broker.Durability{"bound-kept": broker.Kept, "bound-passing": broker.Passing} {
		if err := b.Open(ctx, broker.Spec{Room: room, Durability: d, Bound: 1000}); err != nil {
			t.Fatal(err)
		}
		if n := b.NearlyFull(ctx, room); n != 750 {
			t.Errorf("%s: nearly full with %d, want 750", room, n)
		}
		if err := b.Delete(ctx, room); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.NearlyFull(ctx, "bound-none"); n != 1 {
		t.Errorf("without a queue: %d, want 1", n)
	}
	if err := b.Send(ctx, &broker.Message{Room: "bound-none"}); err != broker.ErrNoRoom {
		t.Errorf("after asking for the bound of no queue: %v, want ErrNoRoom", err)
	}
}

func TestBlockedConnectionHoldsSendersBack(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	p := startProxy(t, testservers.RabbitMQ(t).URL)
	b := dial(t, p.url)
	defer b.Close()
	open(t, ctx, b, "r")
	pipe, next := worker(t, ctx, b, "r")
	if err := b.Send(ctx, &broker.Message{Room: "r", Seq: 1}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	p.block(t)
	eventually(t, ctx, "Ready says so", func() bool { return b.Ready(ctx) != nil })
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	// Each connection hears of it in its own time.
	var err error
	eventually(t, ctx, "Send waits", func() bool {
		err = b.Send(short, &broker.Message{Room: "r", Seq: 2})
		return err != nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send: got %v, want %v", err, context.DeadlineExceeded)
	}
	eventually(t, ctx, "Publish waits", func() bool {
		err = pipe.Publish(short, []*broker.Output{{Room: "r"}})
		return err != nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish: got %v, want %v", err, context.DeadlineExceeded)
	}
	done := make(chan error, 1)
	go func() { done <- b.Send(ctx, &broker.Message{Room: "r", Seq: 3}) }()
	p.free(t)
	if err := <-done; err != nil {
		t.Errorf("Send after the alarm: %v", err)
	}
	for {
		d, err := next()
		if err != nil {
			t.Fatalf("Take: %v", err)
		}
		if d.Seq == 3 {
			break
		}
	}
	eventually(t, ctx, "Ready again", func() bool { return b.Ready(ctx) == nil })
}

func TestNextAddressIsTriedWhenOneIsDown(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := "amqp://guest:guest@" + l.Addr().String() + "/"
	l.Close()
	b, err := rabbitmq.New(ctx, rabbitmq.Config{URLs: []string{down, server.URL, down}, Log: quiet()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer b.Close()
	if err := b.Ready(ctx); err != nil {
		t.Errorf("Ready after the first round: %v", err)
	}
	open(t, ctx, b, "r")
}

func TestNewWhileTheBrokerIsDown(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "amqp://guest:secret@" + l.Addr().String() + "/"
	l.Close()
	b := dial(t, address)
	if err := b.Ready(ctx); err == nil || errors.Is(err, broker.ErrClosed) {
		t.Errorf("Ready: got %v, want why there is no connection", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := b.Open(short, broker.Spec{Room: "r"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open: got %v, want %v", err, context.DeadlineExceeded)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- b.Send(ctx, &broker.Message{Room: "r"}) }()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-waiting; !errors.Is(err, broker.ErrClosed) {
		t.Errorf("Send: got %v, want %v", err, broker.ErrClosed)
	}
}

func TestWrongConfigIsAnError(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string][]string{
		"none":         nil,
		"not a URL":    {"amqp://a b"},
		"wrong scheme": {"http://localhost"},
	} {
		if b, err := rabbitmq.New(t.Context(), rabbitmq.Config{URLs: urls}); err == nil {
			b.Close()
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestRoomNamesThatWouldMeanSomethingElse(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b := dial(t, testservers.RabbitMQ(t).URL)
	defer b.Close()
	for _, room := range []string{"", "#", "a.b", "*", string(make([]byte, 300))} {
		if err := b.Open(ctx, broker.Spec{Room: room}); err == nil {
			t.Errorf("Open(%.10q): got no error", room)
		}
		if err := b.Send(ctx, &broker.Message{Room: room}); !errors.Is(err, broker.ErrNoRoom) {
			t.Errorf("Send to %.10q: got %v, want %v", room, err, broker.ErrNoRoom)
		}
		if _, err := b.Consume(ctx, broker.Consumption{Room: room}); !errors.Is(err, broker.ErrNoRoom) {
			t.Errorf("Consume(%.10q): got %v, want %v", room, err, broker.ErrNoRoom)
		}
		if err := b.Delete(ctx, room); err != nil {
			t.Errorf("Delete(%.10q): %v", room, err)
		}
	}
}

func TestClientsOfTheBrokerItselfTakePart(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	b := dial(t, server.URL)
	defer b.Close()
	open(t, ctx, b, "r")
	conn, err := amqp.Dial(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	// What the STOMP plugin does for SUBSCRIBE /topic/room.r ...
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(q.Name, "room.r", "amq.topic", false, nil); err != nil {
		t.Fatal(err)
	}
	heard, err := ch.Consume(q.Name, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	// ... and for SEND to /amq/queue/room.r: all headers that it does not know are strings.
	err = ch.Publish("", "room.r", false, false, amqp.Publishing{
		Type: "move", Headers: amqp.Table{"from": "u1", "seq": "12", "content-length": "4"}, Body: []byte("body"),
	})
	if err != nil {
		t.Fatal(err)
	}
	pipe, next := worker(t, ctx, b, "r")
	d, err := next()
	if err != nil {
		t.Fatal(err)
	}
	if d.Type != "move" || d.User != "u1" || d.Seq != 12 || string(d.Body) != "body" || d.Room != "r" {
		t.Errorf("got %+v, want type move, user u1, seq 12", d.Message)
	}
	at := func(n uint64) broker.Position { return broker.Position{Epoch: 4, N: n} }
	err = pipe.Publish(ctx, []*broker.Output{
		{Room: "r", At: at(1), To: []string{"u1"}, Type: "secret"},
		{Room: "r", At: at(1), Part: broker.Live},
		{Room: "r", At: at(1), Part: broker.Replay, Type: "secret"},
		{Room: "r", At: at(2), Type: "moved", From: "u1", Time: time.UnixMilli(1_790_000_000_123), ContentType: "text/plain", Body: []byte("seen")},
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-heard:
		if got.Type != "moved" || got.MessageId != "4-2" || got.Headers["from"] != "u1" || got.ContentType != "text/plain" ||
			string(got.Body) != "seen" || got.Timestamp.Unix() != 1_790_000_000 {
			t.Errorf("a client of the broker got %+v", got)
		}
	case <-ctx.Done():
		t.Error("a client of the broker got nothing")
	}
}
