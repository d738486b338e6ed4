package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/maintenance"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
	"github.com/madang-games/madang/token"
	"github.com/madang-games/madang/web"
	"github.com/madang-games/madang/web/site"
	"github.com/madang-games/madang/worker"
)

// parts is what a process is made of; those of roles that it has not are nil.
type parts struct {
	store   store.Store
	broker  broker.Broker
	lobby   *lobby.Service
	gateway *web.Gateway
	worker  *worker.Worker
	runner  *lobby.Runner
	tokens  *token.Ring
	pause   *maintenance.Keeper
}

// build reaches store and broker, however long that takes, and makes the parts.
func (s *Server) build(ctx context.Context) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			_ = p.close()
		}
	}()
	if p.store, err = s.openStore(ctx); err != nil {
		return nil, err
	}
	if p.broker, err = s.openBroker(ctx); err != nil {
		return nil, err
	}
	if s.config.has(RoleWeb) || s.config.has(RoleLobby) {
		if p.tokens, err = s.openTokens(ctx, p.store); err != nil {
			return nil, err
		}
	}
	if s.config.has(RoleWeb) || s.config.has(RoleLobby) {
		p.pause = maintenance.NewKeeper(maintenance.Config{Store: p.store, Board: p.broker, Log: s.log})
		if err := p.pause.Look(ctx); err != nil { // it looks again
			s.log.Warn("cannot look whether there is a maintenance", "error", err)
		}
	}
	if s.config.has(RoleWorker) {
		p.worker, err = worker.New(worker.Config{
			Store: p.store, Broker: p.broker, Games: s.games, Process: s.id, Log: s.log.With("part", "worker"), Items: s.app.ItemLimits(),
			Drain: s.config.Drain, Metrics: s.registry,
		})
		if err != nil {
			return nil, err
		}
	}
	if s.config.has(RoleWorker) {
		p.runner, err = s.app.Runner(lobby.RunnerConfig{
			Store: p.store, Broker: p.broker, Process: s.id, Log: s.log.With("part", "jobs"), Drain: s.config.Drain, Metrics: s.registry,
		})
		if err != nil {
			return nil, err
		}
	}
	if s.config.has(RoleWeb) {
		p.gateway, err = web.New(web.Config{
			Store: p.store, Broker: p.broker, Tokens: p.tokens, Announcements: p.pause, Gate: p.pause, Process: s.id, Log: s.log.With("part", "web"),
			Origins: s.config.Origins, Address: s.address, Drain: s.config.Drain, Metrics: s.registry,
		})
		if err != nil {
			return nil, err
		}
	}
	if s.config.has(RoleLobby) {
		canary, err := s.config.canaries()
		if err != nil {
			return nil, err
		}
		platforms, err := s.config.signInPlatforms()
		if err != nil {
			return nil, err
		}
		p.lobby, err = s.app.Serve(lobby.Config{
			Canary: canary, Tokens: p.tokens, OwnPlatforms: s.config.Platforms, Platforms: platforms,
			Store: p.store, Broker: p.broker, Pause: p.pause, Games: s.games, Process: s.id, Log: s.log.With("part", "lobby"),
			PublicURL: s.config.PublicURL, TrustProxy: s.config.TrustProxy, Origins: s.config.Origins, Metrics: s.registry,
		})
		if err != nil {
			return nil, err
		}
		if s.admin != nil {
			if err := s.admin.open(p); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (s *Server) openStore(ctx context.Context) (store.Store, error) {
	dsn := s.config.Store
	if dsn == storeSQLite {
		if err := os.MkdirAll(s.config.Data, 0o750); err != nil {
			return nil, fmt.Errorf("make the data folder: %w", err)
		}
		dsn = "sqlite:" + filepath.Join(s.config.Data, "madang.db")
	}
	db, err := sql.Open(ctx, sql.Config{DSN: dsn, Log: s.log.With("part", "store"), JoinRuns: broker.JoinRuns})
	if err != nil {
		return nil, err // without db: a nil pointer is not a nil Store
	}
	return db, nil
}

func (s *Server) openBroker(ctx context.Context) (broker.Broker, error) {
	if s.config.embedded() {
		b, err := memory.Open(memory.Config{Log: s.log.With("part", "broker"), Journal: filepath.Join(s.config.Data, "rooms.journal")})
		if err != nil {
			return nil, err // without b: a nil pointer is not a nil Broker
		}
		return b, nil
	}
	b, err := rabbitmq.New(ctx, rabbitmq.Config{URLs: s.config.Broker, Log: s.log.With("part", "broker")})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// routes is what the process serves once its parts are there.
func (s *Server) routes(p *parts) *http.ServeMux {
	mux := http.NewServeMux()
	if p.gateway != nil {
		mux.Handle("/stomp", p.gateway)
	}
	if p.lobby != nil {
		mux.Handle(lobby.Prefix+"/", p.lobby)
		mux.Handle("/openapi.yaml", p.lobby)
		mux.Handle("/", site.Handler())
	}
	return mux
}

// run runs the parts until ctx ends or one of them fails, then stops them in the order in which messages flow: the
// gateway, the lobby, the queues, the worker. Each has ended before the next is told to.
func (p *parts) run(ctx context.Context, s *Server) error {
	group, failed := errgroup.WithContext(context.WithoutCancel(ctx))
	start := func(run func(context.Context) error) (stop func()) {
		working, cancel := context.WithCancel(failed)
		done := make(chan struct{})
		group.Go(func() error { defer close(done); return run(working) })
		return func() { cancel(); <-done }
	}
	draining := false
	patience, hurry := context.WithCancel(ctx) // how long draining may take its time
	defer hurry()
	context.AfterFunc(failed, hurry)
	var stops []func()
	if p.gateway != nil {
		stops = append(stops, func() {
			if draining && !s.config.embedded() && !s.alone(p) {
				p.gateway.Drain(patience)
			}
		}, start(p.gateway.Run))
	}
	if p.lobby != nil {
		stops = append(stops, start(p.lobby.Run))
	}
	if p.tokens != nil {
		stops = append(stops, start(func(ctx context.Context) error { return p.tokens.Run(ctx, s.log.With("part", "tokens")) }))
	}
	if p.runner != nil {
		stops = append(stops, start(p.runner.Run))
	}
	if p.worker != nil {
		stops = append(stops, func() {
			if draining {
				p.finish(patience, s)
				p.worker.FinishBy(s.drainedAt.Add(s.config.Drain))
			}
			p.settle(s)
		}, start(p.worker.Run))
	}
	if p.pause != nil {
		stops = append(stops, start(p.pause.Run))
	}
	stops = append(stops, start(func(ctx context.Context) error { return s.announce(ctx, p) }))
	stops = append(stops, start(func(ctx context.Context) error { return s.obey(ctx, p) }))

	select {
	case <-ctx.Done():
		s.log.Info("stopping")
	case <-s.drain:
		draining = true
		s.log.Info("draining", "at most", s.config.Drain)
	case <-failed.Done():
	}
	s.front.drains.Store(true)
	if draining {
		s.drainedAt = time.Now()
		if err := s.post(ctx, p, broker.NoticeProcess); err != nil { // the next one comes soon
			s.log.Debug("draining not announced yet", "error", err)
		}
		if p.worker != nil {
			p.worker.Drain()
		}
	}
	for _, stop := range stops {
		stop()
	}
	return group.Wait()
}

// finish waits until the worker has handed over, or seen the end of, all its rooms; until the time for draining is over;
// or until ctx ends. With the embedded broker nobody else could take a room, and nobody can play one after the last gateway is
// gone.
func (p *parts) finish(ctx context.Context, s *Server) {
	if s.config.embedded() {
		return
	}
	deadline := time.NewTimer(time.Until(s.drainedAt.Add(s.config.Drain)))
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for p.worker.Left() > 0 {
		if s.alone(p) {
			s.log.Info("nobody can play on, as no other gateway is there: rooms wait for the next process", "rooms", p.worker.Left())
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		case <-deadline.C:
			s.log.Warn("rooms are left that nobody else plays; they wait for a worker of their version", "rooms", p.worker.Left())
			return
		}
	}
}

// settle lets the worker play what still waits in queues that would end with this process.
func (p *parts) settle(s *Server) {
	embedded, ok := p.broker.(*memory.Broker)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	if err := embedded.Settle(ctx); err != nil {
		s.log.Warn("messages were still waiting in queues at the end", "error", err, "waited", s.config.Drain.Round(time.Second))
	}
}

func (p *parts) close() error {
	var errs []error
	if p.broker != nil {
		errs = append(errs, p.broker.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}
