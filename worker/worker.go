// Package worker plays rooms: it takes what a room's queue gives, lets the game's handlers answer, keeps what must be
// kept, and publishes the results, in one order.
//
// Each room that is awake has one goroutine, the only one that touches its state. A room that is consumed but asleep
// has none: its queue's next message starts it. Which rooms a worker consumes follows from the bulletin board (see
// docs/inside.md); there is no list of addresses and no leader.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// Broker is what a worker needs of a broker. Where it is a [broker.Retirer], rooms without players sleep without a queue.
type Broker interface {
	broker.Rooms
	broker.Queues
	broker.Sender
	broker.Board
}

// Store is what a worker needs of a store.
type Store interface {
	store.Records
	Room(ctx context.Context, id string) (store.Room, error)
	Seat(ctx context.Context, room, user string) (store.Seat, error)
	LiveRooms(ctx context.Context, game, version, after string, limit int) ([]store.LiveRoom, error)
	DueRooms(ctx context.Context, game, version string, before time.Time, after store.DueRoom, limit int) ([]store.DueRoom, error)
	Unswept(ctx context.Context, limit int) ([]string, error)
	Swept(ctx context.Context, room string) error
	ForgetFarewells(ctx context.Context, now time.Time, limit int) (rooms int, err error)
}

// Config says what a worker is made of. Broker, Store and Games must be given.
type Config struct {
	Broker Broker
	Store  Store
	// Games are what this worker plays; each name and version once.
	Games []handlers.Definition
	// Items are the most that a player may own, by item; of another item a room may grant as much as the store takes.
	Items map[string]int64
	// Process is the id under which this process announces itself on the board. Default: a new one, for a worker
	// that nobody announces.
	Process string
	// Log: default slog.Default().
	Log *slog.Logger
	// Now is the clock that rooms see. Default time.Now. Only tests change it.
	Now func() time.Time
	// Metrics takes the worker's metrics. Default: none.
	Metrics prometheus.Registerer
	// Standby is how long after the first-ranked worker the second one begins to consume a room, so that the first
	// is the active one. Default 300 ms.
	Standby time.Duration
	// Look is the time between two full looks at the store. Default 30 s. Rooms whose next timer is due in less than four of
	// them don't give their queue up. Closed rooms whose queue may still be there
	// are looked for six times as often, and swept when they are found a second time.
	Look time.Duration
	// Farewell is how long the last outputs of a room are kept after it has closed, for players whose connection was cut just
	// then. Default 2 min. All workers should have the same.
	Farewell time.Duration
	// Drain is how long Run may take to finish what is under way once its context has ended. Default 10 s.
	Drain time.Duration
}

// Worker plays rooms. Its methods are safe for concurrent use.
type Worker struct {
	broker  Broker
	retirer broker.Retirer // the broker, if it is one
	store   Store
	log     *slog.Logger
	now     func() time.Time
	process string
	standby time.Duration
	every   time.Duration // between looks
	drain   time.Duration

	farewell time.Duration // how long the end of a room is kept

	items   map[string]int64
	games   map[key]*game
	metrics *metrics
	roster  broker.Roster
	opening chan struct{} // bounds rooms whose queue is being consumed at a time
	raising chan struct{} // bounds rooms that are being taken up at a time
	again   chan struct{} // asks for a look
	asked   chan struct{} // rooms have asked for jobs

	draining atomic.Bool
	by       atomic.Int64 // see FinishBy: nanoseconds since 1970
	changed  atomic.Int64 // when those changed who play the worker's games, or notices were missed: nanoseconds since 1970
	watching time.Time    // since when the board is watched; set before anything runs

	taking context.Context // ends when nothing new is taken
	work   context.Context // ends when what is under way is cut

	playersMu sync.Mutex
	players   []string // the other processes that play the worker's games, in order

	mu         sync.Mutex
	rooms      map[string]*room // that this worker consumes or is about to
	awakeRooms map[*room]struct{}
	stopped    bool
	ran        bool

	running sync.WaitGroup // goroutines of rooms
}

// key names a game at a version.
type key struct{ name, version string }

// game is a definition with what the worker needs of it, read once.
type game struct {
	handlers.Definition
	key
	policy handlers.Policy
	keep   keep
	every  time.Duration // Checkpointed: between two saves
	counts counts
}

// keep is the kind of handlers.Keep.
type keep uint8

const (
	durable keep = iota
	checkpointed
	ephemeral
)

func (k keep) durability() broker.Durability {
	if k == ephemeral {
		return broker.Passing
	}
	return broker.Kept
}

