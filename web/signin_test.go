package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

func TestConnected(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, version string }{
		"passcode":      {"CONNECT\naccept-version:1.0,1.1,1.2\nlogin:bob\npasscode:t-s-ann\n\n\x00", "1.2"},
		"STOMP":         {"STOMP\naccept-version:1.2\nhost:x\npasscode:t-s-ann\n\n\x00", "1.2"},
		"bearer":        {"CONNECT\naccept-version:1.1,1.0\nauthorization:Bearer t-s-ann\n\n\x00", "1.1"},
		"no version":    {"CONNECT\npasscode:t-s-ann\n\n\x00", "1.0"},
		"carriage":      {"CONNECT\r\naccept-version:1.2\r\npasscode:t-s-ann\r\n\r\n\x00", "1.2"},
		"binary is too": {"\n\nCONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00\n", "1.2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				s := b.socket()
				s.write(websocket.MessageBinary, c.in)
				f := s.expect("CONNECTED", "version", c.version, "user-name", "ann", "heart-beat", "25000,25000", "server", "madang")
				if session, _ := f.Get("session"); session == "" {
					t.Error("CONNECTED without session")
				}
			})
		})
	}
}

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		offered []string
		want    string
	}{
		"all":     {[]string{"v10.stomp", "v11.stomp", "v12.stomp"}, "v12.stomp"},
		"old":     {[]string{"v10.stomp"}, "v10.stomp"},
		"none":    {nil, ""},
		"unknown": {[]string{"mqtt"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				s, err := b.connect(&websocket.DialOptions{Subprotocols: c.offered})
				if err != nil {
					t.Fatal(err)
				}
				s.read()
				if got := s.conn.Subprotocol(); got != c.want {
					t.Errorf("got sub-protocol %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		origins []string
		origin  string
		want    bool
	}{
		"no origin":     {nil, "", true},
		"own host":      {nil, "https://play.example", true},
		"foreign":       {nil, "https://evil.example", false},
		"null":          {nil, "null", false},
		"allowed":       {[]string{"https://friend.example/"}, "https://friend.example", true},
		"other scheme":  {[]string{"https://friend.example"}, "http://friend.example", false},
		"any":           {[]string{"*"}, "https://evil.example", true},
		"any subdomain": {[]string{"*.friend.example"}, "https://a.friend.example", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Origins: c.origins}, func(b *bench) {
				header := http.Header{}
				if c.origin != "" {
					header.Set("Origin", c.origin)
				}
				s, err := b.connect(&websocket.DialOptions{HTTPHeader: header})
				if got := err == nil; got != c.want {
					t.Errorf("admitted %v (%v), want %v", got, err, c.want)
				}
				if err == nil {
					s.read()
				}
			})
		})
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]web.Limits{
		"all":         {Connections: 1},
		"one address": {PerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Limits: limits}, func(b *bench) {
				first := b.signIn("ann")
				if _, err := b.connect(nil); err == nil {
					t.Error("a second connection was admitted, want it refused")
				}
				first.send("DISCONNECT\n\n\x00")
				first.ends(1000, "disconnect")
				synctest.Wait()
				b.signIn("bob")
			})
		})
	}
}

func TestConnectMustComeInTime(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		begun := time.Now()
		s := b.socket()
		for range 9 { // heart-beats do not help
			time.Sleep(time.Second)
			s.send("\n")
		}
		s.send("CONN")
		s.refused("connect_timeout", 1013)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

func TestFrameMustEndInTime(t *testing.T) {
	for name, messages := range map[string][]string{
		"in one message":  {"SEND\n"},
		"over many":       {"S", "E", "N", "D"},
		"behind a whole":  {"SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00SEND\n"},
		"unfinished body": {"SEND\ncontent-length:5\n\n123"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				r := b.open()
				s := b.subscribed(r, "bob")
				s.send("UNSUBSCRIBE\nid:s1\n\n\x00")
				begun := time.Now()
				for _, m := range messages {
					s.send(m)
					time.Sleep(time.Second)
				}
				for f := range s.frames {
					if f.Command == "ERROR" {
						if code, _ := f.Get("code"); code != "frame_timeout" {
							t.Errorf("got code %q, want frame_timeout", code)
						}
						break
					}
				}
				s.ends(1013, "frame_timeout")
				if took := time.Since(begun); took != 10*time.Second {
					t.Errorf("took %v, want 10s", took)
				}
			})
		})
	}
}

