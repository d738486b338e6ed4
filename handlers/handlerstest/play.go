package handlerstest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/madang-games/madang/handlers"
)

// Join gives users a seat and connects them. It returns the first refusal or failure.
func (r *Room) Join(users ...string) error {
	r.t.Helper()
	for _, user := range users {
		if err := r.Seat(user); err != nil {
			return err
		}
		r.Attach(user)
	}
	return nil
}

// Seat gives user a seat, not connected yet; its name is its id. A spectator becomes a player.
func (r *Room) Seat(user string) error {
	r.t.Helper()
	delete(r.watching, user)
	return outcome(r.Play(r.about(handlers.EventJoin, user)))
}

// Watch lets users in as spectators and connects them. It returns the first refusal or failure.
func (r *Room) Watch(users ...string) error {
	r.t.Helper()
	for _, user := range users {
		r.watching[user] = true
		if err := outcome(r.Play(r.about(handlers.EventJoin, user))); err != nil {
			return err
		}
		r.Attach(user)
	}
	return nil
}

// about is an event of a player or spectator who comes.
func (r *Room) about(kind handlers.EventKind, user string) handlers.Event {
	ev := handlers.Event{Kind: kind, User: user, Name: user}
	if r.watching[user] {
		ev.Reason = handlers.ReasonSpectator
	}
	return ev
}

// Attach connects user by a new connection.
func (r *Room) Attach(user string) {
	r.t.Helper()
	r.conns[user]++
	ev := r.about(handlers.EventAttach, user)
	ev.Conn = r.conn(user)
	r.quiet(ev)
}

// Detach cuts user's connection.
func (r *Room) Detach(user string) {
	r.t.Helper()
	r.quiet(handlers.Event{Kind: handlers.EventDetach, User: user, Conn: r.conn(user), Reason: "lost"})
}

// Leave gives up user's seat.
func (r *Room) Leave(user string) {
	r.t.Helper()
	r.quiet(handlers.Event{Kind: handlers.EventLeave, User: user, Reason: "left"})
}

func (r *Room) conn(user string) string { return fmt.Sprintf("%s-%d", user, r.conns[user]) }

// Send plays a message of user with the next seq. body is a string or bytes as they are, nil for none, or any value as
// JSON. It returns the refusal that the user is told, or how the handler failed.
func (r *Room) Send(user, typ string, body any) error {
	r.t.Helper()
	r.seq[user]++
	ev := handlers.Event{Kind: handlers.EventSay, Type: typ, User: user, Seq: r.seq[user], Body: encode(r.t, body)}
	if json.Valid(ev.Body) {
		ev.ContentType = "application/json"
	}
	r.last[user] = ev
	return outcome(r.Play(ev))
}

// Resend plays user's last message once more, as a client does that has not heard of it. The test fails if it is
// handled twice.
func (r *Room) Resend(user string) {
	r.t.Helper()
	last, some := r.last[user]
	if !some {
		r.t.Fatalf("%s has sent nothing", user)
	}
	if res := r.Play(last); !res.Duplicate {
		r.t.Errorf("message %d of %s was handled twice", last.Seq, user)
	}
}

// Advance lets d pass: timers and grace times fire in order, each at its time. Ticks do not, see Tick.
func (r *Room) Advance(d time.Duration) {
	r.t.Helper()
	end := r.now.Add(d)
	for {
		next, some := r.in.NextFire()
		if !some || next.After(end) {
			break
		}
		if next.After(r.now) {
			r.now = next
		}
		r.quiet(handlers.Event{Kind: handlers.EventFire})
	}
	r.now = end
}

// Tick plays n ticks, each after its time.
func (r *Room) Tick(n int) {
	r.t.Helper()
	r.TickLate(n, 0)
}

// TickLate is Tick on a machine that plays each tick so late, as [handlers.Room.Late] says.
func (r *Room) TickLate(n int, late time.Duration) {
	r.t.Helper()
	for range n {
		r.Advance(r.in.TickEvery())
		if r.in.Ended() {
			return
		}
		r.quiet(handlers.Event{Kind: handlers.EventTick, Late: late})
	}
}

// End closes the room as an operator does.
func (r *Room) End(reason string) {
	r.t.Helper()
	r.quiet(handlers.Event{Kind: handlers.EventEnd, Reason: reason})
}

// Now is the room's time.
func (r *Room) Now() time.Time { return r.now }
