package system

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3"
	"github.com/go-stomp/stomp/v3/frame"
)

// stompClient is go-stomp's client on a WebSocket: nothing of ours.
type stompClient struct{ *stomp.Conn }

type subscription struct{ *stomp.Subscription }

func dialSTOMP(t *testing.T, address, token string) *stompClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		t.Fatalf("dial %s: %v", address, err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols || socket.Subprotocol() != "v12.stomp" {
		t.Fatalf("dial: got %s, sub-protocol %q", response.Status, socket.Subprotocol())
	}
	socket.SetReadLimit(1 << 20)
	var conn net.Conn = websocket.NetConn(context.Background(), socket, websocket.MessageText)
	c, err := stomp.Connect(conn, stomp.ConnOpt.Login("", token), stomp.ConnOpt.Host("madang"),
		stomp.ConnOpt.HeartBeat(0, 0), stomp.ConnOpt.AcceptVersion(stomp.V12))
	if err != nil {
		t.Fatalf("STOMP connect: %v", err)
	}
	t.Cleanup(func() { _ = c.MustDisconnect() })
	return &stompClient{c}
}

func (c *stompClient) subscribe(t *testing.T, topic string) *subscription {
	t.Helper()
	s, err := c.Subscribe(topic, stomp.AckAuto)
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	return &subscription{s}
}

func (c *stompClient) send(t *testing.T, queue, typ, body string, more ...func(*frame.Frame) error) {
	t.Helper()
	options := append([]func(*frame.Frame) error{stomp.SendOpt.Header("type", typ), stomp.SendOpt.NoContentLength}, more...)
	if err := c.Send(queue, "application/json", []byte(body), options...); err != nil {
		t.Fatalf("send %s: %v", typ, err)
	}
}

// await returns the next message of a type, passing over others; nil when none comes.
func (s *subscription) await(typ string) *stomp.Message {
	deadline := time.After(30 * time.Second)
	for {
		select {
		case m := <-s.C:
			if m == nil || m.Err != nil {
				return nil
			}
			if m.Header.Get("type") == typ {
				return m
			}
		case <-deadline:
			return nil
		}
	}
}

func (s *subscription) next(t *testing.T, typ string) *stomp.Message {
	t.Helper()
	m := s.await(typ)
	if m == nil {
		t.Fatalf("no message of type %s came", typ)
	}
	return m
}

func TestGoStompExchanges1000MessagesInOrder(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	one, two := guest(t, p.URL), guest(t, p.URL)
	var room, again joined
	rest(t, "POST", p.URL+"/v1/rooms", one.Token, map[string]string{"game": "relay"}, &room)
	rest(t, "POST", p.URL+"/v1/rooms/"+room.Room.ID+"/join", two.Token, nil, &again)
	sender, hearer := dialSTOMP(t, room.Stomp.URL, one.Token), dialSTOMP(t, again.Stomp.URL, two.Token)
	heard, echoed := hearer.subscribe(t, room.Stomp.Topic), sender.subscribe(t, room.Stomp.Topic)
	heard.next(t, "$snapshot")
	echoed.next(t, "$snapshot")

	const n = 1000
	go func() {
		for i := range n {
			_ = sender.Send(room.Stomp.Queue, "text/plain", fmt.Appendf(nil, "message %d", i), stomp.SendOpt.Header("type", "say"))
		}
	}()
	var hearing sync.WaitGroup // both at once: go-stomp's client stops sending while nobody reads what it has received
	for name, sub := range map[string]*subscription{"the other": heard, "the sender": echoed} {
		hearing.Go(func() {
			for i := range n {
				m := sub.await("say")
				if m == nil {
					t.Errorf("%s: number %d did not come", name, i)
					return
				}
				if want := fmt.Sprintf("message %d", i); string(m.Body) != want || m.Header.Get("from") != one.User.ID {
					t.Errorf("%s: got %q from %s, want %q from %s", name, m.Body, m.Header.Get("from"), want, one.User.ID)
					return
				}
			}
		})
	}
	hearing.Wait()
}

func contains(text []byte, part string) bool { return strings.Contains(string(text), part) }

// programOf cuts the part of a program that README.md shows.
func programOf(source string) string {
	_, after, _ := strings.Cut(source, "type arena struct")
	program, _, _ := strings.Cut("type arena struct"+after, "\nfunc items")
	return strings.TrimSpace(program)
}
