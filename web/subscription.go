package web

import (
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/broker"
)

// subscription is one SUBSCRIBE of one session to one room. It is attaching, until the room has answered its current
// attempt, or live.
type subscription struct {
	s    *session
	id   string
	head []byte // begins each of its MESSAGE frames
	room *room
	// order is higher for what the session has subscribed later; set with s.mu, before the room knows it
	order uint64

	// over: it has been taken out of the room, by either side, for good.
	over  atomic.Bool
	first chan error // what became of the first attach: nil once the broker holds it; one element
	// watches: the user was a spectator when its seat was last looked up.
	watches atomic.Bool

	// under room.mu
	index   int // in room.all
	live    bool
	resume  broker.Position // while attaching: what the client has, if anything
	last    broker.Position // the last line output passed on
	sent    time.Time       // when the attach that is to be answered was
	attempt string          // the attach that is to be answered; "": none has been sent
	tries   int             // attaches sent since it was live
	retry   *time.Timer     // fires when no answer came
	torn    bool            // while attaching: of a replay that was too much some has reached the client, nobody knows how much
	asked   bool            // an attach is among room.jobs
	told    bool            // the room may have heard of it, so it must hear of its end

	// of the room's keeper
	begun bool // first has its element
}

// await returns what became of the first attach.
func (sub *subscription) await() error {
	select {
	case err := <-sub.first:
		return err
	case <-sub.s.ctx.Done():
		return errOver
	}
}

// begin reports the first attach's outcome. Later ones can only end the session.
func (sub *subscription) begin(err error) {
	if !sub.begun {
		sub.begun = true
		sub.first <- err
		return
	}
	if why, ok := err.(*refusal); ok {
		sub.s.end(why, "")
	}
}

// retryAfter is how long an attach may go unanswered: 3, 6, 12, 24, 48, then 60 s.
func retryAfter(tries int) time.Duration {
	return min(3*time.Second<<min(max(tries-1, 0), 5), 60*time.Second)
}