func TestHeartBeats(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		s := b.socket()
		s.send("CONNECT\naccept-version:1.2\nheart-beat:10000,10000\npasscode:t-s-ann\n\n\x00")
		s.expect("CONNECTED")
		for range 10 {
			time.Sleep(60 * time.Second) // as a hidden tab does
			s.send("\n")
		}
		s.silent()
		if got := s.beats.Load(); got < 600/25 {
			t.Errorf("got %d heart-beats in 10 minutes, want one each 25 s", got)
		}
		begun := time.Now()
		s.refused("no_heart_beat", 1013)
		if took := time.Since(begun); took != 75*time.Second {
			t.Errorf("took %v, want 75s", took)
		}
	})
}

func TestNoHeartBeatsPromised(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		s := b.signIn("ann")
		time.Sleep(time.Hour)
		s.silent()
		if got := s.beats.Load(); got != 0 {
			t.Errorf("got %d heart-beats, want none", got)
		}
	})
}

func TestNewestConnectionWins(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		first := b.signIn("ann")
		second := b.signIn("ann")
		first.refused("session_replaced", 1008)
		second.silent()
	})
}

func TestNewestConnectionWinsElsewhere(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		first := b.signIn("ann")
		defer b.stop() // of the first gateway
		peer := b.pipes.Peer()
		b.Cleanup(func() { peer.Close() })
		b.pipes = &pipes{Broker: peer}
		b.serve(web.Config{})
		time.Sleep(time.Nanosecond)
		second := b.signIn("ann")
		first.refused("session_replaced", 1008)
		time.Sleep(time.Minute)
		second.silent()
	})
}

func TestNewestConnectionWinsWhereClocksDiffer(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		first := b.signIn("ann")
		defer b.stop() // of the first gateway
		peer := b.pipes.Peer()
		b.Cleanup(func() { peer.Close() })
		b.pipes = &pipes{Broker: peer}
		b.serve(web.Config{Now: func() time.Time { return time.Now().Add(-time.Second) }})
		time.Sleep(time.Nanosecond)
		second := b.signIn("ann")
		first.refused("session_replaced", 1008)
		second.silent()
	})
}

// The answer to the older connection's question has taken longer.
func TestTheConnectionThatTheStoreFoundLaterWins(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		newer := b.signIn("ann")
		b.desk.set(func() { b.desk.took = time.Second })
		older := b.socket()
		older.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		older.refused("session_replaced", 1008)
		newer.silent()
	})
}

func (b *bench) post(m broker.SessionMoved) {
	body, err := json.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	err = b.pipes.Post(context.Background(), broker.Notice{Kind: broker.NoticeSession, From: "lobby", Body: body})
	if err != nil {
		b.Fatal(err)
	}
}

func TestSessionNotices(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		notice broker.SessionMoved
		before func(d *desk)
		code   string // "": it lives on
	}{
		"logged out":              {broker.SessionMoved{User: "ann"}, nil, "not_signed_in"},
		"another user":            {broker.SessionMoved{User: "bob"}, nil, ""},
		"logged in anew":          {broker.SessionMoved{User: "ann", Session: "new"}, func(d *desk) { d.signIn("ann", "new") }, "session_replaced"},
		"late news of a login":    {broker.SessionMoved{User: "ann", Session: "old"}, nil, ""},
		"own login":               {broker.SessionMoved{User: "ann", Session: "s-ann"}, nil, ""},
		"older connection":        {broker.SessionMoved{User: "ann", Session: "s-ann", Conn: "x", Since: 1}, nil, ""},
		"newer connection":        {broker.SessionMoved{User: "ann", Session: "s-ann", Conn: "x", Since: 1 << 62}, nil, "session_replaced"},
		"older of an old session": {broker.SessionMoved{User: "ann", Session: "old", Conn: "x", Since: 1}, nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				s := b.signIn("ann")
				if c.before != nil {
					c.before(b.desk)
				}
				b.post(c.notice)
				if c.code == "" {
					s.silent()
				} else {
					s.refused(c.code, 1008)
				}
			})
		})
	}
}

