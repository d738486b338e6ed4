package worker

import (
	"context"
	"sync"
	"time"
)

// How a worker hands rooms over, when it drains and when another one joins: so many at a time, while it plays the others on.
// If all went at once, each would be silent for as long as the broker and the next worker need for all of them. A
// room that is busy holds the others up for no longer than handingMost.
const (
	handingAtOnce = 16
	handingMost   = time.Second
)

// handAll gives each room the rank that it has when it is its turn, until ctx ends or another look is asked for, which
// finds the rest again.
func (w *Worker) handAll(ctx context.Context, rooms []*room) {
	next := make(chan *room)
	var handing sync.WaitGroup
	for range min(handingAtOnce, len(rooms)) {
		handing.Go(func() {
			for r := range next {
				select {
				case <-r.moveTo(w.rankOf(r.id, r.game, w.present())):
				case <-time.After(handingMost):
				case <-ctx.Done():
				}
			}
		})
	}
	for _, r := range rooms {
		if ctx.Err() != nil || len(w.again) > 0 {
			break
		}
		next <- r
	}
	close(next)
	handing.Wait()
}

// worse reports whether a room that has rank now would have to be handed over with the other one.
func worse(now, rank int) bool { return now != nowhere && (rank == nowhere || rank > now) }

// moveTo gives the room the rank. What it returns is closed when the room has been handed over, if it has to be.
func (r *room) moveTo(rank int) <-chan struct{} {
	r.mu.Lock()
	stay := r.gone || !worse(r.rank, rank)
	if r.moved == nil {
		r.moved = make(chan struct{})
	}
	moved := r.moved
	r.mu.Unlock()
	r.setRank(rank)
	if stay {
		r.hasMoved()
	}
	return moved
}

// hasMoved tells those who wait for the room to be handed over.
func (r *room) hasMoved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}
