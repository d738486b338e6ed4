package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web/stomp"
)

// handshake is the HTTP request of a WebSocket.
const handshake = "GET /stomp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// client speaks STOMP by hand.
type client struct {
	b      *bench
	conn   *websocket.Conn
	frames chan *stomp.Frame
	kinds  chan websocket.MessageType
	beats  atomic.Int64 // WebSocket messages without a frame
	closed error        // after frames has been closed
}

func (b *bench) connect(options *websocket.DialOptions) (*client, error) {
	if options == nil {
		options = &websocket.DialOptions{}
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return b.dial() }}
	defer transport.CloseIdleConnections()
	options.HTTPClient = &http.Client{Transport: transport}
	conn, _, err := websocket.Dial(context.Background(), "ws://play.example/stomp", options)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	c := &client{b: b, conn: conn, frames: make(chan *stomp.Frame, 100_000), kinds: make(chan websocket.MessageType, 100_000)}
	b.Cleanup(func() { conn.CloseNow() })
	return c, nil
}

// socket connects and reads all that comes.
func (b *bench) socket() *client {
	b.Helper()
	c, err := b.connect(nil)
	if err != nil {
		b.Fatal(err)
	}
	c.read()
	return c
}

func (c *client) read() {
	go func() {
		defer close(c.frames)
		decoder := stomp.NewDecoder(stomp.Limits{BodyBytes: 1 << 20})
		for {
			kind, p, err := c.conn.Read(context.Background())
			if err != nil {
				c.closed = err
				return
			}
			some := false
			err = decoder.Push(p, func(f *stomp.Frame) error {
				c.frames <- f.Clone()
				c.kinds <- kind
				some = true
				return nil
			})
			if err != nil {
				c.b.Errorf("the gateway sent what is no STOMP: %v", err)
				return
			}
			if !some {
				c.beats.Add(1)
			}
		}
	}()
}

// signIn connects user, and reads CONNECTED.
func (b *bench) signIn(user string) *client {
	b.Helper()
	c := b.socket()
	c.send("CONNECT\naccept-version:1.2\npasscode:t-s-" + user + "\n\n\x00")
	c.expect("CONNECTED")
	return c
}

// subscribed is signIn and a live subscription "s1" to room r1.
func (b *bench) subscribed(r *room, user string) *client {
	b.Helper()
	c := b.signIn(user)
	c.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
	r.next(broker.Attach)
	c.message("$snapshot", "all of it")
	return c
}

func (c *client) send(frames string) { c.write(websocket.MessageText, frames) }

func (c *client) write(kind websocket.MessageType, frames string) {
	c.b.Helper()
	if err := c.conn.Write(context.Background(), kind, []byte(frames)); err != nil {
		c.b.Fatalf("write: %v", err)
	}
}

// expect returns the next frame, which must be of the command and have the headers: name, value, name, value...
func (c *client) expect(command string, headers ...string) *stomp.Frame {
	c.b.Helper()
	select {
	case f := <-c.frames:
		if f == nil {
			c.b.Fatalf("connection is closed (%v), want %s", c.closed, command)
		}
		if f.Command != command {
			c.b.Fatalf("got %s %v %q, want %s", f.Command, f.Fields, f.Body, command)
		}
		for i := 0; i < len(headers); i += 2 {
			if got, _ := f.Get(headers[i]); got != headers[i+1] {
				c.b.Fatalf("got %s with %s %q, want %q; all: %v", command, headers[i], got, headers[i+1], f.Fields)
			}
		}
		return f
	case <-time.After(time.Hour):
		c.b.Fatalf("nothing came, want %s", command)
		return nil
	}
}

func (c *client) message(kind, body string, headers ...string) *stomp.Frame {
	c.b.Helper()
	f := c.expect("MESSAGE", append([]string{"type", kind}, headers...)...)
	if string(f.Body) != body {
		c.b.Fatalf("got body %q, want %q", f.Body, body)
	}
	return f
}

// silent checks that nothing has come.
func (c *client) silent() {
	c.b.Helper()
	synctest.Wait()
	select {
	case f, ok := <-c.frames:
		if ok {
			c.b.Fatalf("got %s %v %q, want nothing", f.Command, f.Fields, f.Body)
		}
		c.b.Fatalf("connection is closed (%v), want it quiet", c.closed)
	default:
	}
}

// ends checks that nothing more comes but the close, with this status and reason.
func (c *client) ends(status websocket.StatusCode, reason string) {
	c.b.Helper()
	select {
	case f, ok := <-c.frames:
		if ok {
			c.b.Fatalf("got %s %v %q, want the close", f.Command, f.Fields, f.Body)
		}
	case <-time.After(time.Hour):
		c.b.Fatal("connection is still open")
	}
	var e websocket.CloseError
	if !errors.As(c.closed, &e) || e.Code != status || e.Reason != reason {
		c.b.Fatalf("closed with %v, want %d %s", c.closed, status, reason)
	}
}

// refused checks for an ERROR and the close that follows.
func (c *client) refused(code string, status websocket.StatusCode, headers ...string) {
	c.b.Helper()
	f := c.expect("ERROR", append([]string{"code", code}, headers...)...)
	if text, _ := f.Get("message"); text == "" || text != string(f.Body) || strings.ContainsAny(text, ":\\") {
		c.b.Errorf("ERROR has message %q and body %q, want the same text without colon", text, f.Body)
	}
	c.ends(status, code)
}
