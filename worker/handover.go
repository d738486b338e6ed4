package worker

import (
	"context"
	"sync"
	"time"
)

// How a worker hands rooms over, when it drains and when another one joins: so many at a time, or a bucket that has more, while it plays
// the others on. If all went at once, each would be silent for as long as the broker and the next worker need for all of them. A
// room that is busy holds the others up for no longer than handingMost.
const (
	handingAtOnce = 16
	handingMost   = time.Second
)

// handAll gives each room the rank that it has when it is its turn, until ctx ends or another look is asked for, which
// finds the rest again. Rooms of one bucket go together.
func (w *Worker) handAll(ctx context.Context, rooms []*room) {
	slots := make(chan struct{}, handingAtOnce)
	var handing sync.WaitGroup
	for _, bucket := range inBuckets(rooms) {
		takes := min(len(bucket), handingAtOnce)
		for range takes {
			slots <- struct{}{}
		}
		if ctx.Err() != nil || len(w.again) > 0 {
			break
		}
		handing.Go(func() {
			w.hand(ctx, bucket)
			for range takes {
				<-slots
			}
		})
	}
	handing.Wait()
}

// inBuckets keeps the order in which the buckets come.
func inBuckets(rooms []*room) [][]*room {
	var buckets [][]*room
	at := map[string]int{}
	for _, r := range rooms {
		name := r.bucket()
		i, known := at[name]
		if !known {
			i = len(buckets)
			at[name], buckets = i, append(buckets, nil)
		}
		buckets[i] = append(buckets[i], r)
	}
	return buckets
}

// hand gives the rooms of a bucket their ranks and waits until they are handed over.
func (w *Worker) hand(ctx context.Context, rooms []*room) {
	moved, present := make([]<-chan struct{}, 0, len(rooms)), w.present()
	for _, r := range rooms {
		moved = append(moved, r.moveTo(w.rankOf(r.id, r.game, present)))
	}
	late := time.NewTimer(handingMost)
	defer late.Stop()
	for _, m := range moved {
		select {
		case <-m:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
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
