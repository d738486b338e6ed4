package storetest

import (
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

// asks has a room ask for players until it has so many.
func (t *suite) asks(s store.Store, r store.Record, size int) {
	t.Helper()
	c := commit(r)
	c.Backfill = &store.Backfill{Game: "othello", Mode: "duel", Wants: []byte(`{"regions":["eu"]}`), Size: size, Since: begin}
	t.commit(s, c)
}

// askedFor is what rooms ask for: each with its free places and who is there.
func askedFor(list []store.Backfill) string {
	var parts []string
	for _, b := range list {
		line := []any{b.Room, string(b.Wants), b.Size, b.Free, b.Since.UTC().Format(time.TimeOnly)}
		for _, p := range b.Players {
			line = append(line, p.User, p.Name, p.Rating)
		}
		parts = append(parts, words(line...))
	}
	return strings.Join(parts, "; ")
}

var backfillCases = []testCase{
	{"ARoomAsksForPlayers", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 3)
		here, r := t.user(s), t.held(s, 3)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, here, begin)
		t.fatal("take a seat", err)
		t.fatal("rate", s.PutRanks(t.ctx(), nil, []store.Outcome{{Game: "othello", Mode: "duel", At: begin, Sides: []store.Side{
			{Place: 1, Users: []string{here}}, {Place: 2, Users: []string{users[0]}}}}}))
		t.asks(s, r, 2)
		list, err := s.PoolBackfills(t.ctx(), pool, "", 10)
		t.fatal("list", err)
		ratings, err := s.Ratings(t.ctx(), here)
		t.fatal("read its rating", err)
		equal(t, "asked", askedFor(list), words(r.Room.ID, `{"regions":["eu"]}`, 2, 1, "12:00:00", here, "Player 4", ratings[0].Value))
		_, rooms, err := s.OpenTickets(t.ctx(), "othello", "duel")
		t.fatal("count", err)
		equal(t, "rooms that ask", rooms, 1)

		m := placement("", "t0")
		m.Room, m.Backfill = store.Room{ID: r.Room.ID}, true
		t.fatal("place", s.PlaceMatch(t.ctx(), pool, m, after(time.Minute)))
		equal(t, "seat", t.seat(s, r.Room.ID, users[0]), store.Joining)
		equal(t, "ticket", t.ticket(s, "t0"), words("placed", r.Room.ID, users[0]+"-"))
		m.Tickets = []string{"t1"}
		t.want("place one more than it asks for", s.PlaceMatch(t.ctx(), pool, m, begin), store.ErrRoomFull)
		equal(t, "its ticket", t.ticket(s, "t1"), words("waiting", users[1]+"-"))
		t.fatal("leave", s.GiveUpSeat(t.ctx(), r.Room.ID, here, begin))
		b, err := s.PoolBackfill(t.ctx(), pool, r.Room.ID)
		t.fatal("find", err)
		equal(t, "free when somebody has left", b.Free, 1)
		t.fatal("place", s.PlaceMatch(t.ctx(), pool, m, begin))

		t.asks(s, r, 100)
		b, err = s.PoolBackfill(t.ctx(), pool, r.Room.ID)
		t.fatal("find", err)
		equal(t, "free, of a room of 3", b.Free, 1)
		t.asks(s, r, 0)
		_, err = s.PoolBackfill(t.ctx(), pool, r.Room.ID)
		t.want("find what is not asked any more", err, store.ErrNotFound)
		m.Tickets = []string{"t2"}
		t.want("place where nobody is asked for", s.PlaceMatch(t.ctx(), pool, m, begin), store.ErrRoomFull)
	}},
	{"AClosedRoomAsksForNobody", func(t *suite) {
		s := t.open()
		_, pool := t.waiting(s, 1)
		r := t.held(s, 3)
		t.asks(s, r, 2)
		c := commit(r)
		c.State = store.Closed
		t.commit(s, c)
		list, err := s.PoolBackfills(t.ctx(), pool, "", 10)
		t.fatal("list", err)
		equal(t, "asked", askedFor(list), "")
		_, rooms, err := s.OpenTickets(t.ctx(), "othello", "duel")
		t.fatal("count", err)
		equal(t, "rooms that ask", rooms, 0)
		m := placement("", "t0")
		m.Room, m.Backfill = store.Room{ID: r.Room.ID}, true
		t.want("place", s.PlaceMatch(t.ctx(), pool, m, begin), store.ErrRoomClosed)
		m.Room.ID = "nowhere"
		t.want("place in no room", s.PlaceMatch(t.ctx(), pool, m, begin), store.ErrNotFound)
	}},
	{"RoomsThatAskAreListedByPages", func(t *suite) {
		s := t.open()
		_, pool := t.waiting(s, 1)
		var want []string
		for range 3 {
			r := t.held(s, 3)
			t.asks(s, r, 2)
			want = append(want, r.Room.ID)
		}
		var got []string
		for after := ""; ; {
			page, err := s.PoolBackfills(t.ctx(), pool, after, 2)
			t.fatal("list", err)
			for _, b := range page {
				got = append(got, b.Room)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].Room
		}
		equal(t, "rooms", words(got), words(want))
	}},
}
