package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// A room without players that has nothing to do for long gives its queue up and is forgotten, where the broker can do without
// it (docs/decisions/0022): what is left of it are its rows. It comes back when somebody asks for its queue, and in time for
// its next timer.
//
// First the store says that the room sleeps, then its queue goes if it is empty. Whoever takes the room up, for whatever
// reason, wakes it in the store. So a room that sleeps and has a queue all the same (the process died in between; somebody
// has opened it and died) has at most been forgotten by everybody, and is found by its queue.

// retireLooks is how many looks at the store a room's next timer must be away. It is woken some looks before.
const (
	retireLooks = 4
	wakeLooks   = 2
)

// errRetired: the room sleeps without a queue.
var errRetired = errors.New("room sleeps without a queue")

// want notes that somebody has something for the room.
func (r *room) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
}

// served notes that the room has a queue for whoever has wanted one.
func (r *room) served() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = false
}

func (r *room) isWanted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted
}

// retireUntil is how long the room may do without a queue; zero: it may not.
func (r *room) retireUntil() time.Time {
	a := r.awake
	if r.w.retirer == nil || a.Online() > 0 || a.Ended() || a.change.sent < len(a.change.out) {
		return time.Time{}
	}
	at, fires := a.NextFire()
	switch {
	case !fires:
		return store.Never
	case at.Sub(r.w.now()) < retireLooks*r.w.every:
		return time.Time{}
	}
	return at
}

// retire gives up the queue of the room, which sleeps in the store, unless there is something in it: then that wakes it.
func (r *room) retire() error {
	gone, err := r.w.retirer.Retire(r.w.work, r.id)
	if err != nil {
		return fmt.Errorf("retire queue: %w", err)
	}
	if gone {
		r.game.counts.retired.Inc()
		return errRetired
	}
	return nil
}

// forgetRetired forgets the room, unless somebody wants it by now.
func (r *room) forgetRetired() bool {
	r.mu.Lock()
	wanted := r.wanted
	r.gone = !wanted
	r.mu.Unlock()
	if !wanted {
		r.forget()
	}
	return !wanted
}

// wakeDue wakes rooms that sleep until a moment that is near.
func (w *Worker) wakeDue(ctx context.Context, present []broker.Process) error {
	before := w.now().Add(wakeLooks * w.every)
	for _, g := range w.games {
		for last := (store.DueRoom{}); ; {
			page, err := w.store.DueRooms(ctx, g.name, g.version, before, last, pageSize)
			if err != nil {
				return fmt.Errorf("list due rooms: %w", err)
			}
			for _, due := range page {
				w.wakeAsleep(g, due.ID, present)
			}
			if len(page) < pageSize {
				break
			}
			last = page[len(page)-1]
		}
	}
	return nil
}

// lookAtOpened wakes rooms that have a queue and are nobody's here, though they live.
func (w *Worker) lookAtOpened(ctx context.Context, present []broker.Process) error {
	if w.retirer == nil {
		return nil
	}
	opened, err := w.retirer.Opened(ctx)
	if err != nil {
		return fmt.Errorf("list opened rooms: %w", err)
	}
	for _, id := range opened {
		if w.held(id) != nil {
			continue
		}
		is, err := w.store.Room(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound): // a queue that is no room's
		case err != nil:
			return fmt.Errorf("look room up: %w", err)
		case is.State != store.Closed:
			if g := w.games[key{is.Game, is.Version}]; g != nil {
				w.wakeAsleep(g, id, present)
			}
		}
	}
	return nil
}

// wakeAsleep has a room that sleeps wake up, if it is this worker's.
func (w *Worker) wakeAsleep(g *game, id string, present []broker.Process) {
	if w.rankOf(id, g, present) != first {
		return
	}
	if r := w.assign(g, id, first, true); r != nil {
		r.wakeUp()
	}
}
