package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/madang-games/madang/store"
)

var moveCases = []testCase{
	{"MovesFromOneRoomToAnother", func(t *suite) {
		s := t.open()
		user, other := t.user(s), t.user(s)
		from, to, full := t.room(s, 2, user), t.room(s, 2, ""), t.room(s, 1, other)
		_, _, err := s.MoveSeat(t.ctx(), from, full, user, begin)
		t.want("move to a full room", err, store.ErrRoomFull)
		_, _, err = s.MoveSeat(t.ctx(), from, "nowhere", user, begin)
		t.want("move to no room", err, store.ErrNotFound)
		equal(t, "seat", t.seat(s, from, user), store.Joining)
		for _, want := range []store.Seat{{Room: from, User: user, Name: "Player 1", State: store.Leaving, Since: begin}, {}} { // once more gives the same
			seat, left, err := s.MoveSeat(t.ctx(), from, to, user, begin)
			t.fatal("move", err)
			equal(t, "seat", words(seat.Room, seat.User, seat.State), words(to, user, store.Joining))
			equal(t, "left", left, want)
		}
		equal(t, "old seat", t.seat(s, from, user), store.SeatState(""))
		equal(t, "new seat", t.seat(s, to, user), store.Joining)
		_, _, err = s.MoveSeat(t.ctx(), from, from, user, begin)
		t.want("move to where one was", err, store.ErrNotSeated)
		seat, _, err := s.MoveSeat(t.ctx(), to, to, user, begin)
		t.fatal("move to where one is", err)
		equal(t, "seat", seat.Room, to)
		_, _, err = s.MoveSeat(t.ctx(), from, full, user, begin)
		t.want("move from where one is not", err, store.ErrNotSeated)
		closed := t.room(s, 2, user)
		t.close(s, closed)
		_, _, err = s.MoveSeat(t.ctx(), closed, full, user, begin)
		t.want("move from a closed room", err, store.ErrNotSeated)
		_, _, err = s.MoveSeat(t.ctx(), to, closed, user, begin)
		t.want("move to a closed room", err, store.ErrRoomClosed)
	}},
	{"WhoeverMovesIsInOneRoomAtAnyTime", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		const rooms, movers, moves = 4, 8, 25
		var ids, users []string
		for range rooms {
			ids = append(ids, t.room(stores[0], movers/2, ""))
		}
		for i := range movers {
			users = append(users, t.user(stores[0]))
			_, err := stores[0].TakeSeat(t.ctx(), ids[i%rooms], users[i], begin)
			t.fatal("take", err)
		}
		ctx := t.ctx()
		sits := func(s store.Store, user string) string {
			seats, err := s.SeatsOf(ctx, user)
			if err != nil || len(seats) != 1 {
				t.Errorf("%s has seats %v, %v; want one", user, seats, err)
				return ids[0]
			}
			return seats[0].Room
		}
		// Two at a time move each player, and some calls are cut off.
		together(2*movers, func(i int) {
			s, user := stores[i%2], users[i/2]
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for n := range moves {
				call, cancel := context.WithCancel(ctx)
				if n%3 == 0 {
					wait := time.Duration(r.IntN(1500)) * time.Microsecond
					time.AfterFunc(wait, cancel)
				}
				_, _, err := s.MoveSeat(call, sits(s, user), ids[r.IntN(rooms)], user, after(time.Duration(n)*time.Second))
				cut := call.Err() != nil
				cancel()
				if err != nil && !cut && !errors.Is(err, store.ErrRoomFull) && !errors.Is(err, store.ErrNotSeated) {
					t.Errorf("move: %v", err)
				}
				sits(stores[r.IntN(2)], user)
			}
		})
		all := 0
		for _, id := range ids {
			r, err := stores[0].Room(ctx, id)
			t.fatal("find", err)
			all += r.Players
			if r.Players > r.Capacity {
				t.Errorf("%s has %d players, and seats for %d", id, r.Players, r.Capacity)
			}
		}
		equal(t, "players in all rooms", all, movers)
	}},
}
