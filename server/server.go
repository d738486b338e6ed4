// Package server builds the parts of a deployment by role, runs them and drains them.
//
// It is the one place that names implementations: which broker, which store, which role.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
)

// Server is one process of a deployment.
type Server struct {
	config   Config
	log      *slog.Logger
	app      *lobby.App
	games    []handlers.Definition
	id       string // of this process, on the board
	started  time.Time
	listener net.Listener
	profile  net.Listener // of profiles; nil: none
	registry *prometheus.Registry
	front    *front
	admin    *adminDoor // nil: there is none

	drain    chan struct{} // closed by Drain
	draining sync.Once
	// workerDrains: the worker alone drains.
	workerDrains atomic.Bool
	drainedAt    time.Time // belongs to run

	roster   broker.Roster // who is there
	watching atomic.Int64  // since when that is known: nanoseconds since 1970; 0: it is not

	built chan struct{}         // closed once parts is set
	parts atomic.Pointer[parts] // nil until they are built
}

// New checks the configuration and starts to listen, without serving yet. Several versions of one game may be given.
func New(c Config, log *slog.Logger, app *lobby.App, games ...handlers.Definition) (*Server, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	seen := map[[2]string]bool{}
	for _, g := range games {
		key := [2]string{g.Name(), g.Version()}
		if seen[key] {
			return nil, fmt.Errorf("game %s version %s is given twice", g.Name(), g.Version())
		}
		seen[key] = true
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err // it says "listen" itself
	}
	var profile net.Listener
	if c.Profile != "" {
		if profile, err = net.Listen("tcp", c.Profile); err != nil {
			listener.Close()
			return nil, fmt.Errorf("--profile-listen: %w", err)
		}
	}
	admin, err := openAdmin(&c)
	if err != nil {
		listener.Close()
		if profile != nil {
			profile.Close()
		}
		return nil, err
	}
	s := &Server{
		config: c, app: app, games: games, listener: listener, profile: profile, admin: admin,
		id: uuid.NewString(), started: time.Now(), registry: prometheus.NewRegistry(), built: make(chan struct{}),
		drain: make(chan struct{}),
	}
	s.log = log.With("process", s.id[:8])
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.front = newFront(s)
	return s, nil
}

// URL is where this process can be reached from this machine, such as http://localhost:8080.
func (s *Server) URL() string { return urlOf(s.listener) }

// AdminURL is where its admin API can be, such as http://127.0.0.1:8081; "" if it has none.
func (s *Server) AdminURL() string {
	if s.admin == nil {
		return ""
	}
	return urlOf(s.admin.listener)
}

func urlOf(l net.Listener) string {
	at := l.Addr().(*net.TCPAddr)
	host := "localhost"
	if !at.IP.IsUnspecified() {
		host = at.IP.String()
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(at.Port))
}

// Built is closed when broker and store have been reached and the parts of this process work.
func (s *Server) Built() <-chan struct{} { return s.built }

// Drain makes Run end in a way that nobody notices: clients are told, spread over time, to come back, and find another
// gateway; rooms go to other workers, and those that no other worker plays are played until they are over, at most for
// [Config].Drain. Where there is no other gateway nobody could play on, so nothing is waited for. It returns at once.
func (s *Server) Drain() { s.draining.Do(func() { close(s.drain) }) }

// Run serves until ctx ends; then it stops in order, or until it is drained: clients are told to come back, what they have said is played and
// kept, and everything is closed. It returns when all its goroutines have; nil after an orderly stop. Call it once.
func (s *Server) Run(ctx context.Context) error {
	defer s.listener.Close()
	if s.profile != nil {
		defer s.profile.Close()
		go s.profiles(s.profile)
	}
	web := httpServer(s.front, s.log)
	served := make(chan error, 2)
	go func() { served <- web.Serve(s.listener) }()

	if s.admin != nil {
		admin := httpServer(s.admin, s.log)
		defer shut(admin)
		go func() { served <- admin.Serve(s.admin.listener) }()
	}
	running, done := context.WithCancel(ctx)
	defer done()
	group, working := errgroup.WithContext(running)
	group.Go(func() error {
		defer done() // drained, without an error
		return s.work(working)
	})
	group.Go(func() error {
		tidy(working)
		return nil
	})
	group.Go(func() error {
		select {
		case <-working.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("serve: %w", err)
		}
	})
	err := group.Wait()

	shut(web)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil
	}
	return err
}

// shut ends a server, after what is under way for a second.
func shut(s *http.Server) {
	ending, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.Shutdown(ending) != nil {
		_ = s.Close()
	}
}

func httpServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// work builds the parts, runs them until ctx ends, and drains them.
func (s *Server) work(ctx context.Context) error {
	building, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-s.drain:
			select {
			case <-s.built:
			default:
				stop() // nothing is there to drain
			}
		case <-building.Done():
		}
	}()
	p, err := s.build(building)
	if err != nil {
		if building.Err() != nil {
			return nil // stopped while it waited for broker or store
		}
		return err
	}
	if s.config.OnReady != nil {
		s.config.OnReady(s.URL())
	}
	s.front.parts.Store(s.routes(p)) // before ready sees p: whoever is sent here then is served
	s.parts.Store(p)
	close(s.built)
	if s.admin != nil {
		s.log.Info("the admin API listens", "url", s.AdminURL())
	}
	s.log.Info("ready", "roles", s.config.Role, "url", s.URL(), "after", time.Since(s.started).Round(time.Millisecond))
	err = p.run(ctx, s)
	s.front.drains.Store(true)
	return errors.Join(err, p.close())
}

var errStarting = errors.New("starting: waiting for broker and store")

// ready returns nil when players may be sent here.
func (s *Server) ready(ctx context.Context) error {
	if s.front.drains.Load() {
		return errors.New("stopping")
	}
	p := s.parts.Load()
	if p == nil {
		return errStarting
	}
	if err := p.store.Ready(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := p.broker.Ready(ctx); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if p.gateway != nil {
		if err := p.gateway.Ready(); err != nil {
			return err
		}
	}
	return nil
}
