package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

// commitCases: what a commit does besides keeping the room's line.
var commitCases = []testCase{
	{"StatesFollowTheCommit", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for _, state := range []store.RoomState{store.Playing, store.Playing, store.Open} {
			c := commit(r)
			c.State = state
			equal(t, "closed", t.commit(s, c), false)
			shown, err := s.Room(t.ctx(), r.Room.ID)
			t.fatal("find", err)
			equal(t, "state", shown.State, state)
		}
	}},
	{"ClosingDropsSeatsAndLog", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.N, c.Log = 1, &store.Logged{First: 1, Last: 1, Data: []byte("x")}
		t.commit(s, c)
		c.State, c.N, c.Memory, c.Wake = store.Closed, 2, []byte("end"), true
		equal(t, "closed", t.commit(s, c), true)
		equal(t, "seat", t.seat(s, room, user), "")
		seats, err := s.SeatsOf(t.ctx(), user)
		t.fatal("list", err)
		equal(t, "seats", len(seats), 0)
		_, err = s.Commit(t.ctx(), commit(r))
		t.want("commit", err, store.ErrRoomClosed)
		c.State = store.Open
		_, err = s.Commit(t.ctx(), c)
		t.want("commit that opens", err, store.ErrRoomClosed)
		r = t.again(s, r, 2) // works on closed rooms too
		equal(t, "line", words(r.N, string(r.Memory), len(r.Log), r.Room.State), "2 end 0 closed")
		_, err = s.Commit(t.ctx(), commit(r))
		t.want("commit with the new term", err, store.ErrRoomClosed)
	}},
	{"ClosesIfEmpty", func(t *suite) {
		s := t.open()
		user, late := t.user(s), t.user(s)
		r := t.held(s, 2)
		room := r.Room.ID
		_, err := s.TakeSeat(t.ctx(), room, user, begin)
		t.fatal("take seat", err)
		c := commit(r)
		c.Seated = []string{user}
		t.commit(s, c)
		_, err = s.TakeSeat(t.ctx(), room, late, begin)
		t.fatal("take seat", err)
		c.Seated, c.Unseated, c.N, c.State, c.IfEmpty = nil, []string{user}, 4, store.Closed, true
		equal(t, "closed with one who comes", t.commit(s, c), false)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.N, r.Room.State), "4 open")
		equal(t, "the one who left", t.seat(s, room, user), "")
		equal(t, "the one who comes", t.seat(s, room, late), store.Joining)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, late, begin))
		c = commit(r)
		c.State, c.IfEmpty = store.Closed, true
		equal(t, "closed with one who leaves", t.commit(s, c), true)
	}},
	{"SeatsFollowTheCommit", func(t *suite) {
		s := t.open()
		r := t.held(s, 4)
		room, one, two := r.Room.ID, t.user(s), t.user(s)
		for _, user := range []string{one, two} {
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take", err)
		}
		c := commit(r)
		c.Seated = []string{one, "nobody"}
		t.commit(s, c)
		equal(t, "one", t.seat(s, room, one), store.Seated)
		equal(t, "two", t.seat(s, room, two), store.Joining)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, one, begin))
		t.commit(s, c) // a seat that is leaving is not seated by an old join
		equal(t, "one", t.seat(s, room, one), "")
		c.Seated, c.Unseated = nil, []string{one, two, "nobody"}
		t.commit(s, c)
		equal(t, "two", t.seat(s, room, two), "")
		pending, err := s.PendingSeats(t.ctx(), time.Now().Add(time.Hour), 10)
		t.fatal("list pending", err)
		equal(t, "pending", len(pending), 0)
	}},
	{"OneRoundMayTakeInAndLetGo", func(t *suite) {
		s := t.open()
		r, user := t.held(s, 4), t.user(s)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take", err)
		c := commit(r)
		c.Seated, c.Unseated = []string{user}, []string{user}
		t.commit(s, c)
		equal(t, "seat", t.seat(s, r.Room.ID, user), "")
	}},
	{"WhoLeavesAndComesBackKeepsTheNewSeat", func(t *suite) {
		s := t.open()
		for _, rounds := range [][]*store.Commit{
			{{Unseated: []string{"u"}}, {Seated: []string{"u"}}}, // the room hears of each by itself
			{{Unseated: []string{"u"}, Seated: []string{"u"}}},   // of both in one round
		} {
			r, user := t.held(s, 4), t.user(s)
			room := r.Room.ID
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take", err)
			c := commit(r)
			c.Seated = []string{user}
			t.commit(s, c)
			t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, begin))
			_, err = s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take again", err)
			for _, round := range rounds {
				c := commit(r)
				if round.Unseated != nil {
					c.Unseated = []string{user}
				}
				if round.Seated != nil {
					c.Seated = []string{user}
				}
				t.commit(s, c)
			}
			equal(t, "seat", t.seat(s, room, user), store.Seated)
			c.Seated, c.Unseated = nil, []string{user}
			t.commit(s, c)
			equal(t, "seat after really leaving", t.seat(s, room, user), "")
		}
	}},
	{"WhoIsReleasedLosesTheSeatThatWasGivenUpAlone", func(t *suite) {
		s := t.open()
		r, user := t.held(s, 4), t.user(s)
		room := r.Room.ID
		step := func(what string, want store.SeatState, seated, unseated, released []string) {
			t.Helper()
			c := commit(r)
			c.Seated, c.Unseated, c.Released = seated, unseated, released
			t.commit(s, c)
			equal(t, what, t.seat(s, room, user), want)
		}
		take := func() {
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take", err)
		}
		me := []string{user}
		take()
		step("told of a leaving that is none", store.Joining, nil, nil, []string{user, "nobody"})
		step("seated", store.Seated, me, nil, nil)
		step("told too late", store.Joining, nil, nil, me)
		pending, err := s.PendingSeats(t.ctx(), time.Now().Add(time.Hour), 10)
		t.fatal("list pending", err)
		equal(t, "pending", len(pending), 1)
		step("told again", store.Seated, me, nil, nil)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, begin))
		take()
		step("told when it has come back", store.Joining, nil, nil, me)
		step("told twice", store.Joining, nil, nil, me)
		step("seated when told of both", store.Seated, me, nil, me)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, begin))
		step("released", "", nil, nil, me)
		take()
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, begin))
		take()
		step("told of the old one", store.Joining, nil, nil, me)
		step("let go by the room itself", "", nil, me, nil)
	}},
	{"AwardsComeExactlyWithTheCommit", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		s, ctx := stores[0], t.ctx()
		one, two := t.user(s), t.user(s)
		const rooms, rounds = 10, 10
		together(rooms, func(i int) {
			s := stores[i%2]
			r := t.held(s, 2)
			for range rounds {
				c := commit(r)
				c.Awards = []store.Award{{User: one, Exp: 30, Gold: 2, Win: 1}, {User: "nobody", Gold: 5}, {User: two, Exp: 10, Lose: 1, Draw: 2}}
				if i%4 > 1 {
					slices.Reverse(c.Awards)
				}
				if _, err := s.Commit(ctx, c); err != nil {
					t.Errorf("commit: %v", err)
				}
				c.Term-- // a worker that was replaced
				if _, err := s.Commit(ctx, c); !errors.Is(err, store.ErrStaleTerm) {
					t.Errorf("commit: got error %v, want %v", err, store.ErrStaleTerm)
				}
			}
		})
		a, err := s.Account(ctx, one)
		t.fatal("find", err)
		equal(t, "one", words(a.Exp, a.Level, a.Gold, a.Win, a.Lose, a.Draw), "3000 31 200 100 0 0")
		a, err = s.Account(ctx, two)
		t.fatal("find", err)
		equal(t, "two", words(a.Exp, a.Level, a.Gold, a.Win, a.Lose, a.Draw), "1000 11 0 0 100 200")
	}},
	{"WhatAwardsAddUpToIsBounded", func(t *suite) {
		s := t.open()
		user := t.user(s)
		r := t.held(s, 2)
		for _, n := range []int64{math.MaxInt64, store.MaxBalance, math.MinInt64, -store.MaxBalance, 7} {
			for range 3 {
				c := commit(r)
				all := store.Award{User: user, Exp: n, Win: n, Lose: n, Draw: n, Gold: n}
				c.Awards = []store.Award{all, all, all}
				t.commit(s, c)
			}
			a, err := s.Account(t.ctx(), user)
			t.fatal("find", err)
			want := min(max(n, -store.MaxBalance), store.MaxBalance)
			if n == 7 {
				want = 9*7 - store.MaxBalance
			}
			equal(t, fmt.Sprint("after ", n), words(a.Exp, a.Win, a.Lose, a.Draw), words(want, want, want, want))
			if a.Gold < 0 || a.Gold > store.MaxBalance {
				t.Errorf("after %d: got %d gold", n, a.Gold)
			}
		}
	}},
}
