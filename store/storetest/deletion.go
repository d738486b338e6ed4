package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

var deletionCases = []testCase{
	{"WithoutSeatsAllGoesAtOnce", func(t *suite) {
		s, other := t.open(), t.open()
		user := t.known(s, "Mina", identity("google", "123"))
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s1", User: user, ExpiresAt: after(time.Hour)}, token(1)))
		left, err := s.DeleteAccount(t.ctx(), user, after(time.Minute))
		t.fatal("delete", err)
		equal(t, "seats", len(left), 0)
		t.gone(other, user)
		_, err = other.Session(t.ctx(), token(1), begin)
		t.want("its session", err, store.ErrNotFound)
		t.known(s, "mina", identity("google", "123")) // name and identity are free
		_, err = s.DeleteAccount(t.ctx(), "nobody", begin)
		t.want("delete nobody", err, store.ErrNotFound)
	}},
	{"RoomsLetItGo", func(t *suite) {
		s := t.open()
		user, stays := t.known(s, "Mina", identity("google", "123")), t.user(s)
		r := t.held(s, 4)
		for _, u := range []string{user, stays} {
			_, err := s.TakeSeat(t.ctx(), r.Room.ID, u, begin)
			t.fatal("take", err)
		}
		c := commit(r)
		c.Seated = []string{user, stays}
		t.commit(s, c)

		left, err := s.DeleteAccount(t.ctx(), user, after(time.Minute))
		t.fatal("delete", err)
		equal(t, "seats", words(len(left), left[0]), words(1, store.Seat{Room: r.Room.ID, User: user, State: store.Leaving, Since: after(time.Minute)}))
		t.gone(s, user)
		_, err = s.TakeSeat(t.ctx(), r.Room.ID, user, after(time.Minute))
		t.want("take a seat", err, store.ErrNotFound)
		t.want("start a session", s.StartSession(t.ctx(), store.Session{ID: "s", User: user, ExpiresAt: after(time.Hour)}, token(1)), store.ErrNotFound)
		pending, err := s.PendingSeats(t.ctx(), after(2*time.Minute), 10)
		t.fatal("list pending", err)
		equal(t, "pending", words(len(pending), pending[0].User, pending[0].Name, pending[0].State), words(1, user, "", store.Leaving))
		gone, err := s.FinishDeletions(t.ctx(), after(time.Minute), 10)
		t.fatal("finish", err)
		equal(t, "gone while the room has not heard", gone, 0)

		c = commit(r)
		c.Unseated = []string{user}
		c.Awards = []store.Award{{User: user, Gold: 5}}
		t.commit(s, c)
		gone, err = s.FinishDeletions(t.ctx(), after(time.Minute), 10)
		t.fatal("finish", err)
		equal(t, "gone", gone, 1)
		gone, err = s.FinishDeletions(t.ctx(), after(time.Minute), 10)
		t.fatal("finish again", err)
		equal(t, "gone again", gone, 0)
		equal(t, "the other's seat", t.seat(s, r.Room.ID, stays), store.Seated)
	}},
	{"AClosedRoomLetsItGo", func(t *suite) {
		s := t.open()
		user := t.user(s)
		r := t.held(s, 4)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take", err)
		_, err = s.DeleteAccount(t.ctx(), user, after(time.Minute))
		t.fatal("delete", err)
		c := commit(r)
		c.State, c.Farewell = store.Closed, after(time.Hour)
		t.commit(s, c)
		gone, err := s.FinishDeletions(t.ctx(), after(time.Minute), 10)
		t.fatal("finish", err)
		equal(t, "gone", gone, 1)
	}},
	{"WhileItDoesOtherThings", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		for n := range 10 {
			id := identity("google", fmt.Sprint(n))
			user := t.known(stores[0], fmt.Sprintf("Mina %d", n), id)
			room := t.room(stores[0], 4, "")
			together(8, func(i int) {
				s := stores[i%2]
				switch i {
				case 0:
					if _, err := s.DeleteAccount(ctx, user, begin); err != nil {
						t.Errorf("delete: %v", err)
					}
				case 1, 2:
					_, _ = s.TakeSeat(ctx, room, user, begin)
				case 3, 4:
					_ = s.StartSession(ctx, store.Session{ID: "s", User: user, ExpiresAt: after(time.Hour)}, token(byte(n)))
				case 5, 6:
					_, _ = s.LinkIdentity(ctx, user, identity("apple", fmt.Sprint(n)), begin)
				case 7:
					about := "I am here"
					_, _ = s.ChangeProfile(ctx, user, store.Profile{About: &about})
				}
			})
			t.gone(stores[0], user)
			_, err := stores[1].Session(ctx, token(byte(n)), begin)
			t.want("its session", err, store.ErrNotFound)
			_, err = stores[1].AccountByIdentity(ctx, identity("apple", fmt.Sprint(n)))
			t.want("by its other identity", err, store.ErrNotFound)
			_, err = stores[0].FinishDeletions(ctx, begin, 10)
			t.fatal("finish", err)
			r, err := stores[0].TakeUp(ctx, room)
			t.fatal("take up", err)
			c := commit(r)
			c.State = store.Closed
			t.commit(stores[0], c)
			_, err = stores[0].FinishDeletions(ctx, begin, 10)
			t.fatal("finish", err)
			left, err := stores[0].DeleteAccount(ctx, user, begin)
			t.want(fmt.Sprint("delete again, with seats ", left), err, store.ErrNotFound)
		}
	}},
	{"WhileRoomsCommitAndOthersPay", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		const players, rooms = 8, 4
		var users []string
		for i := range players {
			users = append(users, t.known(stores[0], fmt.Sprintf("Mina %d", i), identity("google", fmt.Sprint(i))))
		}
		var held []store.Record
		for range rooms {
			r := t.held(stores[0], players)
			for _, user := range users {
				_, err := stores[0].TakeSeat(ctx, r.Room.ID, user, begin)
				t.fatal("take", err)
			}
			held = append(held, r)
		}
		together(2*players+rooms, func(i int) {
			s := stores[i%2]
			switch {
			case i < players:
				if _, err := s.DeleteAccount(ctx, users[i], after(time.Minute)); err != nil {
					t.Errorf("delete: %v", err)
				}
			case i < 2*players:
				from, to := users[i-players], users[(i+1)%players]
				for n := range 5 {
					_, err := s.Post(ctx, store.Posting{Reference: fmt.Sprint("pay/", i, "/", n), Reason: "pay", At: begin, Entries: []store.Entry{
						{Account: store.House, Item: store.Gold, Amount: -2}, {Account: from, Item: store.Gold, Amount: 1}, {Account: to, Item: store.Gold, Amount: 1},
					}})
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("pay: %v", err)
					}
				}
			default:
				r := held[i-2*players]
				for n := range users {
					c := commit(r)
					c.Seated, c.Unseated = users[n:], users[:n]
					for _, user := range users {
						c.Awards = append(c.Awards, store.Award{User: user, Exp: 1, Gold: 1})
						c.Scores = append(c.Scores, store.Score{Board: store.Board{Game: "g", Period: "all"}, User: user, Value: 1, Counts: store.Sum, At: begin})
					}
					if n%2 == 1 {
						c.State = store.Playing
					}
					if n == players-1 {
						c.State, c.Farewell = store.Closed, after(time.Hour)
					}
					if _, err := s.Commit(ctx, c); err != nil {
						t.Errorf("commit: %v", err)
					}
				}
			}
		})
		_, err := stores[0].FinishDeletions(ctx, after(time.Minute), 100)
		t.fatal("finish", err)
		for _, user := range users {
			t.gone(stores[1], user)
		}
		faults, err := stores[0].CheckLedger(ctx)
		t.fatal("check the ledger", err)
		equal(t, "faults", len(faults), 0)
	}},
}

// gone: nobody finds the account any more.
func (t *suite) gone(s store.Store, user string) {
	t.Helper()
	_, err := s.Account(t.ctx(), user)
	t.want("by id", err, store.ErrNotFound)
	_, err = s.AccountByIdentity(t.ctx(), identity("google", "123"))
	t.want("by identity", err, store.ErrNotFound)
	_, _, err = s.Credentials(t.ctx(), identity("google", "123"))
	t.want("by credentials", err, store.ErrNotFound)
	equal(t, "identities", t.platforms(s, user), "")
	about := "x"
	_, err = s.ChangeProfile(t.ctx(), user, store.Profile{About: &about})
	t.want("change", err, store.ErrNotFound)
	_, err = s.Inventory(t.ctx(), user)
	t.want("read inventory", err, store.ErrNotFound)
	_, err = s.LinkIdentity(t.ctx(), user, identity("other", "1"), begin)
	t.want("link", err, store.ErrNotFound)
	_, err = s.DeleteAccount(t.ctx(), user, begin)
	t.want("delete again", err, store.ErrNotFound)
	seats, err := s.SeatsOf(t.ctx(), user)
	t.fatal("list seats", err)
	equal(t, "seats", len(seats), 0)
}
