package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// A room's rank for this worker.
const (
	first   = 0  // consumes at once
	standby = 1  // consumes a little later
	nowhere = -1 // not ours: hand it over and forget it
)

// How a room fares with what can't be done now.
const (
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 10 * time.Second
)

var (
	// errGone: the room is over or was never made; its queue is not needed any more.
	errGone = errors.New("room is gone")
	// errLeft: the room was given to another worker while this one waited for something.
	errLeft = errors.New("room was left")
)

// room is a room that this worker consumes. Asleep it is no more than this struct and its pipe; poke starts its
// goroutine, which ends when there is nothing to do.
type room struct {
	w    *Worker
	game *game
	id   string

	mu     sync.Mutex
	rank   int
	signal chan struct{} // of the goroutine; nil while there is none
	gone   bool          // no goroutine may start any more
	wanted bool          // somebody has something for it, and it may have no queue
	moved  chan struct{} // closed when the room has been handed over; nil while nobody waits for it
	stop   func()        // ends the wait for the queue; nil: there is none
	// gateways of the players that it had when it went to sleep here
	gateways []string

	// minded: the room is awake here, or asleep with its timer set here, so that it needs no wake message.
	minded atomic.Bool

	// orphans: members may have lost their gateway; the goroutine shall look.
	orphans atomic.Bool

	running running

	// asked: the goroutine shall send a wake message.
	asked atomic.Bool

	// The goroutine's alone.
	pipe      broker.Pipe
	known     bool              // it was awake here before
	aim       int               // the rank with which the pipe is, or is about to be, opened
	notBefore time.Time         // to open it
	yieldAt   time.Time         // the standby worker plays: when it makes way for the first one; zero: not
	yields    int               // how often it has, in a row
	fails     int               // in a row
	alone     bool              // it failed by itself, so that it takes nobody else with it
	owes      bool              // a wake message, as soon as somebody consumes the queue
	fires     time.Time         // asleep: when its next timer is due; zero: none
	alarm     *time.Timer       // asleep: for fires
	stash     []broker.Delivery // taken, not played
	batch     []broker.Delivery
	event     handlers.Event // that hear makes of one of them
	awake     *awake         // nil: asleep
}

// setRank says how this worker stands to the room now.
// It returns false when the room is over.
func (r *room) setRank(rank int) bool {
	r.mu.Lock()
	same, gone := r.rank == rank, r.gone
	r.rank = rank
	if rank == nowhere && r.stop != nil {
		r.stop()
	}
	r.mu.Unlock()
	if !same {
		r.poke()
	}
	return !gone
}

// wakeUp makes the room's goroutine send the room a wake message.
func (r *room) wakeUp() {
	r.asked.Store(true)
	r.poke()
}

func (r *room) ranked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rank
}

// poke lets the room's goroutine look whether there is something to do. It returns at once.
func (r *room) poke() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	if r.signal == nil {
		r.signal = make(chan struct{}, 1)
		r.w.running.Add(1)
		go r.run(r.signal)
		return
	}
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// rest ends the goroutine unless it has been poked meanwhile.
func (r *room) rest() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.signal:
		return false
	default:
		r.signal = nil
		return true
	}
}

// leave forgets the room, unless it has been given back to this worker meanwhile.
func (r *room) leave() bool {
	r.mu.Lock()
	back := r.rank != nowhere && r.w.taking.Err() == nil
	r.mu.Unlock()
	if !back {
		r.forget()
	}
	return !back
}

// forget takes the room out of the worker. No goroutine starts for it any more.
func (r *room) forget() {
	r.mu.Lock()
	r.gone = true
	r.mu.Unlock()
	r.hasMoved()
	r.w.mu.Lock()
	if r.w.rooms[r.id] == r {
		delete(r.w.rooms, r.id)
	}
	r.w.mu.Unlock()
}

// run is the room's goroutine.
func (r *room) run(signal <-chan struct{}) {
	abandoned := false
	defer func() {
		if !abandoned {
			r.w.running.Done()
		}
	}()
	r.running.mark()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		rank := r.ranked()
		if rank == nowhere || r.w.taking.Err() != nil {
			r.handOver()
			if r.leave() {
				return
			}
			continue
		}
		switch {
		case r.pipe == nil:
			r.hasMoved()
		case rank > r.aim:
			r.handOver()
		case r.pipe.Leaving():
			r.goAlong()
		default: // also when it was the standby's and has become the first one's
			r.aim = rank
			r.makeWay()
		}
		var err error
		switch {
		case r.pipe == nil:
			err = r.consume(signal, rank)
		case r.awake == nil:
			var asleep bool
			if asleep, err = r.rouse(); asleep && r.rest() {
				return
			}
		default:
			err = r.round(signal, timer)
		}
		switch {
		case err == nil:
		case errors.Is(err, errAbandoned):
			abandoned = true
			return
		case errors.Is(err, errRetired):
			r.close()
			if r.forgetRetired() {
				return
			}
		case errors.Is(err, errGone), errors.Is(err, broker.ErrClosed), r.w.work.Err() != nil:
			r.drop(err)
			r.forget()
			return
		default:
			r.drop(err)
		}
	}
}

