package linear

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/madang-games/madang/store"
)

const (
	seatRooms    = 3
	seatUsers    = 7
	seatCapacity = 3
)

// place is how a user stands to a room.
type place byte

const (
	away      place = iota
	joining         // has a seat of which the room has not heard
	rejoining       // the same, and the room has not heard that the one before was given up either
	seated
	leaving // counts no more
)

// roomState is one room, its seats and its worker, as if there were no concurrency.
type roomState struct {
	term, n uint64
	closed  bool
	users   [seatUsers]place
}

type roomCall struct {
	verb      string // take, give up, look, count, take up, seat, unseat, close if empty
	room      int
	user      int
	term, set uint64 // of a worker's commit: its term, and the N that it sets
}

type roomAnswer struct {
	how     outcome
	state   store.SeatState // take, look
	players int             // count
	term, n uint64          // take up
}

func (s *roomState) players() (n int) {
	for _, p := range s.users {
		if p == joining || p == rejoining || p == seated {
			n++
		}
	}
	return n
}

func (s *roomState) shown(user int) store.SeatState {
	switch s.users[user] {
	case joining, rejoining:
		return store.Joining
	case seated:
		return store.Seated
	}
	return ""
}

// alone does one call and returns what it gives when nobody else calls.
func (s *roomState) alone(c roomCall) roomAnswer {
	mine := &s.users[c.user]
	switch c.verb {
	case "take":
		switch {
		case s.closed:
			return roomAnswer{how: over}
		case s.shown(c.user) != "": // given again
		case s.players() >= seatCapacity:
			return roomAnswer{how: full}
		case *mine == leaving:
			*mine = rejoining
		default:
			*mine = joining
		}
		return roomAnswer{how: done, state: s.shown(c.user)}
	case "give up":
		if *mine == away {
			return roomAnswer{how: notFound}
		}
		*mine = leaving
		return roomAnswer{how: done}
	case "look":
		if s.shown(c.user) == "" {
			return roomAnswer{how: notFound}
		}
		return roomAnswer{how: done, state: s.shown(c.user)}
	case "count":
		return roomAnswer{how: done, players: s.players()}
	case "take up":
		s.term++
		return roomAnswer{how: done, term: s.term, n: s.n}
	}
	switch { // what is left is commits
	case c.term != s.term:
		return roomAnswer{how: stale}
	case s.closed:
		return roomAnswer{how: over}
	}
	s.n = c.set
	switch {
	case c.verb == "seat" && s.shown(c.user) != "":
		*mine = seated
	case c.verb == "unseat" && *mine == rejoining:
		*mine = joining // it was the old seat that the room has let go
	case c.verb == "unseat":
		*mine = away
	case c.verb == "close if empty" && s.players() == 0:
		s.closed, s.users = true, [seatUsers]place{}
		return roomAnswer{how: closed}
	}
	return roomAnswer{how: done}
}

// seatModel is alone, for Porcupine: of a call that was cut short any answer will do.
var seatModel = porcupine.Model{
	Partition: func(calls []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, seatRooms)
		for _, c := range calls {
			room := c.Input.(roomCall).room
			parts[room] = append(parts[room], c)
		}
		return parts
	},
	Init: func() any { return roomState{} },
	Step: func(state, input, output any) (bool, any) {
		next, got := state.(roomState), output.(roomAnswer)
		want := next.alone(input.(roomCall))
		return got.how == unknown || got == want, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

// room calls the store.
func (c *client) room(call roomCall) roomAnswer {
	room, user := roomID(call.room), userID(call.user)
	changes := call.verb != "look" && call.verb != "count"
	output := c.call(call, changes, func(ctx context.Context) (any, error) {
		var a roomAnswer
		var err error
		switch call.verb {
		case "take":
			var seat store.Seat
			seat, err = c.store.TakeSeat(ctx, room, user, time.Now())
			a.state = seat.State
		case "give up":
			err = c.store.GiveUpSeat(ctx, room, user, time.Now())
		case "look":
			var seat store.Seat
			seat, err = c.store.Seat(ctx, room, user)
			a.state = seat.State
		case "count":
			var r store.Room
			r, err = c.store.Room(ctx, room)
			a.players = r.Players
		case "take up":
			var r store.Record
			r, err = c.store.TakeUp(ctx, room)
			a.term, a.n = r.Term, r.N
		default:
			commit := &store.Commit{Room: room, Term: call.term, Epoch: 1, N: call.set}
			switch call.verb {
			case "seat":
				commit.Seated = []string{user}
			case "unseat":
				commit.Unseated = []string{user}
			default:
				commit.State, commit.IfEmpty = store.Closed, true
			}
			var ended bool
			if ended, err = c.store.Commit(ctx, commit); err == nil && ended {
				a.how = closed
			}
		}
		return a, err
	}, func(output any, how outcome) any {
		a := output.(roomAnswer)
		if a.how == "" || how != done {
			a.how = how
		}
		return a
	})
	return output.(roomAnswer)
}

func TestSeatsAreLinearizable(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stores []store.Store) {
		makeUsers(t, stores[0], seatUsers)
		makeRooms(t, stores[0], seatRooms, seatCapacity)
		var terms [clients][seatRooms]uint64 // as each client has last been given them
		check(t, seatModel, record(t, stores, []outcome{done, full, notFound, stale}, func(c *client, n int) {
			call := roomCall{room: c.rand.IntN(seatRooms), user: c.rand.IntN(seatUsers)}
			if c.id%3 > 0 { // a lobby
				call.verb = []string{"take", "take", "give up", "look", "count"}[c.rand.IntN(5)]
				c.room(call)
				return
			}
			term := &terms[c.id][call.room]
			switch {
			case *term == 0 || c.rand.IntN(4) == 0:
				call.verb = "take up"
				if a := c.room(call); a.how == done {
					*term = a.term
				}
				return
			case n > steps*3/4 && c.rand.IntN(3) == 0:
				call.verb = "close if empty"
			default:
				call.verb = []string{"seat", "unseat"}[c.rand.IntN(2)]
			}
			call.term, call.set = *term, uint64(1000*c.id+n)
			c.room(call)
		}))
	})
}
