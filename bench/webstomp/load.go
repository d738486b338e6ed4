package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/web/stomp"
)

// dueAt is where a message says when it was due: 20 digits, nanoseconds since 1970.
const (
	begins = `{"due":"`
	dueAt  = len(begins)
	dueN   = 20
)

type client struct {
	conn  *websocket.Conn
	room  int
	heard []heard // its reader's
	came  atomic.Int64
}

type clients []*client

// settle waits until nothing has come for a second.
func (all clients) settle(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for before := int64(-1); ; {
		came := int64(0)
		for _, m := range all {
			came += m.came.Load()
		}
		if came == before {
			return
		}
		before = came
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heard is one delivery: when it came, and how long it had been due.
type heard struct {
	at   time.Time
	late time.Duration
}

// load connects everybody, lets them talk, and says what came.
func load(ctx context.Context, c loadFlags) error {
	var all clients
	defer func() {
		for _, m := range all {
			_ = m.conn.CloseNow()
		}
	}()
	for room := range c.Rooms {
		for range c.Clients {
			m, err := join(ctx, c, room)
			if err != nil {
				return err
			}
			all = append(all, m)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	failed := make(chan error, len(all))
	var reading, talking sync.WaitGroup
	for _, m := range all {
		reading.Go(func() {
			if err := m.read(ctx); ctx.Err() == nil {
				failed <- err
			}
		})
	}
	from := time.Now().Add(c.Warmup)
	until := from.Add(c.Time)
	pause := time.Duration(float64(time.Second) / c.Rate)
	var said []int
	for i, m := range all {
		said = append(said, 0)
		talking.Go(func() {
			for due := time.Now().Add(pause * time.Duration(i) / time.Duration(len(all))); due.Before(until); due = due.Add(pause) {
				select {
				case <-time.After(time.Until(due)):
				case <-ctx.Done():
					return
				}
				if m.say(ctx, c.Size, due) != nil {
					return // its reader says why
				}
				if !due.Before(from) {
					said[i]++
				}
			}
		})
	}
	talking.Wait()
	all.settle(ctx)
	stop()
	reading.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	sent := 0
	for _, n := range said {
		sent += n
	}
	var late []time.Duration
	came := 0
	for _, m := range all {
		for _, h := range m.heard {
			if !h.at.Before(from) && h.at.Before(until) {
				came++
			}
			if due := h.at.Add(-h.late); !due.Before(from) && due.Before(until) {
				late = append(late, h.late)
			}
		}
	}
	slices.Sort(late)
	quantile := func(q float64) float64 {
		if len(late) == 0 {
			return 0
		}
		return float64(late[int(q*float64(len(late)-1))]) / float64(time.Millisecond)
	}
	fmt.Printf("%d rooms, %d clients, %v measured\n  deliveries  %10.0f /s   (%d of %d)\n  latency     p50 %.2f ms   p99 %.2f ms\n",
		c.Rooms, len(all), c.Time, float64(came)/c.Time.Seconds(), len(late), sent*c.Clients, quantile(0.5), quantile(0.99))
	return nil
}

func join(ctx context.Context, c loadFlags, room int) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, c.WS, &websocket.DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	m := &client{conn: conn, room: room}
	hello := stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{Command: "CONNECT", Fields: []stomp.Field{
		{Name: "accept-version", Value: "1.2"}, {Name: "host", Value: "/"}, {Name: "login", Value: c.User}, {Name: "passcode", Value: c.Password},
	}})
	subscribe := stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{Command: "SUBSCRIBE", Fields: []stomp.Field{
		{Name: "destination", Value: "/topic/" + topicOf(room)}, {Name: "id", Value: "s"}, {Name: "receipt", Value: "r"},
	}})
	if err := m.ask(ctx, hello, "CONNECTED"); err != nil {
		return nil, err
	}
	return m, m.ask(ctx, subscribe, "RECEIPT")
}

func (m *client) ask(ctx context.Context, frame []byte, want string) error {
	if err := m.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	_, answer, err := m.conn.Read(ctx)
	if err == nil && !strings.HasPrefix(string(answer), want) {
		err = fmt.Errorf("got %.200q, want %s", answer, want)
	}
	return err
}

func (m *client) say(ctx context.Context, size int, due time.Time) error {
	body := fmt.Appendf(nil, `%s%0*d","pad":"`, begins, dueN, due.UnixNano())
	for len(body) < size-2 {
		body = append(body, 'x')
	}
	return m.conn.Write(ctx, websocket.MessageText, stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{Command: "SEND", Fields: []stomp.Field{
		{Name: "destination", Value: "/amq/queue/" + queueOf(m.room)}, {Name: "content-type", Value: "application/json"},
	}, Body: append(body, `"}`...)}))
}

// read notes what comes until ctx ends or something is wrong; the error says what.
func (m *client) read(ctx context.Context) error {
	for {
		_, message, err := m.conn.Read(ctx)
		if err != nil {
			return err
		}
		at := time.Now()
		_, body, _ := bytes.Cut(message, []byte("\n\n"))
		if len(body) < dueAt+dueN || !bytes.HasPrefix(body, []byte(begins)) {
			return fmt.Errorf("got %.200q", message)
		}
		due, err := strconv.ParseInt(string(body[dueAt:dueAt+dueN]), 10, 64)
		if err != nil {
			return err
		}
		m.heard = append(m.heard, heard{at, at.Sub(time.Unix(0, due))})
		m.came.Add(1)
	}
}