func TestSessionThatEndedWithoutNotice(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		s := b.signIn("ann")
		b.desk.signIn("ann", "new")
		begun := time.Now()
		s.refused("session_replaced", 1008)
		if took := time.Since(begun); took > 11*time.Minute {
			t.Errorf("took %v, want at most 11 minutes", took)
		}
	})
}

func TestDraining(t *testing.T) {
	play(t, web.Config{Drain: 10 * time.Second}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		begun := time.Now()
		b.stop()
		ann.refused("draining", 1012)
		bob.refused("draining", 1012)
		for range 2 {
			if m := r.next(broker.Detach); m.Reason != "draining" {
				t.Errorf("got reason %q, want draining", m.Reason)
			}
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("took %v, want at most 10s", took)
		}
		if b.gateway.Ready() == nil || b.gateway.Conns() != 0 {
			t.Errorf("got Ready %v and %d connections, want it not ready and none", b.gateway.Ready(), b.gateway.Conns())
		}
	})
}

func TestDrainSpreadsClientsEvenlyAndServesThoseWhoWait(t *testing.T) {
	for _, c := range []struct{ config, want time.Duration }{{time.Hour, 5 * time.Second}, {4 * time.Second, 2 * time.Second}} {
		t.Run(c.config.String(), func(t *testing.T) {
			play(t, web.Config{Drain: c.config}, func(b *bench) {
				const n = 20
				for i := range n {
					user := fmt.Sprint("user-", i)
					b.desk.signIn(user, "s-"+user)
					b.signIn(user)
				}
				synctest.Wait()
				begun, drained := time.Now(), make(chan struct{})
				go func() { defer close(drained); b.gateway.Drain(b.Context()) }()
				slot := c.want / n
				for i := range n {
					time.Sleep(time.Until(begun.Add(slot*time.Duration(i) - 1)))
					synctest.Wait()
					if got := b.gateway.Conns(); got != n-i {
						t.Errorf("after %v: got %d connections, want %d", time.Since(begun), got, n-i)
					}
					if b.gateway.Ready() == nil {
						t.Error("ready while draining")
					}
				}
				<-drained
				if took := time.Since(begun); took > c.want {
					t.Errorf("took %v, want at most %v", took, c.want)
				}
			})
		})
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	play(t, web.Config{Drain: time.Hour}, func(b *bench) {
		ann, bob := b.signIn("ann"), b.signIn("bob")
		ctx, hurry := context.WithCancel(b.Context())
		hurry()
		begun := time.Now()
		b.gateway.Drain(ctx)
		if got := b.gateway.Conns(); got != 2 || time.Since(begun) != 0 {
			t.Errorf("got %d connections after %v, want 2 at once", got, time.Since(begun))
		}
		go b.stop()
		ann.refused("draining", 1012)
		bob.refused("draining", 1012)
	})
}

func TestDrainingCutsWhoDoesNotGo(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(net.Conn){
		"reads nothing":             func(net.Conn) {},
		"does not answer the close": func(c net.Conn) { io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Drain: 3 * time.Second}, func(b *bench) {
				conn, err := b.dial()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprint(conn, handshake)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Fatal(err)
				}
				go read(conn)
				synctest.Wait()
				begun := time.Now()
				b.stop()
				if took := time.Since(begun); took != 3*time.Second {
					t.Errorf("took %v, want 3s", took)
				}
			})
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := web.New(web.Config{}); err == nil {
		t.Error("New without a store gave no error")
	}
	registry := prometheus.NewRegistry()
	c := web.Config{Store: &desk{}, Broker: &pipes{}, Metrics: registry}
	if _, err := web.New(c); err != nil {
		t.Errorf("New = %v, want nil", err)
	}
	if _, err := web.New(c); err == nil {
		t.Error("New with metrics registered already gave no error")
	}
}

// The store gets round to the older one's question after it has answered the newer one's.
func TestTheConnectionThatAskedLaterWins(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		var asked atomic.Int64
		b.desk.set(func() {
			b.desk.finding = func() error {
				if asked.Add(1) == 1 {
					time.Sleep(5 * time.Second)
				}
				return nil
			}
		})
		older := b.socket()
		older.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		time.Sleep(time.Second)
		newer := b.signIn("ann")
		older.refused("session_replaced", 1008)
		newer.silent()
	})
}
