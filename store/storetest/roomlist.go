package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

var roomListCases = []testCase{
	{"PrivateRoomsAreForThoseWhoAskForThem", func(t *suite) {
		s := t.open()
		open := t.room(s, 2, "")
		private := t.make(s, store.Room{Private: true, Code: "AAAA2222"}, "")
		equal(t, "listed", strings.Join(t.pages(s, store.RoomFilter{}, 10), " "), open)
		equal(t, "listed as open", strings.Join(t.pages(s, store.RoomFilter{Game: "othello", State: store.Open}, 10), " "), open)
		equal(t, "listed as free", strings.Join(t.pages(s, store.RoomFilter{Free: true}, 10), " "), open)
		equal(t, "all", strings.Join(t.pages(s, store.RoomFilter{Private: true}, 10), " "), private+" "+open)
		equal(t, "all free ones", strings.Join(t.pages(s, store.RoomFilter{Private: true, Free: true}, 10), " "), private+" "+open)
		user := t.user(s)
		seat, err := s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.fatal("take any", err)
		equal(t, "any", seat.Room, open)
		_, err = s.TakeAnySeat(t.ctx(), "othello", "1", user, begin)
		t.want("take any in the private one", err, store.ErrNotFound)
	}},
	{"FiltersByLabelsAndFreeSeats", func(t *suite) {
		s := t.open()
		add := func(track string, level int64, capacity, players int) string {
			r := store.Room{Capacity: capacity, Labels: store.Labels{"level": level}}
			if track != "" {
				r.Labels["track"] = track
			}
			id := t.make(s, r, "")
			for range players {
				_, err := s.TakeSeat(t.ctx(), id, t.user(s), begin)
				t.fatal("take seat", err)
			}
			return id
		}
		names := map[string]string{}
		for _, r := range []struct {
			name, track       string
			level             int64
			capacity, players int
		}{
			{"a", "desert", 1, 2, 0}, {"b", "forest", 2, 2, 2}, {"c", "desert", 3, 2, 2}, {"d", "desert", 3, 4, 1}, {"e", "", -7, 2, 1}, {"f", "desert", 9, 2, 0},
		} {
			names[add(r.track, r.level, r.capacity, r.players)] = r.name
		}
		over := t.make(s, store.Room{Labels: store.Labels{"track": "desert"}}, "")
		t.close(s, over)
		other := t.make(s, store.Room{Game: "race", Labels: store.Labels{"track": "desert", "level": int64(3)}}, "")
		names[over], names[other] = "over", "other"
		track := func(text string) store.LabelFilter { return store.LabelFilter{Name: "track", Text: text} }
		level := func(least, most int64) store.LabelFilter {
			return store.LabelFilter{Name: "level", Least: least, Most: most}
		}
		for _, c := range []struct {
			filter store.RoomFilter
			want   string
		}{
			{store.RoomFilter{Labels: []store.LabelFilter{track("desert")}}, "f d c a"},
			{store.RoomFilter{Labels: []store.LabelFilter{track("moon")}}, ""},
			{store.RoomFilter{Labels: []store.LabelFilter{track("desert"), level(3, 3)}}, "d c"},
			{store.RoomFilter{Labels: []store.LabelFilter{level(2, 9), track("desert")}}, "f d c"},
			{store.RoomFilter{Labels: []store.LabelFilter{level(-9, 2)}}, "e b a"},
			{store.RoomFilter{Labels: []store.LabelFilter{level(-9, 9), level(3, 3)}}, "d c"},
			{store.RoomFilter{Labels: []store.LabelFilter{track("desert")}, Free: true}, "f d a"},
			{store.RoomFilter{Labels: []store.LabelFilter{track("desert")}, State: store.Playing}, ""},
			{store.RoomFilter{Labels: []store.LabelFilter{track("desert")}, Version: "2"}, ""},
			{store.RoomFilter{Free: true}, "f e d a"},
			{store.RoomFilter{Free: true, State: store.Open, Version: "1"}, "f e d a"},
			{store.RoomFilter{Free: true, State: store.Closed}, ""},
		} {
			c.filter.Game = "othello"
			for _, limit := range []int{1, 3, 100} {
				var got []string
				for _, id := range t.pages(s, c.filter, limit) {
					got = append(got, names[id])
				}
				equal(t, fmt.Sprintf("%+v by %d", c.filter, limit), strings.Join(got, " "), c.want)
			}
		}
	}},
	{"WhatIsSeldomIsFoundBehindManyOthers", func(t *suite) {
		s := t.open()
		rare := t.make(s, store.Room{Labels: store.Labels{"level": int64(7)}}, "")
		first := t.room(s, 2, "")
		for range 600 { // more than a call looks at
			t.room(s, 1, "")
		}
		calls, cursor := 0, ""
		var found []string
		for {
			calls++
			page, next, err := s.Rooms(t.ctx(), store.RoomFilter{Game: "othello", Labels: []store.LabelFilter{{Name: "level", Least: 7, Most: 7}}}, cursor, 10)
			t.fatal("list", err)
			for _, r := range page {
				found = append(found, r.ID)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		equal(t, "found", strings.Join(found, " "), rare)
		if calls < 2 || calls > 4 {
			t.Errorf("got %d pages, want 2 to 4", calls)
		}
		r, err := s.TakeUp(t.ctx(), first)
		t.fatal("take up", err)
		end := commit(r)
		end.State = store.Closed
		t.commit(s, end)
		page, next, err := s.Rooms(t.ctx(), store.RoomFilter{State: store.Closed}, "", 10)
		t.fatal("list closed ones", err)
		if len(page) != 0 || next == "" {
			t.Errorf("got %d rooms and %q next, want none of those that were looked at, and a next page", len(page), next)
		}
		equal(t, "closed", strings.Join(t.pages(s, store.RoomFilter{State: store.Closed}, 10), " "), first)
		got := t.pages(s, store.RoomFilter{Version: "1"}, 100)
		equal(t, "of the version", len(got), 602)
		equal(t, "the last but one", got[600], first)
	}},
}

// make makes a room with defaults like those of t.room.
func (t *suite) make(s store.Store, r store.Room, user string) string {
	t.Helper()
	n := t.made.Add(1)
	r.ID, r.CreatedAt = fmt.Sprintf("room-%04d", n), after(time.Duration(n)*time.Second)
	if r.Game == "" {
		r.Game = "othello"
	}
	r.Version = "1"
	if r.Capacity == 0 {
		r.Capacity = 2
	}
	t.fatal("create room", s.CreateRoom(t.ctx(), r, nil, user))
	return r.ID
}
