package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// deliver sends m to a room, whose queue it opens where it is missing, and posts a room notice. fresh says that the
// room is new, so that its queue is missing for sure. A room that has closed meanwhile is told nothing: no error.
func (s *Service) deliver(ctx context.Context, room store.Room, m *broker.Message, fresh bool) error {
	err := broker.ErrNoRoom
	if !fresh {
		err = s.config.Broker.Send(ctx, m)
	}
	if errors.Is(err, broker.ErrNoRoom) {
		var closed bool
		if closed, err = s.open(ctx, room, fresh); err == nil && !closed {
			err = s.config.Broker.Send(ctx, m)
		}
		if closed {
			return err
		}
	}
	// A worker that plays this version may have to open the queue if we can't, so it hears of the room in any case.
	return errors.Join(err, s.askForQueue(ctx, room))
}

// askForQueue has a worker that plays the room's version open its queue, and wake it.
func (s *Service) askForQueue(ctx context.Context, room store.Room) error {
	return s.post(ctx, broker.NoticeRoom, broker.RoomOpened{Room: room.ID, Game: room.Game, Version: room.Version})
}

// errForeign: only a worker of the room's version knows how to open its queue.
var errForeign = errors.New("the room's version of its game is none of this lobby's")

// open opens a room's queue. A worker deletes the queue of a room after the store says that it is closed, so a queue
// that we open while the store does not say so yet will be deleted by it, and one that we open later we delete.
func (s *Service) open(ctx context.Context, room store.Room, fresh bool) (closed bool, err error) {
	game := s.games.all[gameKey(room.Game, room.Version)]
	if game == nil {
		return false, errForeign
	}
	if err := s.config.Broker.Open(ctx, specOf(room.ID, game.Policy())); err != nil || fresh {
		return false, err
	}
	now, err := s.config.Store.Room(ctx, room.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if err == nil && now.State != store.Closed {
		return false, nil
	}
	return true, s.config.Broker.Delete(ctx, room.ID)
}

// Seats that are joining or leaving are told again after pendingAfter, and then less and less often: a room without a
// worker has the message in its queue and need not get it each second.
const (
	sweepEvery   = time.Second
	pendingAfter = 5 * time.Second
	maxPause     = 5 * time.Minute
	maxPending   = 1000 // seats looked at in one round
	roundTimeout = 10 * time.Second
)

// sweeper tells rooms again of seats that they have not answered for. It belongs to Run's goroutine.
type sweeper struct {
	s     *Service
	tried map[store.Seat]attempt // by seat without name; only of seats still pending
	fails bool                   // the last round could not read the store: said once
}

type attempt struct {
	next  time.Time
	pause time.Duration
}

func newSweeper(s *Service) *sweeper { return &sweeper{s: s, tried: map[store.Seat]attempt{}} }

// sweep does one round.
func (w *sweeper) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	s, now := w.s, w.s.config.Now()
	seats, err := s.config.Store.PendingSeats(ctx, now.Add(-pendingAfter), maxPending)
	if err != nil {
		if !w.fails && ctx.Err() == nil {
			s.config.Log.Warn("pending seats can't be read; trying on", "error", err)
		}
		w.fails = true
		return
	}
	w.fails = false
	still := make(map[store.Seat]attempt, len(seats))
	for _, seat := range seats {
		key := seat
		key.Name, key.Since = "", seat.Since.UTC()
		tried := w.tried[key]
		if tried.next.IsZero() || !now.Before(tried.next) {
			if ctx.Err() == nil {
				w.again(ctx, seat)
				tried.pause = min(max(2*tried.pause, pendingAfter), maxPause)
				tried.next = now.Add(tried.pause)
			}
		}
		still[key] = tried
	}
	w.tried = still
}

// again tells one room of one seat once more. The list that it stands in may be seconds old by then: of a seat that was given up or
// taken since, something else is to be told. (Whether one was given up the room looks itself.)
func (w *sweeper) again(ctx context.Context, seat store.Seat) {
	s := w.s
	if seat.State == store.Joining {
		if now, err := s.config.Store.Seat(ctx, seat.Room, seat.User); err == nil && now.State == store.Joining {
			seat = now
		} else if err == nil || errors.Is(err, store.ErrNotFound) {
			return
		}
	}
	room, err := s.config.Store.Room(ctx, seat.Room)
	if err == nil && room.State != store.Closed {
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		defer cancel()
		err = s.deliver(ctx, room, s.message(seat), false)
		s.meter.resent(seat.State)
	}
	if err != nil {
		s.config.Log.Debug("a room could not be told again of a seat", "room", seat.Room, "user", seat.User, "error", err)
	}
}