// How many rooms a worker begins to consume, and takes up, at the same time.
const (
	openingAtOnce = 32
	raisingAtOnce = 256
)

// New makes a worker. It fails when something is missing, when a game is given twice, or when the metrics are
// registered already.
func New(c Config) (*Worker, error) {
	switch {
	case c.Broker == nil:
		return nil, errors.New("worker: Config.Broker is missing")
	case c.Store == nil:
		return nil, errors.New("worker: Config.Store is missing")
	case len(c.Games) == 0:
		return nil, errors.New("worker: Config.Games is empty: a worker needs a game to play")
	}
	w := &Worker{
		broker:     c.Broker,
		store:      c.Store,
		log:        c.Log,
		now:        c.Now,
		process:    c.Process,
		standby:    orElse(c.Standby, 300*time.Millisecond),
		every:      orElse(c.Look, 30*time.Second),
		drain:      orElse(c.Drain, 10*time.Second),
		farewell:   orElse(c.Farewell, 2*time.Minute),
		games:      map[key]*game{},
		items:      maps.Clone(c.Items),
		rooms:      map[string]*room{},
		awakeRooms: map[*room]struct{}{},
		opening:    make(chan struct{}, openingAtOnce),
		raising:    make(chan struct{}, raisingAtOnce),
		again:      make(chan struct{}, 1),
		asked:      make(chan struct{}, 1),
	}
	w.retirer, _ = c.Broker.(broker.Retirer)
	if w.log == nil {
		w.log = slog.Default()
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.process == "" {
		w.process = uuid.NewString()
	}
	var err error
	if w.metrics, err = newMetrics(c.Metrics, w); err != nil {
		return nil, fmt.Errorf("worker: register metrics: %w", err)
	}
	for _, d := range c.Games {
		g := &game{Definition: d, key: key{d.Name(), d.Version()}, policy: d.Policy()}
		if w.games[g.key] != nil {
			return nil, fmt.Errorf("worker: game %s version %s is given twice", g.name, g.version)
		}
		switch k := g.policy.Keep.(type) {
		case handlers.Checkpointed:
			g.keep, g.every = checkpointed, orElse(k.Every, time.Second)
		case handlers.Ephemeral:
			g.keep = ephemeral
		}
		g.counts = w.metrics.of(g.key)
		w.games[g.key] = g
	}
	return w, nil
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Games returns the versions this worker plays by game, for the process's announcement.
func (w *Worker) Games() map[string][]string {
	games := map[string][]string{}
	for k := range w.games {
		games[k.name] = append(games[k.name], k.version)
	}
	for _, versions := range games {
		slices.Sort(versions)
	}
	return games
}

// Rooms returns how many rooms are awake here, for the process's announcement.
func (w *Worker) Rooms() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.awakeRooms)
}

func (w *Worker) setAwake(r *room, awake bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if awake {
		w.awakeRooms[r] = struct{}{}
	} else {
		delete(w.awakeRooms, r)
	}
}

// Run plays until ctx ends. Then it takes nothing new, finishes what is under way (committed, published, acked; a room
// that is kept by checkpoints is saved), hands its rooms over, and returns nil: after at most Config.Drain, when what
// is left is cut; unacked messages then go to the next worker. It returns an error only when the board can't be
// watched. On return all its goroutines have ended. A Worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	if w.ran {
		w.mu.Unlock()
		return errors.New("worker: Run was called a second time")
	}
	w.ran = true
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	taking, stop := context.WithCancel(ctx)
	defer stop()
	w.work, w.taking, w.watching = work, taking, w.now()
	w.mu.Unlock()
	guarding, rest := context.WithCancel(context.WithoutCancel(ctx))
	var guard sync.WaitGroup
	guard.Go(func() { w.watchRunning(guarding) })
	defer guard.Wait()
	defer rest()

	err := w.watch(taking)
	stop()
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.each(func(r *room) { r.setRank(nowhere) })

	patience := w.patience()
	timer := time.AfterFunc(patience, func() {
		w.log.Warn("worker cuts what did not finish in time", "waited", patience, "rooms", w.count())
		cut()
	})
	w.running.Wait()
	timer.Stop()
	return err
}

// each calls do for every room there is, without a lock held.
func (w *Worker) each(do func(*room)) {
	w.mu.Lock()
	rooms := make([]*room, 0, len(w.rooms))
	for _, r := range w.rooms {
		rooms = append(rooms, r)
	}
	w.mu.Unlock()
	for _, r := range rooms {
		do(r)
	}
}

// held returns the room if this worker has it, else nil.
func (w *Worker) held(id string) *room {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rooms[id]
}

func (w *Worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rooms)
}