// rouse wakes the room if its queue gives something; asleep reports that it doesn't.
func (r *room) rouse() (asleep bool, err error) {
	if r.stash, err = r.pipe.Take(r.stash); err != nil {
		return false, err
	}
	if len(r.stash) > 0 {
		return false, r.takeUp()
	}
	if !r.fires.IsZero() && !r.fires.After(r.w.now()) {
		r.unsetAlarm()
		r.owes = true
	}
	if r.asked.Swap(false) && (!r.minded.Load() || r.orphans.Load()) || r.owes {
		// The message decides who plays: the worker that is the active one now.
		r.owes = true
		if err := r.sendWake(); err != nil {
			return false, err
		}
		r.fails = 0
		return false, nil
	}
	r.fails = 0
	return true, nil
}

// take appends what waits to into: what was put aside first.
func (r *room) take(into []broker.Delivery) ([]broker.Delivery, error) {
	into = append(into, r.stash...)
	clear(r.stash)
	r.stash = r.stash[:0]
	return r.pipe.Take(into)
}

// pause waits before something is tried again. It returns an error when that would be in vain: the pipe is lost, or
// the worker is cut.
func (r *room) pause(try int) error {
	select {
	case <-time.After(backoff(try)):
	case <-r.w.work.Done():
		return context.Cause(r.w.work)
	}
	var err error
	r.stash, err = r.pipe.Take(r.stash)
	return err
}

// backoff is how long to wait after that many failures: doubling, with jitter.
func backoff(fails int) time.Duration {
	d := min(backoffFirst<<min(fails, 10), backoffMost)
	return d/2 + rand.N(d/2+1)
}

// lastWord is how long a worker that ends has to ask for somebody who goes on with a room.
const lastWord = 500 * time.Millisecond

// sendWake asks whoever is the room's active worker to look at its timers.
func (r *room) sendWake() error {
	ctx := r.w.taking
	if ctx.Err() != nil {
		ctx = r.w.work
	}
	if ctx.Err() != nil { // the room was let go in time, and then waited for its bucket's others
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer cancel()
	}
	wake := &broker.Message{Room: r.id, Kind: broker.Wake, Time: r.w.now(), Unawaited: true}
	err := r.w.broker.Send(ctx, wake)
	if errors.Is(err, broker.ErrNoRoom) { // a node of the broker may not know what another one does
		if err = r.open(ctx); err == nil {
			err = r.w.broker.Send(ctx, wake)
		}
	}
	if err != nil && !errors.Is(err, broker.ErrFull) { // a full queue wakes it anyway
		return fmt.Errorf("send wake: %w", err)
	}
	r.owes = false
	return nil
}

// handOver finishes with the room in good order and leaves the line.
func (r *room) handOver() {
	wants, played := !r.fires.IsZero(), r.awake != nil
	if played {
		wants = r.awake.wants()
		if err := r.letGo(); err != nil {
			r.drop(err)
			return
		}
	}
	if r.pipe == nil {
		return
	}
	r.alone = r.alone && !played
	r.close()
	if wants {
		if err := r.sendWake(); err != nil {
			r.w.log.Warn("room handed over and not woken", "room", r.id, "error", err)
		}
	}
}

// drop leaves the room as a crash would, for err; what was not acked comes again.
func (r *room) drop(err error) {
	reason, level := "lost", slog.LevelInfo
	switch {
	case errors.Is(err, errGone):
		reason, level = "over", slog.LevelDebug
	case errors.Is(err, broker.ErrLost), errors.Is(err, broker.ErrClosed), errors.Is(err, errLeft), r.w.taking.Err() != nil:
	case errors.Is(err, store.ErrStaleTerm):
		reason, level = "stale", slog.LevelDebug
	default:
		reason, level = "failed", slog.LevelError
	}
	if r.fails > 0 {
		level = slog.LevelDebug // has been said
	}
	r.alone = r.alone || reason == "failed"
	r.game.counts.dropped(reason)
	r.w.log.Log(context.Background(), level, "room dropped", "room", r.id, "game", r.game.name, "reason", reason, "error", err)
	if r.awake != nil {
		r.owes = r.owes || r.awake.wants()
	}
	r.owes = r.owes || !r.fires.IsZero()
	r.close()
	r.notBefore = r.w.now().Add(backoff(r.fails))
	r.fails++
}

// close closes the pipe and forgets what belongs to it.
func (r *room) close() {
	r.setAwake(nil)
	r.minded.Store(false)
	r.unsetAlarm()
	r.stash, r.batch = nil, nil
	defer r.hasMoved()
	if r.pipe == nil {
		return
	}
	if err := r.pipe.Close(); err != nil {
		r.w.log.Debug("pipe closed badly", "room", r.id, "error", err)
	}
	r.pipe = nil
}

func (r *room) setAwake(a *awake) {
	if (r.awake == nil) != (a == nil) {
		r.w.setAwake(r, a != nil)
	}
	r.awake = a
}

func (r *room) setAlarm(at time.Time) {
	r.fires = at
	r.alarm = time.AfterFunc(at.Sub(r.w.now()), r.poke)
}

func (r *room) unsetAlarm() {
	if r.alarm != nil {
		r.alarm.Stop()
	}
	r.alarm, r.fires = nil, time.Time{}
}
