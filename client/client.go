// Package client lets a Go program play: sign in, take seats, and speak in rooms over a connection that comes back by
// itself and misses nothing.
//
// A [Client] is a player; [Client.Connect] makes its one [Conn]; [Conn.Join] makes a [Room] of a seat.
package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says where to play. Only URL must be given.
type Config struct {
	// URL of the deployment: "https://play.example.com". The lobby is at /v1 below it.
	URL string
	// HTTP makes the calls and the WebSocket's handshake. Default: a client that waits 30 s for an answer.
	HTTP *http.Client
	// Log takes what heals by itself. Default: nothing is logged.
	Log *slog.Logger
	// Backoff is how long to wait before connecting again.
	Backoff Backoff
	// HeartBeat is how often either side shows that it lives; one that is silent for 2.5 times as long is taken
	// for dead. Default 10 s.
	HeartBeat time.Duration
	// Outbox is how many messages of a room may wait for their receipts; default 256.
	Outbox int
	// Inbox is how many messages of a room may wait for [Room.Next]; default 1,024.
	Inbox int
}

// Client is one player. Its methods are safe for concurrent use.
type Client struct {
	config Config
	base   string

	mu      sync.Mutex
	token   string
	user    User
	gateway string // as the lobby told it, "" before it has
}

// New returns a player who has not signed in yet. It makes no connection.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("client: read the URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("client: URL %q is not of the form http://host or https://host", c.URL)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Backoff.Min <= 0 {
		c.Backoff.Min = 100 * time.Millisecond
	}
	if c.Backoff.Max <= 0 {
		c.Backoff.Max = 10 * time.Second
	}
	if c.Outbox <= 0 {
		c.Outbox = 256
	}
	if c.Inbox <= 0 {
		c.Inbox = 1024
	}
	return &Client{config: c, base: strings.TrimRight(c.URL, "/")}, nil
}

// Me is the player as of its last sign-in; before that its ID is "".
func (c *Client) Me() User {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// Token is the session's token, "" before signing in.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// Gateway is the address for STOMP, as the lobby gave it with the last seat or sign-in; before that where it usually is.
func (c *Client) Gateway() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gateway != "" {
		return c.gateway
	}
	return "ws" + strings.TrimPrefix(c.base, "http") + "/stomp"
}

func (c *Client) remember(p *Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Stomp.URL != "" {
		c.gateway = p.Stomp.URL
	}
}

// Error is a refusal: of the lobby (with a Status), or of a gateway or room (without).
type Error struct {
	Status     int           // HTTP status; 0 when it did not come over HTTP
	Code       string        // stable word: room_full, not_signed_in, ...
	Detail     string        // a sentence for people; may be ""
	RetryAfter time.Duration // the lobby asks to wait this long; 0: it says nothing
}

func (e *Error) Error() string {
	text := e.Code
	if e.Status != 0 {
		text = fmt.Sprintf("%s (%d)", e.Code, e.Status)
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// CodeOf is the Code of the [*Error] in err's chain, "" when there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
