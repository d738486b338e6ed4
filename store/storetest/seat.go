package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

var seatCases = []testCase{
	{"TakesASeat", func(t *suite) {
		s := t.open()
		room, user := t.room(s, 2, ""), t.user(s)
		want := store.Seat{Room: room, User: user, Name: fmt.Sprintf("Player %d", t.made.Load()), State: store.Joining, Since: begin}
		got, err := s.TakeSeat(t.ctx(), room, user, begin)
		t.fatal("take", err)
		equal(t, "taken", got, want)
		got, err = s.Seat(t.ctx(), room, user)
		t.fatal("find", err)
		equal(t, "found", got, want)
		got, err = s.TakeSeat(t.ctx(), room, user, after(time.Hour))
		t.fatal("take again", err)
		equal(t, "taken again", got, want)
		t.players(s, room, 1)
	}},
	{"ASeatedOneIsGivenAgain", func(t *suite) {
		s := t.open()
		r, user := t.held(s, 1), t.user(s)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take", err)
		c := commit(r)
		c.Seated = []string{user}
		t.commit(s, c)
		got, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take again", err)
		equal(t, "state", got.State, store.Seated)
	}},
	{"UnknownIsNotFound", func(t *suite) {
		s := t.open()
		room, user := t.room(s, 2, ""), t.user(s)
		_, err := s.TakeSeat(t.ctx(), "nowhere", user, begin)
		t.want("take in an unknown room", err, store.ErrNotFound)
		_, err = s.TakeSeat(t.ctx(), room, "nobody", begin)
		t.want("take for an unknown user", err, store.ErrNotFound)
		_, err = s.TakeAnySeat(t.ctx(), "othello", "1", "nobody", begin)
		t.want("take any for an unknown user", err, store.ErrNotFound)
		_, err = s.Seat(t.ctx(), room, user)
		t.want("find none", err, store.ErrNotFound)
		t.want("give up none", s.GiveUpSeat(t.ctx(), room, user, begin), store.ErrNotFound)
		seats, err := s.SeatsOf(t.ctx(), user)
		t.fatal("list", err)
		equal(t, "seats", len(seats), 0)
		t.players(s, room, 0)
	}},
	{"GivingUpWhileTakingIsBeforeOrAfterIt", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		room, ctx := t.room(stores[0], 1000, ""), t.ctx()
		for range 40 {
			user := t.user(stores[0])
			together(2, func(i int) {
				if i == 0 {
					if _, err := stores[0].TakeSeat(ctx, room, user, begin); err != nil {
						t.Errorf("take: %v", err)
					}
					return
				}
				for { // until the seat is there to be given up
					err := stores[1].GiveUpSeat(ctx, room, user, begin)
					if err == nil {
						return
					}
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("give up: got error %v, want %v or none", err, store.ErrNotFound)
						return
					}
				}
			})
			if got := t.seat(stores[0], room, user); got != "" {
				t.Fatalf("seat that was given up: got %q, want none", got)
			}
		}
	}},
	{"AFullRoomIsFull", func(t *suite) {
		s := t.open()
		one, two := t.user(s), t.user(s)
		room := t.room(s, 1, one)
		_, err := s.TakeSeat(t.ctx(), room, two, begin)
		t.want("take", err, store.ErrRoomFull)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, one, begin))
		_, err = s.TakeSeat(t.ctx(), room, two, begin)
		t.fatal("take what was given up", err)
		_, err = s.TakeSeat(t.ctx(), room, one, begin)
		t.want("take it back", err, store.ErrRoomFull)
		t.players(s, room, 1)
	}},
	{"AClosedRoomIsClosed", func(t *suite) {
		s := t.open()
		one, two := t.user(s), t.user(s)
		room := t.room(s, 2, one)
		t.close(s, room)
		for _, user := range []string{one, two} {
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.want("take", err, store.ErrRoomClosed)
		}
		_, err := s.Seat(t.ctx(), room, one)
		t.want("find the old one", err, store.ErrNotFound)
		_, err = s.TakeAnySeat(t.ctx(), "othello", "1", two, begin)
		t.want("take any", err, store.ErrNotFound)
		t.players(s, room, 0)
	}},
	{"APlayingRoomTakesThoseWhoKnowIt", func(t *suite) {
		s := t.open()
		room, user := t.room(s, 2, t.user(s)), t.user(s)
		t.play(s, room)
		_, err := s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.want("take any", err, store.ErrNotFound)
		_, err = s.TakeSeat(t.ctx(), room, user, begin)
		t.fatal("take", err)
	}},
	{"ASeatGivenUpIsLeaving", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, after(time.Minute)))
		_, err := s.Seat(t.ctx(), room, user)
		t.want("find", err, store.ErrNotFound)
		seats, err := s.SeatsOf(t.ctx(), user)
		t.fatal("list", err)
		equal(t, "seats", len(seats), 0)
		t.players(s, room, 0)
		t.fatal("give up again", s.GiveUpSeat(t.ctx(), room, user, after(time.Hour)))
		pending, err := s.PendingSeats(t.ctx(), after(2*time.Hour), 10)
		t.fatal("list pending", err)
		equal(t, "pending", fmt.Sprint(pending), fmt.Sprint([]store.Seat{
			{Room: room, User: user, Name: "Player 1", State: store.Leaving, Since: after(time.Minute)},
		}))
		got, err := s.TakeSeat(t.ctx(), room, user, after(3*time.Hour))
		t.fatal("take again", err)
		equal(t, "taken again", got, store.Seat{Room: room, User: user, Name: "Player 1", State: store.Joining, Since: after(3 * time.Hour)})
		t.players(s, room, 1)
	}},
	{"SeatsOfAUserOldestFirst", func(t *suite) {
		s := t.open()
		user, other := t.user(s), t.user(s)
		one, two, three, four := t.room(s, 3, other), t.room(s, 3, ""), t.room(s, 3, ""), t.room(s, 3, "")
		for i, room := range []string{three, one, two, four} {
			_, err := s.TakeSeat(t.ctx(), room, user, after(time.Duration(i)*time.Hour))
			t.fatal("take", err)
		}
		t.close(s, two)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), four, user, begin))
		seats, err := s.SeatsOf(t.ctx(), user)
		t.fatal("list", err)
		var got []string
		for _, seat := range seats {
			got = append(got, seat.Room)
			equal(t, "user", seat.User, user)
		}
		equal(t, "rooms", strings.Join(got, " "), three+" "+one)
	}},
	{"PendingAreOldOnesThatTheRoomHasNotHeardOf", func(t *suite) {
		s := t.open()
		r := t.held(s, 10)
		room, closed := r.Room.ID, t.room(s, 10, "")
		take := func(room string, at time.Duration) string {
			user := t.user(s)
			_, err := s.TakeSeat(t.ctx(), room, user, after(at))
			t.fatal("take", err)
			return user
		}
		seated, leaving, joining := take(room, time.Second), take(room, time.Second), take(room, 2*time.Second)
		take(room, time.Minute) // young
		take(closed, time.Second)
		t.close(s, closed)
		c := commit(r)
		c.Seated = []string{seated, leaving}
		t.commit(s, c)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, leaving, after(3*time.Second)))
		list := func(before time.Duration, limit int) string {
			seats, err := s.PendingSeats(t.ctx(), after(before), limit)
			t.fatal("list", err)
			var got []string
			for _, seat := range seats {
				got = append(got, seat.User+" "+string(seat.State))
			}
			return strings.Join(got, ", ")
		}
		equal(t, "all", list(time.Minute, 10), joining+" joining, "+leaving+" leaving")
		equal(t, "the oldest", list(time.Minute, 1), joining+" joining")
		equal(t, "early", list(3*time.Second, 10), joining+" joining")
	}},
	{"AnySeatIsInTheFullestOpenRoom", func(t *suite) {
		s := t.open()
		sitting := func(game, version string, capacity, n int) string {
			id := fmt.Sprintf("room-%04d", t.made.Add(1))
			err := s.CreateRoom(t.ctx(), store.Room{ID: id, Game: game, Version: version, Capacity: capacity, CreatedAt: after(time.Duration(t.made.Load()) * time.Second)}, nil, "")
			t.fatal("create", err)
			for range n {
				_, err := s.TakeSeat(t.ctx(), id, t.user(s), begin)
				t.fatal("take", err)
			}
			return id
		}
		sitting("othello", "1", 3, 0)
		sitting("othello", "2", 4, 3)
		sitting("relay", "1", 4, 3)
		sitting("othello", "1", 5, 5)
		best := sitting("othello", "1", 4, 2)
		sitting("othello", "1", 4, 2) // as full, and younger
		user := t.user(s)
		seat, err := s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.fatal("take any", err)
		equal(t, "room", seat.Room, best)
		equal(t, "state", seat.State, store.Joining)
		equal(t, "found", t.seat(s, best, user), store.Joining)
		again, err := s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.fatal("take any again", err)
		equal(t, "in the same room", again.Room == best, false)
	}},
	{"AnySeatIsNotWhereOneSits", func(t *suite) {
		s := t.open()
		user := t.user(s)
		t.room(s, 2, user)
		leaving := t.room(s, 2, user)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), leaving, user, begin))
		_, err := s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.want("take any", err, store.ErrNotFound)
	}},
	{"AThousandAtOnceTakeTen", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		const many = 1000
		users := make([]string, many)
		for i := range users {
			users[i] = t.user(stores[0])
		}
		room, ctx := t.room(stores[0], 10, ""), t.ctx()
		var seated, full atomic.Int64
		together(many, func(i int) {
			_, err := stores[i%2].TakeSeat(ctx, room, users[i], begin)
			switch {
			case err == nil:
				seated.Add(1)
			case errors.Is(err, store.ErrRoomFull):
				full.Add(1)
			default:
				t.Errorf("take: %v", err)
			}
		})
		equal(t, "seats taken", seated.Load(), 10)
		equal(t, "refused as full", full.Load(), many-10)
		t.players(stores[1], room, 10)
	}},
	{"OneUserAtOnceHasOneSeat", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		user := t.user(stores[0])
		room, ctx := t.room(stores[0], 10, ""), t.ctx()
		together(50, func(i int) {
			if _, err := stores[i%2].TakeSeat(ctx, room, user, begin); err != nil {
				t.Errorf("take: %v", err)
			}
		})
		t.players(stores[0], room, 1)
	}},
	{"AnySeatAtOnceFillsEveryRoom", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		const rooms, capacity, many = 20, 3, 80
		ids := make([]string, rooms)
		for i := range ids {
			ids[i] = t.room(stores[0], capacity, "")
		}
		users := make([]string, many)
		for i := range users {
			users[i] = t.user(stores[0])
		}
		ctx := t.ctx()
		var seated, none atomic.Int64
		together(many, func(i int) {
			_, err := stores[i%2].TakeAnySeat(ctx, "othello", "1", users[i], begin)
			switch {
			case err == nil:
				seated.Add(1)
			case errors.Is(err, store.ErrNotFound):
				none.Add(1)
			default:
				t.Errorf("take any: %v", err)
			}
		})
		equal(t, "seats taken", seated.Load(), rooms*capacity)
		equal(t, "left without", none.Load(), many-rooms*capacity)
		for _, id := range ids {
			t.players(stores[0], id, capacity)
		}
	}},
	{"NobodyGetsIntoARoomThatCloses", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		user, ctx := t.user(stores[0]), t.ctx()
		for range 30 {
			r := t.held(stores[0], 2)
			c := commit(r)
			c.State, c.IfEmpty = store.Closed, true
			var closed bool
			var taken, committed error
			together(2, func(i int) {
				if i == 0 {
					closed, committed = stores[0].Commit(ctx, c)
				} else {
					_, taken = stores[1].TakeSeat(ctx, r.Room.ID, user, begin)
				}
			})
			t.fatal("commit", committed)
			if closed {
				t.want("take in a closed room", taken, store.ErrRoomClosed)
			} else {
				t.fatal("take in an open room", taken)
			}
			equal(t, "there is a seat", t.seat(stores[0], r.Room.ID, user) != "", !closed)
		}
	}},
}

// players checks the count that a room shows.
func (t *suite) players(s store.Store, room string, want int) {
	t.Helper()
	r, err := s.Room(t.ctx(), room)
	t.fatal("find room", err)
	equal(t, "players", r.Players, want)
}
