package system

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// cable is a player's way to the servers, which can be cut.
type cable struct {
	mu    sync.Mutex
	isCut bool
	conns []net.Conn
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isCut {
		conn.Close()
		return nil, errors.New("the cable is cut")
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = true
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = false
}

// sitter is a player of one room who writes down what it hears.
type sitter struct {
	t     *testing.T
	room  *client.Room
	conn  *client.Conn
	place client.Place
	heard []string // message-ids and types
}

// sit makes a room of Othello, or takes a seat in the one that is given.
func sit(ctx context.Context, t *testing.T, base string, way *cable, room string) *sitter {
	t.Helper()
	transport := &http.Transport{DialContext: way.dial}
	t.Cleanup(transport.CloseIdleConnections)
	player, err := client.New(client.Config{
		URL: base, HTTP: &http.Client{Transport: transport}, Backoff: client.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.SignInGuest(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	s := &sitter{t: t}
	if room == "" {
		s.place, err = player.CreateRoom(ctx, "othello", nil)
	} else {
		s.place, err = player.JoinRoom(ctx, room)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.conn, err = player.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	if s.room, err = s.conn.Join(ctx, s.place); err != nil {
		t.Fatal(err)
	}
	return s
}

// until hears messages up to one of the type; with "" up to the end of the room.
func (s *sitter) until(ctx context.Context, typ string) {
	s.t.Helper()
	for {
		m, err := s.room.Next(ctx)
		if typ == "" && client.CodeOf(err) == "room_closed" {
			return
		}
		if err != nil {
			s.t.Fatalf("wait for %q: %v; heard %q", typ, err, s.heard)
		}
		s.heard = append(s.heard, m.ID+" "+m.Type)
		if m.Type == typ {
			return
		}
	}
}

// say returns when the broker holds the message, or the message has ended the room.
func (s *sitter) say(ctx context.Context, typ, body string) {
	s.t.Helper()
	if _, err := s.room.Send(ctx, typ, []byte(body)); err != nil && client.CodeOf(err) != "room_closed" {
		s.t.Fatal(err)
	}
}

func TestPlayerWhoWasCutOffHearsHowTheGameEnded(t *testing.T) {
	t.Parallel()
	t.Run("embedded broker", func(t *testing.T) {
		t.Parallel()
		hearTheEnd(t, start(t).ready().URL)
	})
	t.Run("RabbitMQ, PostgreSQL, two gateways", func(t *testing.T) {
		t.Parallel()
		rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
		var lobbies, gateways []*process
		base := oneAddress(t, func() []*process { return lobbies }, func() []*process { return gateways })
		of := func(role string) *process {
			return start(t, "--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base)
		}
		lobbies, gateways = []*process{of("lobby")}, []*process{of("web"), of("web")}
		for _, p := range append(gateways, lobbies[0], of("worker")) {
			p.ready()
		}
		hearTheEnd(t, base)
	})
}

// hearTheEnd has games end while one side is cut off, which must hear of it what the other one has heard.
func hearTheEnd(t *testing.T, base string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		way := &cable{}
		away := sit(ctx, t, base, way, "")
		stays := sit(ctx, t, base, &cable{}, away.place.Room.ID)
		away.until(ctx, "started")
		away.say(ctx, "put", `{"at":"d3"}`)
		away.until(ctx, "placed")
		stays.until(ctx, "placed")
		way.cut()
		stays.say(ctx, "exit", "{}")
		stays.until(ctx, "")
		way.mend()
		away.until(ctx, "")

		placed := func(heard []string) int {
			return slices.IndexFunc(heard, func(m string) bool { return strings.HasSuffix(m, " placed") })
		}
		got, want := away.heard[placed(away.heard):], stays.heard[placed(stays.heard):]
		if !slices.Equal(got, want) {
			t.Errorf("who was cut off has heard %q, want %q", got, want)
		}
		last := want[len(want)-2:]
		if !strings.HasSuffix(last[0], " over") || !strings.HasSuffix(last[1], " $closed") {
			t.Errorf("the game ended with %q, want over and $closed", last)
		}
		if err := away.conn.Err(); err != nil {
			t.Errorf("the connection ended with the room: %v", err)
		}
	}
}
