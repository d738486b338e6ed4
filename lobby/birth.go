package lobby

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// A room's queue can be born dead: when a node of the broker dies at that very moment, the queue may be left without
// anybody who leads it (docs/decisions/0002). It takes nothing, and will not until it is made anew. That is safe only as
// long as no worker has ever had the room: then nothing in it was played, and who spoke to it is told of no receipt.

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
	select {
	case w.places <- struct{}{}:
	default:
		return
	}
	w.running.Go(func() {
		defer func() { <-w.places }()
		ctx, cancel := context.WithTimeout(w.life, reviveTime)
		defer cancel()
		done, err := w.s.revive(ctx, room, seat, &w.claims)
		switch {
		case err != nil && w.life.Err() == nil:
			w.s.config.Log.Warn("a room's queue was born dead and could not be made anew", "room", room.ID, "error", err)
		case done:
			w.s.config.Log.Warn("a room's queue was born dead and has been made anew", "room", room.ID)
		}
	})
}

// claims are the terms that this lobby has raised, by room: nobody else has had a room whose next term follows on ours.
type claims struct {
	mu    sync.Mutex
	terms map[string]uint64
}

const maxClaims = 1000

// first reports whether nobody but this lobby has ever taken the room up, now that this lobby has, for that term.
func (c *claims) first(room string, term uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if term != c.terms[room]+1 {
		return false
	}
	if c.terms == nil || len(c.terms) >= maxClaims {
		c.terms = map[string]uint64{}
	}
	c.terms[room] = term
	return true
}

// revive deletes a room's queue, and opens it again with the message of its first seat, if the broker answers and this
// queue does not, and no worker has ever taken the room up. The term makes sure that one lobby alone does so.
func (s *Service) revive(ctx context.Context, room store.Room, seat store.Seat, claims *claims) (done bool, err error) {
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
	if err != nil || rec.Room.State == store.Closed || !claims.first(room.ID, rec.Term) {
		return false, err
	}
	if err := s.config.Broker.Delete(ctx, room.ID); err != nil {
		return false, err
	}
	return true, s.deliver(ctx, room, s.message(seat), true)
}
