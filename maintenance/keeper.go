package maintenance

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

const (
	lookEvery = 2 * time.Second
	lookTime  = 2 * time.Second
	// overFor is how long it is announced that a maintenance is over: longer than gateways take to ask.
	overFor = time.Minute
	// farewell is how long players stay connected to hear that their rooms have ended.
	farewell = 5 * time.Second
)

// Keeper is what one process knows of the maintenance. Safe for concurrent use.
type Keeper struct {
	store store.Maintenances
	board broker.Board
	log   *slog.Logger
	now   func() time.Time

	known atomic.Pointer[store.Maintenance] // nil: it has not been read yet
}

// Config says what a Keeper works with. Store and Board must be given.
type Config struct {
	Store store.Maintenances
	Board broker.Board
	Log   *slog.Logger     // default slog.Default()
	Now   func() time.Time // default time.Now
}

// NewKeeper makes a Keeper, which knows of nothing before its first Look.
func NewKeeper(c Config) *Keeper {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Keeper{store: c.Store, board: c.Board, log: c.Log, now: c.Now}
}

// Look reads what stands.
func (k *Keeper) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	m, err := k.store.Maintenance(ctx)
	if err != nil {
		return err
	}
	for {
		old := k.known.Load()
		if old != nil && old.N >= m.N { // a look that began earlier may end later
			return nil
		}
		if k.known.CompareAndSwap(old, &m) {
			if old != nil || m.Active {
				k.log.Info("maintenance has changed", "phase", PhaseOf(m, k.now()), "begins", m.Begins, "closes", m.Closes, "ends", m.Ends)
			}
			return nil
		}
	}
}

// Run keeps what is known fresh until ctx ends: by the board at once, and otherwise each two seconds.
func (k *Keeper) Run(ctx context.Context) error {
	soon := make(chan struct{}, 1)
	watching := false
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failed, told, first := false, false, true // told: by the board; first: nothing was known before
	for {
		if !watching {
			watching = k.board.Watch(ctx, func(n broker.Notice) {
				if n.Kind == broker.NoticeAnnounce || n.Kind == broker.NoticeMissed {
					select {
					case soon <- struct{}{}:
					default:
					}
				}
			}) == nil
		}
		before, _ := k.Current()
		err := k.Look(ctx)
		if now, _ := k.Current(); !told && !first && now.N != before.N {
			k.tell(ctx, now)
		}
		first = false
		if err != nil && !failed && ctx.Err() == nil {
			k.log.Warn("cannot look whether there is a maintenance; what was known stands", "error", err)
		}
		failed = err != nil
		select {
		case <-soon:
			told = true
		case <-tick.C:
			told = false
		case <-ctx.Done():
			return nil
		}
	}
}

// tell puts on the board what who has changed it could not.
func (k *Keeper) tell(ctx context.Context, m store.Maintenance) {
	ctx, cancel := context.WithTimeout(ctx, boardTime)
	defer cancel()
	if err := k.board.Post(ctx, broker.Notice{Kind: broker.NoticeAnnounce, From: "maintenance", Body: announcement(m), Time: k.now()}); err != nil && ctx.Err() == nil {
		k.log.Warn("cannot post that the maintenance has changed; gateways ask by themselves", "error", err)
	}
}

// Current returns what is known, and how far it is now.
func (k *Keeper) Current() (store.Maintenance, Phase) {
	m := k.known.Load()
	if m == nil {
		return store.Maintenance{}, None
	}
	return *m, PhaseOf(*m, k.now())
}

// Paused reports whether user may not sign in, nor make rooms, now, and when that is expected to be over; zero: nobody knows. An empty
// user is one who is not known yet; who may turn out to be exempt is not refused before that is known, see Exempts.
func (k *Keeper) Paused(user string) (ends time.Time, paused bool) {
	m, phase := k.Current()
	return m.Ends, phase >= Begun && (user == "" || !slices.Contains(m.Exempt, user))
}

// Exempts reports whether there is anybody for whom there is no maintenance.
func (k *Keeper) Exempts() bool {
	m, phase := k.Current()
	return phase != None && len(m.Exempt) > 0
}

// Shut reports whether user may not be connected now. Where rooms end, players have a moment to hear of it.
func (k *Keeper) Shut(user string) bool {
	m, phase := k.Current()
	if phase != Closed || m.EndRooms && k.now().Before(m.Closes.Add(farewell)) {
		return false
	}
	return !slices.Contains(m.Exempt, user)
}

// EndRooms reports whether rooms made before the returned moment are to be ended now. The number is that of the maintenance's change.
func (k *Keeper) EndRooms() (n uint64, before time.Time, now bool) {
	m, phase := k.Current()
	return m.N, m.Closes, phase == Closed && m.EndRooms
}

// Announcement reads what every connection is to be told; empty: nothing. An end is told for a minute.
func (k *Keeper) Announcement(ctx context.Context) ([]byte, error) {
	if err := k.Look(ctx); err != nil {
		return nil, err
	}
	m, phase := k.Current()
	if phase == None && (m.N == 0 || k.now().Sub(m.Ends) > overFor) {
		return nil, nil
	}
	return announcement(m), nil
}
