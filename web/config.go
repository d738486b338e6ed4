package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

// Store is what a gateway asks of the store. Every store.Store has it.
type Store interface {
	Session(ctx context.Context, token store.TokenHash, now time.Time) (store.Session, error)
	Seat(ctx context.Context, room, user string) (store.Seat, error)
	Room(ctx context.Context, id string) (store.Room, error)
	Farewell(ctx context.Context, room, user string, after uint64, now time.Time) (store.Farewell, error)
	Notes(ctx context.Context, user string, after uint64, now time.Time, limit int) (notes []store.Note, last uint64, err error)
	LastNotes(ctx context.Context, users []string) (map[string]uint64, error)
	store.Presences
}

// Announcements knows what is announced to everybody.
type Announcements interface {
	// Announcement returns the JSON that every connection is to be given as a message of type $notice; empty: nothing is
	// announced. The gateway asks when it starts, when the board speaks of an announcement ([broker.NoticeAnnounce]), when it may
	// have missed that, and each 30 s.
	Announcement(ctx context.Context) ([]byte, error)
}

// Gate says who may not be connected now, because there is maintenance. It answers from memory.
type Gate interface {
	Shut(user string) bool
}

// open is a gate for all.
type open struct{}

func (open) Shut(string) bool { return false }

// Broker is what a gateway asks of the broker. Every broker.Broker has it.
type Broker interface {
	broker.Sender
	broker.Topics
	broker.Board
}

// Tokens knows the tokens of sessions. Its one method does not wait for anybody.
type Tokens interface {
	// Hash returns an error for what is no token, or is over at now.
	Hash(token string, now time.Time) ([32]byte, error)
}

// anyText takes every text for a token.
type anyText struct{}

func (anyText) Hash(token string, _ time.Time) ([32]byte, error) {
	return sha256.Sum256([]byte(token)), nil
}

// Config says what a Gateway works with. Store and Broker must be given; every other zero value works.
type Config struct {
	Store  Store
	Broker Broker

	// Tokens tells under which hash the store has the session of a token, or refuses it: then the store is not asked.
	// Default: every text is a token, under its own SHA-256.
	Tokens Tokens

	// Announcements is asked for what is announced. Default: what the board has said since the gateway started.
	Announcements Announcements

	// Gate says who may be connected. Default: everybody.
	Gate Gate

	// Process is the id under which this process is known on the board. Default: a new one.
	Process string
	// Log takes what happens. Default: slog.Default().
	Log *slog.Logger
	// Origins are the web origins, beside the gateway's own host, whose pages may connect: hosts ("play.example.com",
	// "*.example.com") or with a scheme ("https://play.example.com"); "*" admits any. A client that sends no Origin
	// is no browser and is always admitted.
	Origins []string
	// Address says where a request comes from, for Limits.PerAddress. Default: the host of RemoteAddr. Behind a proxy
	// set it, as all clients would share the proxy's address.
	Address func(*http.Request) string
	// Limits bounds what clients may ask for.
	Limits Limits
	// Drain is how long Run may take to send its clients away when its context has ended. Default 10 s.
	Drain time.Duration
	// Now is the clock of what is written into messages and of what expires. Default: time.Now.
	Now func() time.Time
	// Metrics takes the gateway's collectors. Default: none.
	Metrics prometheus.Registerer
}

// Limits bounds what clients may ask for. A field that is 0 has its default; a negative one of the first two means
// none, as 0 does.
type Limits struct {
	Connections int // at a time in this process; default none
	PerAddress  int // connections at a time from one address; default none

	Frame         stomp.Limits  // size of one frame; see there for the defaults
	FrameTime     time.Duration // from the first byte of a frame to its last, and of a WebSocket message; default 10 s
	ConnectTime   time.Duration // until CONNECT is there; default 10 s
	Subscriptions int           // of one connection; default 100

	// Rate is how many messages a second one connection may SEND; default 200. What is beyond is not refused, but
	// read later. Burst is how many it may send at once; default 400.
	Rate  float64
	Burst int

	// OutMessages and OutBytes bound what waits to be written to one connection; beyond them the connection ends
	// with slow_reader. Default 16,384 and 4 MiB.
	OutMessages int
	OutBytes    int
	// WriteTime is how long one write to a socket may take; default 10 s.
	WriteTime time.Duration
	// SendTime is how long the broker and the store may take over one frame of a client; beyond it the connection
	// ends with unavailable. Default 30 s.
	SendTime time.Duration
}

func or[T int | float64 | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

func (l Limits) withDefaults() Limits {
	l.FrameTime = or(l.FrameTime, 10*time.Second)
	l.ConnectTime = or(l.ConnectTime, 10*time.Second)
	l.Subscriptions = or(l.Subscriptions, 100)
	l.Rate = or(l.Rate, 200)
	l.Burst = or(l.Burst, 400)
	l.OutMessages = or(l.OutMessages, 16_384)
	l.OutBytes = or(l.OutBytes, 4<<20)
	l.WriteTime = or(l.WriteTime, 10*time.Second)
	l.SendTime = or(l.SendTime, 30*time.Second)
	return l
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Broker == nil {
		return c, errors.New("web: Config needs a Store and a Broker")
	}
	if c.Gate == nil {
		c.Gate = open{}
	}
	if c.Tokens == nil {
		c.Tokens = anyText{}
	}
	if c.Process == "" {
		c.Process = uuid.NewString()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Address == nil {
		c.Address = remoteHost
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Drain = or(c.Drain, 10*time.Second)
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
