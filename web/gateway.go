// Package web is the edge: STOMP over WebSocket between players and their rooms.
//
// A [Gateway] signs clients in, checks that they speak to and hear only rooms where they sit, gives what they say to
// the rooms' queues, and passes on what the rooms say, so that each client gets every message meant for it once and in
// order, whatever is lost on the way. docs/protocol.md says what a client sees, docs/inside.md how it comes about.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web/stomp"
)

// Gateway is the edge of one process: an http.Handler for the WebSocket's path. Without [Gateway.Run] its clients can
// sign in, but hear nothing.
type Gateway struct {
	store   Store
	tokens  Tokens
	gate    Gate
	broker  Broker
	process string
	log     *slog.Logger
	address func(*http.Request) string
	limits  Limits
	drain   time.Duration
	park    time.Duration // parkAfter; only tests change it
	now     func() time.Time
	accept  websocket.AcceptOptions
	metrics *metrics

	hub       hub
	gatherer  *gatherer
	life      context.Context // of keepers; ends last
	die       context.CancelFunc
	fed       chan struct{} // closed when feed is set
	feed      broker.Feed
	lanes     chan struct{}
	jobs      atomic.Int64
	attempts  atomic.Uint64
	keepers   sync.WaitGroup
	errands   chan func(context.Context) // for Run to do
	doubts    doubts
	rereads   chan struct{} // holds a token when notes may have been missed
	readers   chan struct{} // full when as many notes are read as may be at a time
	roster    broker.Roster // for processes that die
	hearing   atomic.Int64  // since when the board has been heard without a break; Unix nanoseconds, 0: it is silent
	notice    announced
	presences presences
	ready     atomic.Bool

	mu        sync.Mutex
	draining  bool
	drains    time.Time // since when draining
	sessions  map[*session]struct{}
	open      sync.WaitGroup // sessions
	hush      func()         // ends the pulse of the sessions
	lot       *lot           // nil: nobody has been quiet yet, or the system has none
	pulses    sync.WaitGroup
	users     map[string][]*session
	addresses map[string]int
}

// New makes a Gateway. It fails without a Store and a Broker, or when its metrics are registered already.
func New(c Config) (*Gateway, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		store: c.Store, tokens: c.Tokens, gate: c.Gate, broker: c.Broker, process: c.Process, log: c.Log, address: c.Address, limits: c.Limits,
		drain: c.Drain, park: parkAfter, now: c.Now, metrics: m,
		accept: websocket.AcceptOptions{
			Subprotocols: []string{
				stomp.V12.Subprotocol(), stomp.V11.Subprotocol(), stomp.V10.Subprotocol(),
			},
			CompressionMode: websocket.CompressionDisabled,
		},
		fed:       make(chan struct{}),
		doubts:    doubts{come: make(chan struct{}, 1), tell: make(chan struct{}, 1)},
		lanes:     make(chan struct{}, lanes),
		rereads:   make(chan struct{}, 1),
		readers:   make(chan struct{}, readers),
		notice:    announced{source: c.Announcements},
		presences: newPresences(),
		errands:   make(chan func(context.Context), 1024),
		sessions:  map[*session]struct{}{}, users: map[string][]*session{}, addresses: map[string]int{},
	}
	for _, origin := range c.Origins {
		if origin == "*" {
			g.accept.InsecureSkipVerify = true
		}
		g.accept.OriginPatterns = append(g.accept.OriginPatterns, strings.TrimSuffix(origin, "/"))
	}
	g.hub = hub{g: g, rooms: map[string]*room{}}
	g.life, g.die = context.WithCancel(context.Background())
	g.gatherer = newGatherer(m.putOff)
	return g, nil
}

// Conns is the number of connections now.
func (g *Gateway) Conns() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// Ready says why clients should not be sent here now; nil: they may.
func (g *Gateway) Ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return errors.New("gateway is draining")
	}
	if !g.ready.Load() {
		return errors.New("gateway does not hear the broker yet")
	}
	return nil
}

// ServeHTTP upgrades the request and returns; the connection is served until it is over, which Run waits for. What is no WebSocket,
// comes from a foreign page or exceeds the limits is answered in HTTP.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &session{
		g: g, id: broker.NewConn(g.process), address: g.address(r),
		out: newOutbox(g.limits.OutMessages, g.limits.OutBytes), heard: make(chan struct{}), gone: make(chan struct{}),
		decoder: stomp.NewDecoder(g.limits.Frame),
		bucket:  newBucket(g.limits.Rate, g.limits.Burst, time.Now()),
	}
	s.version.Store(uint32(stomp.V12))
	s.out.limit, s.out.written, s.out.broken = g.limits.WriteTime, g.wrote, s.broken
	s.out.skipped = g.metrics.replaced.Inc
	s.ctx = newLifetime()
	if status, reason := g.admit(s); status != 0 {
		g.metrics.rejected.WithLabelValues(reason).Inc()
		g.log.Debug("connection refused", "reason", reason, "address", s.address)
		s.ctx.end()
		w.Header().Set("Retry-After", "1")
		http.Error(w, reason, status)
		return
	}
	// Where there is no deadline to be set there is no socket to be stuck. The upgrade takes it away again.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(g.limits.WriteTime))
	upgrade := hijack{ResponseWriter: w}
	shaken, err := websocket.Accept(&upgrade, r, &g.accept)
	if err != nil {
		g.metrics.rejected.WithLabelValues("handshake").Inc()
		g.log.Debug("no WebSocket came about", "address", s.address, "origin", r.Header.Get("Origin"), "err", err)
		s.ctx.end()
		s.out.abandon()
		g.signOut(s)
		return
	}
	runtime.SetFinalizer(shaken, nil) // it has served; with its finalizer, which closes nowhere, its memory would stay
	g.mu.Lock()
	s.socket = &socket{conn: upgrade.socket, out: s.out, direct: newDirect(upgrade.socket), ahead: upgrade.ahead}
	g.mu.Unlock()
	go s.serve() // what HTTP held for the request is given back
}

// admit counts s in, or says why not.
func (g *Gateway) admit(s *session) (status int, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.draining:
		return http.StatusServiceUnavailable, codeDraining
	case g.limits.Connections > 0 && len(g.sessions) >= g.limits.Connections:
		return http.StatusServiceUnavailable, "too_many_connections"
	case g.limits.PerAddress > 0 && g.addresses[s.address] >= g.limits.PerAddress:
		return http.StatusTooManyRequests, "too_many_connections_of_address"
	}
	if len(g.sessions) == 0 {
		quit := make(chan struct{})
		g.hush = func() { close(quit) }
		g.pulses.Go(func() { g.pulse(quit) })
	}
	g.sessions[s] = struct{}{}
	g.addresses[s.address]++
	g.open.Add(1)
	g.metrics.connections.Inc()
	return 0, ""
}

// wrote counts a write to a client.
func (g *Gateway) wrote(bytes int) {
	g.metrics.writes.Inc()
	g.metrics.bytesOut.Add(float64(bytes))
}
