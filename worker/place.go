package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// This file is a room's place in the line of those who consume its queue.

// The first-ranked worker stands behind the standby one when it has lost its place for a moment: frozen, cut off, restarted
// under the same name. A standby worker that finds itself playing makes way after a while, at longer and longer
// intervals should nobody step in.
const (
	yieldAfter = 6 * time.Second // longer than a dead worker is taken for alive
	yieldMost  = 10 * time.Minute
)

// makeWay hands the room over when it is time to.
func (r *room) makeWay() {
	switch {
	case r.aim != standby:
		r.yieldAt, r.yields = time.Time{}, 0
	case r.awake == nil:
		r.yieldAt = time.Time{}
	case r.yieldAt.IsZero():
		wait := min(yieldAfter<<min(r.yields, 10), yieldMost)
		r.yieldAt = r.w.now().Add(wait + rand.N(wait/2))
	case !r.yieldAt.After(r.w.now()):
		r.w.log.Debug("room makes way for its first worker", "room", r.id, "game", r.game.name)
		r.yields++
		r.yieldAt = time.Time{}
		r.handOver()
		r.notBefore = r.w.now().Add(r.w.standby)
	}
}

// goAlong hands the room over because others of its bucket are, or have failed, and it shares with them what it would be told by.
func (r *room) goAlong() {
	r.handOver()
	if r.aim == standby { // as if it had made way itself
		r.yields++
		r.yieldAt = time.Time{}
		r.notBefore = later(r.notBefore, r.w.now().Add(r.w.standby))
	}
}

// bucket names the rooms that this worker hands over together with r.
func (r *room) bucket() string {
	return fmt.Sprintf("%s/%s/%d", r.game.name, r.game.version, broker.Bucket(r.id))
}

// consume opens the room's pipe when it is time to.
func (r *room) consume(signal <-chan struct{}, rank int) error {
	switch {
	case rank == first && r.fails == 0:
		r.notBefore = time.Time{}
	case rank != r.aim && rank == standby:
		r.notBefore = later(r.notBefore, r.w.now().Add(r.w.standby))
	}
	r.aim = rank
	if d := r.notBefore.Sub(r.w.now()); d > 0 {
		select {
		case <-time.After(d):
		case <-signal:
		case <-r.w.taking.Done():
		}
		return nil
	}
	select {
	case r.w.opening <- struct{}{}:
		defer func() { <-r.w.opening }()
	case <-signal:
		return nil
	case <-r.w.taking.Done():
		return nil
	}
	ctx, cancel := context.WithCancel(r.w.taking)
	defer cancel()
	if !r.mayGive(cancel) {
		return nil
	}
	defer r.mayGive(nil)
	consumption := broker.Consumption{
		Room: r.id, Durability: r.game.keep.durability(), Prefetch: prefetch, Wake: r.poke,
	}
	if !r.alone {
		consumption.Group = r.bucket()
	}
	pipe, err := r.w.broker.Consume(ctx, consumption)
	switch {
	case errors.Is(err, broker.ErrNoRoom):
		if err = r.openToConsume(ctx); err == nil {
			pipe, err = r.w.broker.Consume(ctx, consumption)
		}
	case errors.Is(err, broker.ErrDead):
		pipe, err = r.reopen(ctx, consumption, err)
	}
	switch {
	case errors.Is(err, errRetired):
		return err
	case err != nil && ctx.Err() != nil: // the room is another's, or this worker takes nothing new
		return nil
	case err != nil:
		return fmt.Errorf("consume: %w", err)
	}
	r.pipe = pipe
	r.served()
	return nil
}

// mayGive lets setRank end by stop what waits for the room's queue when the room becomes another worker's; nil: no more. It
// returns false when it is another's already.
func (r *room) mayGive(stop func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = stop
	return r.rank != nowhere
}

// reopen makes a queue anew that is dead, if nothing has ever come out of the room: then the making of the queue was
// interrupted, and it has never held anything. What a room that was played has in its queue may still be saved by those who run
// the broker, so that is left to them. why is returned then.
func (r *room) reopen(ctx context.Context, c broker.Consumption, why error) (broker.Pipe, error) {
	rec, err := r.w.store.TakeUp(ctx, r.id)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && rec.Room.State == store.Closed:
		r.deleteQueue()
		return nil, errGone
	case err != nil:
		return nil, fmt.Errorf("take up: %w", err)
	case rec.N > 0 || rec.Epoch > 1:
		return nil, why
	}
	// Another one may have made it anew just now.
	if pipe, err := r.w.broker.Consume(ctx, c); !errors.Is(err, broker.ErrDead) {
		return pipe, err
	}
	r.w.log.Warn("the making of a room's queue was interrupted: it is made anew", "room", r.id, "game", r.game.name, "error", why)
	if err := r.w.broker.Delete(ctx, r.id); err != nil {
		return nil, fmt.Errorf("delete queue: %w", err)
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	return r.w.broker.Consume(ctx, c)
}

// openToConsume is open, but for a room that sleeps and that nobody has anything for. One that sleeps is woken at once, so
// that it is awake when its message comes.
func (r *room) openToConsume(ctx context.Context) error {
	is, err := r.lives(ctx)
	if err != nil {
		return err
	}
	if !is.Asleep.IsZero() {
		if !r.isWanted() {
			return errRetired
		}
		r.owes = true
	}
	return r.openLiving(ctx)
}

// open makes the room's queue if the room lives.
func (r *room) open(ctx context.Context) error {
	if _, err := r.lives(ctx); err != nil {
		return err
	}
	return r.openLiving(ctx)
}

// openLiving makes the queue of a room that was found to live. The second look finds a room that has been closed and whose
// queue was deleted just before it was made again.
func (r *room) openLiving(ctx context.Context) error {
	err := r.w.broker.Open(ctx, broker.Spec{Room: r.id, Durability: r.game.keep.durability(), Bound: r.game.policy.Queue})
	if err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	if _, err = r.lives(ctx); errors.Is(err, errGone) {
		if err := r.w.broker.Delete(ctx, r.id); err != nil {
			return fmt.Errorf("delete queue: %w", err)
		}
	}
	return err
}

func (r *room) lives(ctx context.Context) (store.Room, error) {
	is, err := r.w.store.Room(ctx, r.id)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && is.State == store.Closed:
		return is, errGone
	case err != nil:
		return is, fmt.Errorf("look room up: %w", err)
	}
	return is, nil
}
