package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

var roomCases = []testCase{
	{"KeepsEveryField", func(t *suite) {
		s := t.open()
		user := t.user(s)
		r := store.Room{
			ID: "r1", Game: "othello", Version: "1.2", Capacity: 2, CreatedAt: begin, MaxSpectators: 5, Private: true, Code: "ABCD2345", Owner: user,
			Labels: store.Labels{"track": "desert", "level": int64(-3)},
		}
		t.fatal("create", s.CreateRoom(t.ctx(), r, []byte{1, 0, 2}, user))
		r.State, r.Players = store.Open, 1
		got, err := s.Room(t.ctx(), "r1")
		t.fatal("find", err)
		equal(t, "room", words(got), words(r))
		seat, err := s.Seat(t.ctx(), "r1", user)
		t.fatal("find seat", err)
		equal(t, "seat", seat, store.Seat{Room: "r1", User: user, Name: "Player 1", State: store.Joining, Since: begin})
		record, err := s.TakeUp(t.ctx(), "r1")
		t.fatal("take up", err)
		equal(t, "memory", string(record.Memory), "\x01\x00\x02")
	}},
	{"NobodyNeedSitInIt", func(t *suite) {
		s := t.open()
		got, err := s.Room(t.ctx(), t.room(s, 2, ""))
		t.fatal("find", err)
		equal(t, "players", got.Players, 0)
	}},
	{"UnknownIsNotFound", func(t *suite) {
		s := t.open()
		_, err := s.Room(t.ctx(), "nowhere")
		t.want("find", err, store.ErrNotFound)
		err = s.CreateRoom(t.ctx(), store.Room{ID: "r1", Game: "g", Version: "1", Capacity: 2, CreatedAt: begin}, nil, "nobody")
		t.want("create for nobody", err, store.ErrNotFound)
		_, err = s.Room(t.ctx(), "r1")
		t.want("find what was not made", err, store.ErrNotFound)
	}},
	{"AnIdIsTakenOnce", func(t *suite) {
		s := t.open()
		room := t.room(s, 2, "")
		if err := s.CreateRoom(t.ctx(), store.Room{ID: room, Game: "g", Version: "2", Capacity: 5, CreatedAt: begin}, nil, ""); err == nil {
			t.Errorf("create a second room of the same id: got no error")
		}
		got, err := s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "capacity", got.Capacity, 2)
	}},
	{"ListsNewestFirstByFilter", func(t *suite) {
		s := t.open()
		add := func(id, game, version string, age int) {
			err := s.CreateRoom(t.ctx(), store.Room{ID: id, Game: game, Version: version, Capacity: 2, CreatedAt: after(time.Duration(-age) * time.Minute)}, nil, "")
			t.fatal("create", err)
		}
		add("a", "othello", "1", 5)
		add("b", "othello", "2", 4)
		add("c", "relay", "1", 3)
		add("d", "othello", "1", 2)
		add("e", "othello", "1", 2) // as old as d
		t.close(s, "a")
		t.play(s, "d")
		for _, c := range []struct {
			filter store.RoomFilter
			want   string
		}{
			{store.RoomFilter{}, "e d c b a"},
			{store.RoomFilter{Game: "othello"}, "e d b a"},
			{store.RoomFilter{Game: "othello", Version: "1"}, "e d a"},
			{store.RoomFilter{Version: "2"}, "b"},
			{store.RoomFilter{State: store.Open}, "e c b"},
			{store.RoomFilter{State: store.Playing}, "d"},
			{store.RoomFilter{State: store.Closed}, "a"},
			{store.RoomFilter{Game: "othello", Version: "1", State: store.Open}, "e"},
			{store.RoomFilter{Game: "chess"}, ""},
		} {
			for _, limit := range []int{1, 2, 100} {
				equal(t, fmt.Sprintf("%+v by %d", c.filter, limit), strings.Join(t.pages(s, c.filter, limit), " "), c.want)
			}
		}
	}},
	{"PagesEndExactly", func(t *suite) {
		s := t.open()
		for range 4 {
			t.room(s, 2, "")
		}
		page, next, err := s.Rooms(t.ctx(), store.RoomFilter{}, "", 2)
		t.fatal("first page", err)
		equal(t, "rooms", len(page), 2)
		page, next, err = s.Rooms(t.ctx(), store.RoomFilter{}, next, 2)
		t.fatal("second page", err)
		equal(t, "rooms", len(page), 2)
		equal(t, "cursor at the end", next, "")
	}},
	{"ALimitIsBrought1To100", func(t *suite) {
		s := t.open()
		for range 103 {
			t.room(s, 2, "")
		}
		for limit, want := range map[int]int{-1: 1, 0: 1, 100: 100, 1000: 100} {
			page, next, err := s.Rooms(t.ctx(), store.RoomFilter{}, "", limit)
			t.fatal("list", err)
			equal(t, fmt.Sprintf("rooms by limit %d", limit), len(page), want)
			equal(t, "there are more", next != "", true)
		}
	}},
	{"PagesWhileRoomsAreMade", func(t *suite) {
		s, other := t.open(), t.open()
		var want []string
		for range 30 {
			want = append(want, t.room(s, 2, ""))
		}
		slices.Reverse(want)
		var got []string
		cursor := ""
		for {
			page, next, err := s.Rooms(t.ctx(), store.RoomFilter{Game: "othello"}, cursor, 4)
			t.fatal("list", err)
			for _, r := range page {
				got = append(got, r.ID)
			}
			t.room(other, 2, "")
			if cursor = next; cursor == "" {
				break
			}
		}
		equal(t, "rooms", strings.Join(got, " "), strings.Join(want, " "))
	}},
	{"AMalformedCursorIsNotFound", func(t *suite) {
		s := t.open()
		t.room(s, 2, "")
		for _, cursor := range []string{"x", "%%%", "MTIz", "eCB5", "MTIzIA", "MTIgAA", "MTIg_w", strings.Repeat("A", 10_000)} {
			_, _, err := s.Rooms(t.ctx(), store.RoomFilter{}, cursor, 10)
			t.want("cursor "+cursor[:min(len(cursor), 8)], err, store.ErrNotFound)
		}
	}},
	{"LiveRoomsAreThoseOfTheirWorkers", func(t *suite) {
		s := t.open()
		for _, r := range []struct{ id, game, version string }{
			{"B", "othello", "1"}, {"a", "othello", "1"}, {"c-1", "othello", "1"}, {"c1", "othello", "1"}, {"d", "othello", "2"},
			{"e", "relay", "1"}, {"f", "othello", "1"},
		} {
			err := s.CreateRoom(t.ctx(), store.Room{ID: r.id, Game: r.game, Version: r.version, Capacity: 2, CreatedAt: begin}, nil, "")
			t.fatal("create", err)
		}
		t.close(s, "f")
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page, err := s.LiveRooms(t.ctx(), "othello", "1", after, 3)
			t.fatal("list", err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				got = append(got, r.ID)
				equal(t, "made", r.CreatedAt.Equal(begin), true)
			}
		}
		equal(t, "rooms", strings.Join(got, " "), "B a c-1 c1") // byte by byte
	}},
	{"WhoWantsToBeWoken", func(t *suite) {
		s := t.open()
		wake := func() bool {
			page, err := s.LiveRooms(t.ctx(), "othello", "1", "", 10)
			t.fatal("list", err)
			equal(t, "rooms", len(page), 1)
			return page[0].Wake
		}
		r := t.held(s, 2)
		equal(t, "a new room", wake(), false)
		c := commit(r)
		c.Wake = true
		t.commit(s, c)
		equal(t, "with a timer", wake(), true)
		c.Wake = false
		t.commit(s, c)
		equal(t, "without", wake(), false)
		c.N = 2
		t.commit(s, c)
		equal(t, "with unpublished outputs", wake(), true)
		c.Published = 2
		t.commit(s, c)
		equal(t, "published", wake(), false)
		user := t.user(s)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take seat", err)
		equal(t, "with a player", wake(), true)
	}},
	{"RoomsThatSleepAreFoundWhenTheyAreDue", func(t *suite) {
		s := t.open()
		alive := func() string {
			page, err := s.LiveRooms(t.ctx(), "othello", "1", "", 10)
			t.fatal("list", err)
			var ids []string
			for _, r := range page {
				ids = append(ids, r.ID)
			}
			return strings.Join(ids, " ")
		}
		due := func(before time.Time) string {
			var ids []string
			for last := (store.DueRoom{}); ; {
				page, err := s.DueRooms(t.ctx(), "othello", "1", before, last, 2)
				t.fatal("list due rooms", err)
				for _, r := range page {
					ids = append(ids, r.ID)
				}
				if len(page) < 2 {
					return strings.Join(ids, " ")
				}
				last = page[1]
			}
		}
		var rooms []store.Record
		for range 5 {
			rooms = append(rooms, t.held(s, 2))
		}
		until := []time.Time{after(time.Hour), store.Never, after(time.Minute), after(time.Hour), {}}
		for i, r := range rooms {
			c := commit(r)
			c.Wake, c.Asleep = true, until[i]
			t.commit(s, c)
		}
		id := func(i int) string { return rooms[i].Room.ID }
		equal(t, "awake", alive(), id(4))
		equal(t, "due in a second", due(after(time.Second)), "")
		equal(t, "due in two minutes", due(after(2*time.Minute)), id(2))
		equal(t, "due in two hours", due(after(2*time.Hour)), id(2)+" "+id(0)+" "+id(3))
		for i := range rooms {
			r, err := s.Room(t.ctx(), id(i))
			t.fatal("find", err)
			equal(t, "asleep", r.Asleep.Equal(until[i]), true)
		}
		late := commit(rooms[1])
		late.Term--
		late.Asleep = after(time.Minute)
		_, err := s.Commit(t.ctx(), late)
		t.want("commit of an older term", err, store.ErrStaleTerm)
		equal(t, "due in two minutes", due(after(2*time.Minute)), id(2))
		again, err := s.TakeUp(t.ctx(), id(2))
		t.fatal("take up", err)
		equal(t, "asleep when it was taken up", again.Room.Asleep.Equal(until[2]), true)
		equal(t, "awake", alive(), id(2)+" "+id(4))
		equal(t, "due in two hours", due(after(2*time.Hour)), id(0)+" "+id(3))
		t.commit(s, commit(again))
		equal(t, "awake", alive(), id(2)+" "+id(4))
		again, err = s.TakeUp(t.ctx(), id(2))
		t.fatal("take up", err)
		equal(t, "asleep when it was taken up again", again.Room.Asleep.IsZero(), true)
	}},
	{"RoomsThatSleepAreOfferedLast", func(t *suite) {
		s := t.open()
		var ids []string
		for i := range 3 {
			r := t.held(s, 2)
			ids = append(ids, r.Room.ID)
			if i == 2 {
				break
			}
			_, err := s.TakeSeat(t.ctx(), r.Room.ID, t.user(s), begin)
			t.fatal("take seat", err)
			c := commit(r)
			c.Asleep = store.Never
			t.commit(s, c)
		}
		for _, want := range []string{ids[2], ids[2], ids[0], ids[1]} {
			seat, err := s.TakeAnySeat(t.ctx(), "othello", "1", t.user(s), begin)
			t.fatal("take any seat", err)
			equal(t, "room", seat.Room, want)
		}
		_, err := s.TakeAnySeat(t.ctx(), "othello", "1", t.user(s), begin)
		t.want("take a seat where none is free", err, store.ErrNotFound)
	}},
	{"ClosedRoomsAreSweptOnce", func(t *suite) {
		s := t.open()
		one, two, live := t.room(s, 2, ""), t.room(s, 2, ""), t.room(s, 2, "")
		t.close(s, one)
		t.close(s, two)
		unswept := func(limit int) string {
			rooms, err := s.Unswept(t.ctx(), limit)
			t.fatal("list", err)
			return strings.Join(rooms, " ")
		}
		equal(t, "unswept", unswept(10), one+" "+two)
		equal(t, "number of one page", len(strings.Fields(unswept(1))), 1)
		t.fatal("sweep", s.Swept(t.ctx(), one))
		t.fatal("sweep again", s.Swept(t.ctx(), one))
		t.fatal("sweep a living one", s.Swept(t.ctx(), live))
		t.fatal("sweep an unknown one", s.Swept(t.ctx(), "nowhere"))
		equal(t, "unswept", unswept(10), two)
		t.close(s, live)
		equal(t, "unswept", unswept(10), two+" "+live)
	}},
}

// pages reads all pages of rooms.
func (t *suite) pages(s store.Store, f store.RoomFilter, limit int) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		page, next, err := s.Rooms(t.ctx(), f, cursor, limit)
		t.fatal("list", err)
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		if cursor = next; cursor == "" {
			return ids
		}
	}
}

func (t *suite) close(s store.Store, room string) {
	t.Helper()
	t.state(s, room, store.Closed)
}

func (t *suite) play(s store.Store, room string) {
	t.Helper()
	t.state(s, room, store.Playing)
}

func (t *suite) state(s store.Store, room string, state store.RoomState) {
	t.Helper()
	r, err := s.TakeUp(t.ctx(), room)
	t.fatal("take up", err)
	c := commit(r)
	c.State = state
	t.commit(s, c)
}
