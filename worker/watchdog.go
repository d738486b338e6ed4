package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// A function of a game can't be ended from outside. One that runs past its limit is left behind with the goroutine, the
// memory and the pipe of its room; its message is condemned in the store, under a new term, so that nothing which the
// goroutine still does can be committed; and the room begins anew, here or elsewhere, where the condemned message
// is skipped when it comes again.

// watchEvery is how often running functions are looked at, at least.
const watchEvery = 250 * time.Millisecond

// errAbandoned: this goroutine ran too long in a function of the game; the room is another's.
var errAbandoned = errors.New("room was given up by its watchdog")

// running is what a room's goroutine has been doing in the game's functions, and since when.
type running struct {
	busy atomic.Bool // a function runs; so that a room at rest costs the watchdog no more than a look

	mu        sync.Mutex
	goroutine []byte // how its stack begins
	event     *handlers.Event
	delivery  *broker.Delivery
	since     time.Time
	told      bool // that it is slow
	abandoned bool
}

// begin and end stand around each call of the game for ev. After errAbandoned nothing of the room may be touched.
func (run *running) begin(ev *handlers.Event, d *broker.Delivery, now time.Time) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.event, run.delivery, run.since, run.told = ev, d, now, false
	run.busy.Store(true)
}

func (run *running) end() error {
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.abandoned {
		return errAbandoned
	}
	run.event, run.delivery = nil, nil
	run.busy.Store(false)
	return nil
}

// mark notes which goroutine is the room's.
func (run *running) mark() {
	var b [64]byte
	head, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte("["))
	run.mu.Lock()
	run.goroutine = bytes.Clone(head)
	run.mu.Unlock()
}

// watchRunning looks after functions that run long, until ctx ends.
func (w *Worker) watchRunning(ctx context.Context) {
	every := watchEvery
	for _, g := range w.games {
		every = min(every, g.policy.Slow/4, g.policy.Limit/4)
	}
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	var rooms []*room
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		for r := range w.awakeRooms {
			if r.running.busy.Load() {
				rooms = append(rooms, r)
			}
		}
		w.mu.Unlock()
		for _, r := range rooms {
			r.checkRunning()
		}
		clear(rooms)
		rooms = rooms[:0]
	}
}

func (r *room) checkRunning() {
	run := &r.running
	p := &r.game.policy
	run.mu.Lock()
	took := r.w.now().Sub(run.since)
	if run.event == nil || run.abandoned || took < p.Slow || run.told && took < p.Limit {
		run.mu.Unlock()
		return
	}
	run.told = true
	over := took >= p.Limit
	run.abandoned = over
	ev, d, goroutine := *run.event, run.delivery, run.goroutine
	run.mu.Unlock()

	stack := stackOf(goroutine)
	args := []any{
		"room", r.id, "game", r.game.name, "message", ev.ID, "type", ev.Type, "user", ev.User,
		"took", took.Round(time.Millisecond), "stack", stack,
	}
	if !over {
		r.w.log.Warn("handler is slow", args...)
		return
	}
	r.w.log.Error("handler runs too long; the message is given up and the room begins anew", args...)
	r.game.counts.hung.Inc()
	go func() {
		defer r.w.running.Done() // for the goroutine that is left behind
		r.abandon(&ev, d, took, stack)
	}()
}

// abandon condemns the message and gives the room up for a new one.
func (r *room) abandon(ev *handlers.Event, d *broker.Delivery, took time.Duration, stack string) {
	l := r.letter(ev, d, 1, fmt.Errorf("gave up after %v", took.Round(time.Millisecond)))
	l.Stack = stack
	if l.Condemned = condemnKey(ev, d); l.Condemned != "" {
		r.condemn(l)
	}
	rank := r.ranked()
	r.forget()
	r.w.setAwake(r, false)
	if err := r.pipe.Close(); err != nil { // set before call, which this follows
		r.w.log.Debug("pipe closed badly", "room", r.id, "error", err)
	}
	if rank != nowhere && r.w.taking.Err() == nil {
		r.w.setApart(r.game, r.id)
		if next := r.w.assign(r.game, r.id, rank, true); next != nil {
			next.wakeUp()
		}
	}
}

// condemn keeps l under a new term. It goes on trying while the store is unavailable: the room stands still anyway.
func (r *room) condemn(l store.DeadLetter) {
	for try := 0; r.w.work.Err() == nil; try++ {
		rec, err := r.w.store.TakeUp(r.w.work, r.id)
		if err == nil {
			if rec.Room.State == store.Closed {
				return
			}
			_, err = r.w.store.Commit(r.w.work, &store.Commit{
				Room: r.id, Term: rec.Term, Epoch: rec.Epoch, N: rec.N, Published: rec.Published, Wake: true,
				Dead: []store.DeadLetter{l},
			})
		}
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRoomClosed) {
			return
		}
		if try == 0 {
			r.w.log.Warn("a message that is given up waits for the store", "room", r.id, "message", l.ID, "error", err)
		}
		select {
		case <-time.After(backoff(try)):
		case <-r.w.work.Done():
		}
	}
}

// mostStacks bounds the dump that a stack is looked for in.
const mostStacks = 16 << 20

// stackOf returns where the goroutine stands whose stack begins with head, "" if it is not found.
func stackOf(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	for size := 256 << 10; ; size *= 4 {
		all := make([]byte, size)
		n := runtime.Stack(all, true)
		if n == size && size < mostStacks {
			continue
		}
		for stack := range bytes.SplitSeq(all[:n], []byte("\n\n")) {
			if bytes.HasPrefix(stack, head) {
				return string(stack[:min(len(stack), store.MaxDeadStack)])
			}
		}
		return ""
	}
}
