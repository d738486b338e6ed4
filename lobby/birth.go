package lobby

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// A room's queue can be born dead: when a node of the broker dies at that very moment, the queue may be left without
// anybody who leads it (docs/decisions/0002). It takes nothing, and will not until it is made anew. The lobby
// that has made the room does so, as long as the queue has never taken a message of it and no worker has had the room.

const (
	birthTime  = 3 * time.Second  // a queue that lives takes a message within this
	reviveTime = 20 * time.Second // RabbitMQ takes 5 s to delete a dead queue
	reviving   = 4                // rooms at a time; the others have their turn with a later sweep
)

// firstOf reports whether seat is a room's first, that of its maker, of which the room has not yet heard.
func firstOf(room store.Room, seat store.Seat) bool {
	return seat.State == store.Joining && seat.Since.Equal(room.CreatedAt)
}

// revive makes a room's queue anew if it was born dead. It returns at once.
func (w *sweeper) revive(room store.Room, seat store.Seat) {
	if !w.s.newborns.begin(room.ID) {
		return
	}
	select {
	case w.places <- struct{}{}:
	default:
		w.s.newborns.end(room.ID)
		return
	}
	w.running.Go(func() {
		defer func() { <-w.places }()
		defer w.s.newborns.end(room.ID)
		ctx, cancel := context.WithTimeout(w.life, reviveTime)
		defer cancel()
		done, err := w.s.revive(ctx, room, seat)
		switch {
		case err != nil && w.life.Err() == nil:
			w.s.config.Log.Warn("a room's queue was born dead and could not be made anew", "room", room.ID, "error", err)
		case done:
			w.s.config.Log.Warn("a room's queue was born dead and has been made anew", "room", room.ID)
		}
	})
}

// newborns are the rooms that this lobby has made and whose queue has not taken a message of it yet, with the term that it
// has raised each to. A room stays one while a seat of it is pending. Only they may be made anew, by this lobby alone and one revival after the other. Safe for
// concurrent use.
type newborns struct {
	mu    sync.Mutex
	terms map[string]uint64
	busy  map[string]bool // being revived
}

const maxNewborns = 1000

// add takes a room in. Past a bound it does not: then the whole broker is away, and not a queue born dead.
func (n *newborns) add(room string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.terms == nil {
		n.terms, n.busy = map[string]uint64{}, map[string]bool{}
	}
	if _, is := n.terms[room]; !is && len(n.terms) < maxNewborns {
		n.terms[room] = 0
	}
}

// remove lets a room go: its queue lives, or nobody waits for it any more.
func (n *newborns) remove(room string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.terms, room)
}

// begin reports whether the room may be revived now; then end follows.
func (n *newborns) begin(room string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, is := n.terms[room]; !is || n.busy[room] {
		return false
	}
	n.busy[room] = true
	return true
}

// keep forgets the rooms that nobody waits for any more.
func (n *newborns) keep(waiting func(room string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.terms, func(room string, _ uint64) bool { return !waiting(room) })
}

func (n *newborns) end(room string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.busy, room)
}

// first reports whether nobody but this lobby has ever taken the room up, now that this lobby has, for that term.
func (n *newborns) first(room string, term uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	last, is := n.terms[room]
	if !is || term != last+1 {
		return false
	}
	n.terms[room] = term
	return true
}

// revive deletes a newborn's queue, and opens it again with the message of its first seat, if the broker answers and this
// queue does not, and no worker has ever taken the room up, as the term tells.
func (s *Service) revive(ctx context.Context, room store.Room, seat store.Seat) (done bool, err error) {
	notice := broker.RoomOpened{Room: room.ID, Game: room.Game, Version: room.Version}
	if err := s.post(ctx, broker.NoticeRoom, notice); err != nil {
		return false, nil // the broker is away altogether
	}
	try, cancel := context.WithTimeout(ctx, birthTime)
	defer cancel()
	if err := s.config.Broker.Send(try, s.message(seat)); !errors.Is(err, context.DeadlineExceeded) {
		return false, nil // it lives, or there is none
	}
	rec, err := s.config.Store.TakeUp(ctx, room.ID)
	if err != nil || rec.Room.State == store.Closed || !s.newborns.first(room.ID, rec.Term) {
		return false, err
	}
	if err := s.config.Broker.Delete(ctx, room.ID); err != nil {
		return false, err
	}
	return true, s.deliver(ctx, room, s.message(seat), true)
}
