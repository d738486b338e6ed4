package worker

import (
	"errors"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// What comes through the queue about seats may be late: a gateway has looked a seat up that was given up since, a lobby tells
// again of one that is another by now. Where that is more than the room knows already, the seat itself is asked. Joins of those
// who are no members are believed, as each player has one: who joins late that way has no connection, and is let go after its grace.

// believe makes a join or an attach say what the user's seat is; false: it is to be left out, as there is none. A player who has
// given up its seat to watch leaves first, if the room has not heard of that.
func (r *room) believe(ev *handlers.Event, d *broker.Delivery) (bool, error) {
	if ev.Kind != handlers.EventJoin && ev.Kind != handlers.EventAttach {
		return true, nil
	}
	watches, member := r.awake.Member(ev.User)
	if member && watches == (ev.Reason == handlers.ReasonSpectator) || !member && ev.Kind == handlers.EventJoin {
		return true, nil
	}
	seat, err := r.seatOf(ev.User)
	if errors.Is(err, store.ErrNotFound) {
		r.w.log.Debug("message left out: its user has no seat any more", "room", r.id, "game", r.game.name, "message", ev.ID,
			"kind", d.Kind, "user", ev.User)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ev.Reason = ""
	if seat.Spectator {
		ev.Reason = handlers.ReasonSpectator
	}
	if member && !watches && seat.Spectator {
		leave := *ev
		leave.Kind, leave.Conn, leave.ConnSeq, leave.Reason = handlers.EventLeave, "", 0, reasonLeft
		if _, err := r.play(&leave, d); err != nil {
			return false, err
		}
	}
	return true, nil
}

// reasonLeft is why a player leaves who asks to.
const reasonLeft = "left"

// seatOf reads a seat, waiting while the store is unavailable.
func (r *room) seatOf(user string) (store.Seat, error) {
	for try := 0; ; try++ {
		seat, err := r.w.store.Seat(r.w.work, r.id, user)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return seat, err
		}
		if try == 0 {
			r.w.log.Warn("room waits for the store", "room", r.id, "game", r.game.name, "error", err)
		}
		if err := r.pause(try); err != nil {
			return seat, err
		}
	}
}
