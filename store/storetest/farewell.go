package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

var farewellCases = []testCase{
	{"AClosedRoomKeepsItsEndForThoseWhoSatThere", func(t *suite) {
		s := t.open()
		r, stays, comes, left, leaves := t.held(s, 8), t.user(s), t.user(s), t.user(s), t.user(s)
		room := r.Room.ID
		for _, user := range []string{stays, left, leaves, comes} {
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take seat", err)
		}
		c := commit(r)
		c.Seated, c.N, c.Published = []string{stays, left, leaves}, 3, 3
		c.Log = &store.Logged{First: 1, Last: 3, Data: []byte("a")}
		t.commit(s, c)
		c = commit(r)
		c.N, c.Published, c.Log = 6, 3, &store.Logged{First: 4, Last: 6, Data: []byte("b")}
		t.commit(s, c)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, leaves, begin))
		equal(t, "before the end", t.farewell(s, room, stays, 0, begin), "not found")
		c = commit(r)
		c.N, c.Published, c.State, c.Unseated = 7, 7, store.Closed, []string{left}
		c.Log, c.Farewell = &store.Logged{First: 7, Last: 8, Data: []byte{0, 255}}, after(time.Minute)
		equal(t, "closed", t.commit(s, c), true)
		for _, want := range []struct {
			user  string
			after uint64
			now   time.Duration
			want  string
		}{
			{stays, 0, 0, "1-7 [1-3:a 4-6:b 7-8:\x00\xff]"},
			{comes, 3, 0, "1-7 [4-6:b 7-8:\x00\xff]"},
			{stays, 4, time.Minute - time.Microsecond, "1-7 [4-6:b 7-8:\x00\xff]"},
			{stays, 8, 0, "1-7 []"},
			{stays, 99, 0, "1-7 []"},
			{stays, 1 << 63, 0, "1-7 []"},
			{stays, 0, time.Minute, "not found"},
			{left, 0, 0, "not found"},
			{leaves, 0, 0, "not found"},
			{"nobody", 0, 0, "not found"},
		} {
			got := t.farewell(s, room, want.user, want.after, after(want.now))
			equal(t, words(want.user, "after", want.after, "at", want.now), got, want.want)
		}
		equal(t, "of another room", t.farewell(s, "nowhere", stays, 0, begin), "not found")
		equal(t, "seat", t.seat(s, room, stays), "")
	}},
	{"WhereNobodySatNothingIsKept", func(t *suite) {
		s := t.open()
		user := t.user(s)
		for _, ifEmpty := range []bool{true, false} {
			r := t.held(s, 2)
			_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
			t.fatal("take seat", err)
			c := commit(r)
			c.N, c.State, c.IfEmpty, c.Unseated, c.Farewell = 1, store.Closed, ifEmpty, []string{user}, after(time.Minute)
			c.Log = &store.Logged{First: 1, Last: 1, Data: []byte("x")}
			equal(t, "closed", t.commit(s, c), true)
			equal(t, "farewell", t.farewell(s, r.Room.ID, user, 0, begin), "not found")
			t.noLog(s, r.Room.ID)
		}
	}},
	{"ARoomThatIsNotEmptyYetKeepsItsSeats", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.State, c.IfEmpty, c.Farewell = store.Closed, true, after(time.Minute)
		equal(t, "closed", t.commit(s, c), false)
		equal(t, "farewell", t.farewell(s, room, user, 0, begin), "not found")
		equal(t, "seat", t.seat(s, room, user), store.Joining)
	}},
	{"AFencedCommitKeepsNothing", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		old, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		t.again(s, old, 2)
		c := commit(old)
		c.N, c.State, c.Farewell = 1, store.Closed, after(time.Minute)
		c.Log = &store.Logged{First: 1, Last: 1, Data: []byte("stale")}
		_, err = s.Commit(t.ctx(), c)
		t.want("close", err, store.ErrStaleTerm)
		equal(t, "farewell", t.farewell(s, room, user, 0, begin), "not found")
		t.noLog(s, room)
	}},
	{"OnlyTheLastEpochIsKept", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.N, c.Log = 5, &store.Logged{First: 1, Last: 5, Data: []byte("old")}
		t.commit(s, c)
		c = commit(r)
		c.Epoch, c.N, c.State, c.Farewell = 2, 1, store.Closed, after(time.Minute)
		c.Log = &store.Logged{First: 1, Last: 2, Data: []byte("new")}
		t.commit(s, c)
		equal(t, "farewell", t.farewell(s, room, user, 0, begin), "2-1 [1-2:new]")
	}},
	{"WhatIsOverIsForgottenInBatches", func(t *suite) {
		s, other := t.open(), t.open()
		user, second := t.user(s), t.user(s)
		rooms := make([]string, 7)
		for i := range rooms {
			rooms[i] = t.room(s, 2, user)
			_, err := s.TakeSeat(t.ctx(), rooms[i], second, begin)
			t.fatal("take seat", err)
			r, err := s.TakeUp(t.ctx(), rooms[i])
			t.fatal("take up", err)
			c := commit(r)
			c.N, c.State, c.Farewell = 1, store.Closed, after(time.Duration(i)*time.Minute)
			c.Log = &store.Logged{First: 1, Last: 2, Data: []byte("x")}
			t.commit(s, c)
		}
		forget := func(now time.Duration, limit, want int) {
			t.Helper()
			n, err := s.ForgetFarewells(t.ctx(), after(now), limit)
			t.fatal("forget", err)
			equal(t, "rooms forgotten", n, want)
		}
		forget(0, 0, 0)
		forget(5*time.Minute, 4, 4)
		forget(5*time.Minute, 4, 2)
		forget(5*time.Minute, 4, 0)
		for _, room := range rooms[:6] {
			equal(t, "forgotten", t.farewell(s, room, user, 0, begin), "not found")
			t.noLog(s, room)
		}
		equal(t, "kept", t.farewell(other, rooms[6], second, 0, begin), "1-1 [1-2:x]")
		together(8, func(i int) {
			of := []store.Store{s, other}[i%2]
			if _, err := of.ForgetFarewells(t.ctx(), after(time.Hour), 10); err != nil {
				t.Errorf("forget: %v", err)
			}
		})
		forget(time.Hour, 10, 0)
		equal(t, "forgotten", t.farewell(s, rooms[6], user, 0, begin), "not found")
	}},
}

// farewell is what is kept for a user, in words.
func (t *suite) farewell(s store.Store, room, user string, after uint64, now time.Time) string {
	t.Helper()
	f, err := s.Farewell(t.ctx(), room, user, after, now)
	if errors.Is(err, store.ErrNotFound) {
		return "not found"
	}
	t.fatal("farewell", err)
	var kept []string
	for _, l := range f.Log {
		kept = append(kept, fmt.Sprintf("%d-%d:%s", l.First, l.Last, l.Data))
	}
	return fmt.Sprintf("%d-%d [%s]", f.Epoch, f.N, strings.Join(kept, " "))
}

// noLog checks that nothing is kept of a room's outputs.
func (t *suite) noLog(s store.Store, room string) {
	t.Helper()
	for epoch := uint64(1); epoch <= 2; epoch++ {
		kept, err := s.Log(t.ctx(), room, epoch)
		t.fatal("log", err)
		equal(t, "kept runs", len(kept), 0)
	}
}
