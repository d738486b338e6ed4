package storetest

import (
	"time"

	"github.com/madang-games/madang/store"
)

var operatorCases = []testCase{
	{"FindsAnAccountByName", func(t *suite) {
		s := t.open()
		_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: "u", Name: "Straße 7", CreatedAt: begin}, store.Identity{})
		t.fatal("create", err)
		for _, name := range []string{"Straße 7", "STRASSE 7", "strasse 7"} {
			a, err := s.AccountByName(t.ctx(), name)
			t.fatal("find "+name, err)
			equal(t, "id of "+name, a.ID, "u")
		}
		for _, name := range []string{"", "Straße", "\x00", "\xff", "u"} {
			_, err := s.AccountByName(t.ctx(), name)
			t.want("find "+name, err, store.ErrNotFound)
		}
		_, err = s.DeleteAccount(t.ctx(), "u", begin)
		t.fatal("delete", err)
		_, err = s.AccountByName(t.ctx(), "Straße 7")
		t.want("find who is gone", err, store.ErrNotFound)
	}},
	{"FindsAUsersSession", func(t *suite) {
		s := t.open()
		user := t.user(s)
		_, err := s.SessionOf(t.ctx(), user)
		t.want("none", err, store.ErrNotFound)
		t.fatal("sign in", t.signIn(s, user, 1))
		got, err := s.SessionOf(t.ctx(), user)
		t.fatal("find", err)
		equal(t, "session", got, store.Session{ID: "s1", User: user, Name: "Player 1", ExpiresAt: after(time.Hour)})
		t.fatal("end", s.EndSession(t.ctx(), user, got.ID))
		_, err = s.SessionOf(t.ctx(), user)
		t.want("ended", err, store.ErrNotFound)
	}},
	{"ListsWhoSitsInARoomAndPutsThemOut", func(t *suite) {
		s := t.open()
		one, two, watcher, stranger := t.user(s), t.user(s), t.user(s), t.user(s)
		room := t.make(s, store.Room{Private: true, Code: "AAAA2222", Owner: one, Capacity: 3, MaxSpectators: 2}, one)
		_, err := s.TakeSeatByCode(t.ctx(), "AAAA2222", two, after(time.Minute))
		t.fatal("take", err)
		t.fatal("invite", s.Invite(t.ctx(), store.Invitation{Room: room, User: watcher, By: one, Until: after(time.Hour)}, begin))
		_, err = s.TakeSpectatorSeat(t.ctx(), room, watcher, after(2*time.Minute))
		t.fatal("watch", err)
		seats, err := s.SeatsIn(t.ctx(), room)
		t.fatal("list", err)
		if len(seats) != 3 || seats[0].User != one || seats[1].User != two || seats[2].User != watcher || !seats[2].Spectator {
			t.Errorf("got seats %+v", seats)
		}

		seat, err := s.PutOut(t.ctx(), room, one, store.ReasonKicked, after(3*time.Minute))
		t.fatal("put the owner out", err)
		equal(t, "seat", seat, store.Seat{Room: room, User: one, Name: "Player 1", State: store.Leaving, Since: after(3 * time.Minute), Reason: store.ReasonKicked})
		again, err := s.PutOut(t.ctx(), room, one, "other", after(time.Hour))
		t.fatal("again", err)
		equal(t, "again", again, seat)
		_, err = s.PutOut(t.ctx(), room, watcher, store.ReasonKicked, after(3*time.Minute))
		t.fatal("put a spectator out", err)
		_, err = s.TakeSpectatorSeat(t.ctx(), room, watcher, after(9*time.Minute))
		t.want("watch by an invitation that is gone", err, store.ErrNotFound)
		seats, err = s.SeatsIn(t.ctx(), room)
		t.fatal("list", err)
		equal(t, "seats", len(seats), 1)
		r, err := s.Room(t.ctx(), room)
		t.fatal("room", err)
		equal(t, "owner", r.Owner, two)

		_, err = s.PutOut(t.ctx(), room, stranger, store.ReasonKicked, begin)
		t.want("put out who sits elsewhere", err, store.ErrNotSeated)
		_, err = s.PutOut(t.ctx(), "nowhere", one, store.ReasonKicked, begin)
		t.want("put out of no room", err, store.ErrNotFound)
		t.close(s, room)
		_, err = s.PutOut(t.ctx(), room, two, store.ReasonKicked, begin)
		t.want("put out of a closed room", err, store.ErrRoomClosed)
		seats, err = s.SeatsIn(t.ctx(), "nowhere")
		t.fatal("list no room", err)
		equal(t, "seats of no room", len(seats), 0)
	}},
}
