package web_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web"
)

// overTCP is a bench with real sockets and real time.
func overTCP(t *testing.T) *bench {
	b := &bench{T: t, desk: &desk{
		sessions: map[store.TokenHash]store.Session{}, seats: map[string]bool{},
		rooms: map[string]store.Room{"r1": {ID: "r1", State: store.Open}},
	}}
	b.pipes = &pipes{Broker: memory.New(memory.Config{Log: slog.New(slog.DiscardHandler)})}
	g, err := web.New(web.Config{Store: b.desk, Broker: b.pipes, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	server := httptest.NewServer(g)
	b.gateway = g
	b.dial = func() (net.Conn, error) { return net.Dial("tcp", server.Listener.Addr().String()) }
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		server.Close()
		b.pipes.Close()
	})
	return b
}

func TestManyTalkOverSockets(t *testing.T) {
	t.Parallel()
	const players, messages = 20, 50
	b := overTCP(t)
	for i := range players {
		user := fmt.Sprint("u", i)
		b.desk.signIn(user, "s-"+user)
		b.desk.set(func() { b.desk.seats["r1 "+user] = true })
	}
	r := b.open()
	var clients []*client
	for i := range players {
		clients = append(clients, b.subscribed(r, fmt.Sprint("u", i)))
	}
	go func() { // a relay
		for range players * messages {
			m := r.next(broker.Say)
			r.line(&broker.Output{Type: m.Type, From: m.User, Body: m.Body})
		}
	}()
	for _, c := range clients {
		go func() {
			for n := range messages {
				c.send(fmt.Sprintf("SEND\ndestination:/queue/room.r1\ntype:chat\n\n%d\x00", n))
			}
		}()
	}
	for _, c := range clients {
		next := map[string]int{}
		for n := range players * messages {
			f := c.expect("MESSAGE", "message-id", fmt.Sprint("1-", n+1))
			from, _ := f.Get("from")
			if want := fmt.Sprint(next[from]); string(f.Body) != want {
				t.Fatalf("got %s's message %s, want %s", from, f.Body, want)
			}
			next[from]++
		}
	}
}

func TestReceiptsOverSockets(t *testing.T) {
	t.Parallel()
	b := overTCP(t)
	b.desk.signIn("ann", "s-ann")
	b.desk.seats["r1 ann"] = true
	r := b.open()
	c := b.subscribed(r, "ann")
	c.send("SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:1\n\n\x00DISCONNECT\nreceipt:2\n\n\x00")
	c.expect("RECEIPT", "receipt-id", "1")
	c.expect("RECEIPT", "receipt-id", "2")
	c.ends(1000, "disconnect")
}

// BenchmarkDeliver passes outputs on to 1,000 subscribers of a room: encoded once, queued for each, written by
// each connection's writer to a socket that is read.
func BenchmarkDeliver(b *testing.B) {
	const players = 1000
	d := &desk{
		sessions: map[store.TokenHash]store.Session{}, seats: map[string]bool{},
		rooms: map[string]store.Room{"r1": {ID: "r1", State: store.Open}},
	}
	p := &pipes{Broker: memory.New(memory.Config{Log: slog.New(slog.DiscardHandler)})}
	defer p.Close()
	g, err := web.New(web.Config{Store: d, Broker: p, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	server := httptest.NewServer(g)
	defer server.Close()
	defer func() { cancel(); <-ran }()
	if err := p.Open(ctx, broker.Spec{Room: "r1"}); err != nil {
		b.Fatal(err)
	}
	got := make(chan struct{}, 1<<20)
	attempts := make(chan string, players)
	p.onSend(func(m *broker.Message) error {
		if m.Kind == broker.Attach {
			attempts <- m.Attempt
		}
		return nil
	})
	for i := range players {
		user := fmt.Sprint("u", i)
		d.signIn(user, "s-"+user)
		d.set(func() { d.seats["r1 "+user] = true })
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		go drain(conn, got)
		fmt.Fprint(conn, handshake)
		text := "CONNECT\npasscode:t-s-" + user + "\n\n\x00SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00"
		conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)) // masked with zeros
		attempt := <-attempts
		p.receiver.Deliver("r1", []*broker.Output{{Part: broker.Live, Term: 1, At: broker.Position{Epoch: 1}, Attempt: attempt}})
	}
	body := []byte(strings.Repeat("x", 100))
	n := uint64(0)
	for _, round := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d in a round", round), func(b *testing.B) {
			b.ReportAllocs()
			before := n
			for b.Loop() {
				outs := make([]*broker.Output, round)
				for i := range outs {
					n++
					outs[i] = &broker.Output{
						Term: 1, At: broker.Position{Epoch: 1, N: n}, Type: "said", From: "u1", Time: time.Now(), Body: body,
					}
				}
				p.receiver.Deliver("r1", outs)
				for range players * round {
					<-got
				}
			}
			b.ReportMetric(float64((n-before)*players)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
	b.Run("200 of them each its own", func(b *testing.B) {
		own := []byte(strings.Repeat("x", 900))
		b.ReportAllocs()
		before := n
		for b.Loop() {
			outs := make([]*broker.Output, 200)
			for i := range outs {
				n++
				outs[i] = &broker.Output{
					Term: 1, At: broker.Position{Epoch: 1, N: n}, Type: "frame", To: []string{fmt.Sprint("u", i)}, Latest: true, Time: time.Now(), Body: own,
				}
			}
			p.receiver.Deliver("r1", outs)
			for range outs {
				<-got
			}
		}
		b.ReportMetric(float64(n-before)/b.Elapsed().Seconds(), "deliveries/s")
	})
}

// drain reads a socket and reports the MESSAGE frames that end on it.
func drain(conn net.Conn, got chan<- struct{}) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		for range bytes.Count(buffer[:n], []byte("x\x00")) {
			got <- struct{}{}
		}
	}
}
