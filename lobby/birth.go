package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// A room's queue can be born dead: when a node of the broker dies at that very moment, the queue may be left without
// anybody who leads it (docs/decisions/0002). It takes nothing, and will not until it is made anew. The lobby that has
// made the room does so, in the room's first minute, as long as no worker has had the room.

// birth is a new room and its maker's seat, of which the room's queue has not taken word in time.
type birth struct {
	room store.Room
	seat store.Seat
}

const (
	nurses     = 4                // births looked after at a time
	maxBirths  = 64               // waiting for a nurse; with more the whole broker is away, and no queue born dead
	nurseTime  = time.Minute      // for one birth; after that the sweeps go on telling the room
	nursePause = time.Second      // between two looks
	birthTime  = 3 * time.Second  // a queue that lives takes a message within this
	reviveTime = 15 * time.Second // RabbitMQ takes 5 s to delete a dead queue
)

// nurse looks after births until ctx ends.
func (s *Service) nurse(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-s.births:
			s.attend(ctx, b)
		}
	}
}

// attend looks at one birth until it needs no more help.
func (s *Service) attend(ctx context.Context, b birth) {
	ctx, cancel := context.WithTimeout(ctx, nurseTime)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for term := uint64(1); ; {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		dead, err := s.bornDead(ctx, b, term)
		if err == nil && !dead {
			return
		}
		if dead {
			term++ // ours
			err = s.makeAnew(ctx, b)
			s.config.Log.Warn("a room's queue was born dead and is made anew", "room", b.room.ID, "error", err)
		}
		if err == nil {
			return
		}
		pause.Reset(nursePause)
	}
}

// bornDead reports whether the broker answers and the room's queue does not, and nobody else has ever taken the room up:
// its next term is that one. An error means that it can't be told now.
func (s *Service) bornDead(ctx context.Context, b birth, term uint64) (bool, error) {
	try, cancel := context.WithTimeout(ctx, birthTime)
	defer cancel()
	notice := broker.RoomOpened{Room: b.room.ID, Game: b.room.Game, Version: b.room.Version}
	if err := s.post(try, broker.NoticeRoom, notice); err != nil {
		return false, err
	}
	try, cancel = context.WithTimeout(ctx, birthTime)
	defer cancel()
	if err := s.config.Broker.Send(try, s.message(b.seat)); !errors.Is(err, context.DeadlineExceeded) {
		return false, nil // it lives, or there is none
	}
	rec, err := s.config.Store.TakeUp(ctx, b.room.ID)
	return err == nil && rec.Term == term && rec.Room.State != store.Closed, err
}

// makeAnew deletes the queue, and opens it again with its first message.
func (s *Service) makeAnew(ctx context.Context, b birth) error {
	ctx, cancel := context.WithTimeout(ctx, reviveTime)
	defer cancel()
	if err := s.config.Broker.Delete(ctx, b.room.ID); err != nil {
		return err
	}
	return s.deliver(ctx, b.room, s.message(b.seat), true)
}
