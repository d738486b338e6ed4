package worker

import (
	"context"
	"sync"
	"time"
)

// How a draining worker hands its rooms over: so many at a time, while it plays the others on. If all went at once, each would
// be silent for as long as the broker and the next worker need for all of them. A room that is busy holds up
// the others for no longer than handingMost.
const (
	handingAtOnce = 16
	handingMost   = time.Second
)

// Drain makes the worker hand each room over to another worker that plays its version, and play on what only it can
// play, until those rooms are over; it takes no new ones. It returns at once; [Worker.Left] says what is left. The
// process's announcement should say that it drains.
func (w *Worker) Drain() {
	if !w.draining.Swap(true) {
		w.log.Info("worker drains", "rooms", w.Left())
		w.lookSoon()
	}
}

// Left is how many rooms the worker holds, asleep and awake.
func (w *Worker) Left() int { return w.count() }

// rankWhileDraining is nowhere when another worker can have the room; else the worker keeps what it has.
func (w *Worker) rankWhileDraining(room string, others []string) int {
	if len(others) > 0 {
		return nowhere
	}
	if w.held(room) == nil {
		return nowhere
	}
	return first
}

// handAll hands rooms over, each one unless it has nowhere to go by then, until ctx ends.
func (w *Worker) handAll(ctx context.Context, rooms []*room) {
	next := make(chan *room)
	var handing sync.WaitGroup
	for range min(handingAtOnce, len(rooms)) {
		handing.Go(func() {
			for r := range next {
				if w.rankOf(r.id, r.game, w.present()) != nowhere {
					continue
				}
				r.setRank(nowhere)
				select {
				case <-r.over:
				case <-time.After(handingMost):
				case <-ctx.Done():
				}
			}
		})
	}
	for _, r := range rooms {
		if ctx.Err() != nil {
			break
		}
		next <- r
	}
	close(next)
	handing.Wait()
}
