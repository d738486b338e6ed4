package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

var accountCases = []testCase{
	{"KeepsEveryField", func(t *suite) {
		s := t.open()
		a := store.Account{ID: "u1", Name: "밤나무", Guest: true, Exp: 250, Gold: -3, Win: 4, Lose: 5, Draw: 6, CreatedAt: begin}
		made, created, err := s.CreateAccount(t.ctx(), a, store.Identity{Platform: "guest", Subject: "aa"})
		t.fatal("create", err)
		equal(t, "created", created, true)
		a.Level = 3 // one for every 100 exp
		equal(t, "made", made, a)
		got, err := s.Account(t.ctx(), "u1")
		t.fatal("find", err)
		equal(t, "by id", got, a)
		got, err = s.AccountByIdentity(t.ctx(), store.Identity{Platform: "guest", Subject: "aa"})
		t.fatal("find", err)
		equal(t, "by identity", got, a)
	}},
	{"LevelBeginsAtOne", func(t *suite) {
		s := t.open()
		a, err := s.Account(t.ctx(), t.user(s))
		t.fatal("find", err)
		equal(t, "level", a.Level, 1)
	}},
	{"UnknownIsNotFound", func(t *suite) {
		s := t.open()
		t.user(s) // has no identity
		_, err := s.Account(t.ctx(), "nobody")
		t.want("by id", err, store.ErrNotFound)
		_, err = s.AccountByIdentity(t.ctx(), store.Identity{Platform: "guest", Subject: "nobody"})
		t.want("by identity", err, store.ErrNotFound)
		_, err = s.AccountByIdentity(t.ctx(), store.Identity{Platform: "guest"})
		t.want("by no identity", err, store.ErrNotFound)
	}},
	{"NamesAreUniqueWithoutRegardToCase", func(t *suite) {
		s := t.open()
		for i, name := range []string{"Hana", "Straße", "ΣΊΣΥΦΟΣ", "Éva", "Иван", "ｗide"} {
			_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: fmt.Sprintf("u%d", i), Name: name, CreatedAt: begin}, store.Identity{})
			t.fatal("create "+name, err)
		}
		for _, name := range []string{"hANA", "HANA", "STRASSE", "strasse", "σίσυφος", "σίσυφοσ", "E\u0301VA", "éva", "иВАН", "WIDE"} {
			_, created, err := s.CreateAccount(t.ctx(), store.Account{ID: "other", Name: name, CreatedAt: begin}, store.Identity{})
			t.want("create "+name, err, store.ErrNameTaken)
			equal(t, "created", created, false)
		}
		_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: "other", Name: "Hanna", CreatedAt: begin}, store.Identity{})
		t.fatal("create another name", err)
	}},
	{"TakenNameLeavesNothingBehind", func(t *suite) {
		s := t.open()
		t.user(s)
		id := store.Identity{Platform: "guest", Subject: "aa"}
		_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: "u9", Name: "player 1", CreatedAt: begin}, id)
		t.want("create", err, store.ErrNameTaken)
		_, err = s.Account(t.ctx(), "u9")
		t.want("by id", err, store.ErrNotFound)
		_, err = s.AccountByIdentity(t.ctx(), id)
		t.want("by identity", err, store.ErrNotFound)
	}},
	{"KnownIdentityGivesItsAccount", func(t *suite) {
		s := t.open()
		id := store.Identity{Platform: "guest", Subject: "aa"}
		first, _, err := s.CreateAccount(t.ctx(), store.Account{ID: "u1", Name: "Hana", CreatedAt: begin}, id)
		t.fatal("create", err)
		for _, name := range []string{"Hana", "hana", "Another"} {
			got, created, err := s.CreateAccount(t.ctx(), store.Account{ID: "u2", Name: name, CreatedAt: after(time.Hour)}, id)
			t.fatal("create again as "+name, err)
			equal(t, "created", created, false)
			equal(t, "account", got, first)
		}
		_, created, err := s.CreateAccount(t.ctx(), store.Account{ID: "u3", Name: "Bora", CreatedAt: begin}, store.Identity{Platform: "other", Subject: "aa"})
		t.fatal("create on another platform", err)
		equal(t, "created on another platform", created, true)
	}},
	{"OneIdentityAtOnceMakesOneAccount", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx, id := t.ctx(), store.Identity{Platform: "guest", Subject: "aa"}
		var mu sync.Mutex
		created, accounts := 0, map[string]bool{}
		together(40, func(i int) {
			name := "Hana"
			if i%4 < 2 {
				name = fmt.Sprintf("Hana %d", i)
			}
			a, new, err := stores[i%2].CreateAccount(ctx, store.Account{ID: fmt.Sprintf("u%d", i), Name: name, CreatedAt: begin}, id)
			if err != nil {
				t.Errorf("create: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			accounts[a.ID] = true
			if new {
				created++
			}
		})
		equal(t, "created", created, 1)
		equal(t, "different accounts", len(accounts), 1)
	}},
	{"OneNameAtOnceGoesToOne", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		var mu sync.Mutex
		made := 0
		together(40, func(i int) {
			_, _, err := stores[i%2].CreateAccount(ctx, store.Account{ID: fmt.Sprintf("u%d", i), Name: "Hana", CreatedAt: begin},
				store.Identity{Platform: "guest", Subject: fmt.Sprint(i)})
			switch {
			case err == nil:
				mu.Lock()
				made++
				mu.Unlock()
			case !errors.Is(err, store.ErrNameTaken):
				t.Errorf("create: got error %v, want %v", err, store.ErrNameTaken)
			}
		})
		equal(t, "made", made, 1)
	}},
}

var sessionCases = []testCase{
	{"KeepsASession", func(t *suite) {
		s := t.open()
		user := t.user(s)
		want := store.Session{ID: "s1", User: user, Name: "Player 1", ExpiresAt: after(time.Hour)}
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s1", User: user, ExpiresAt: after(time.Hour)}, token(1)))
		got, err := s.Session(t.ctx(), token(1), begin)
		later, errLater := s.Session(t.ctx(), token(1), begin)
		t.fatal("find again", errLater)
		if got.FoundAt.IsZero() || later.FoundAt.Before(got.FoundAt) || later.FoundAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("found at %v, and then at %v", got.FoundAt, later.FoundAt)
		}
		got.FoundAt = time.Time{}
		t.fatal("find", err)
		equal(t, "session", got, want)
		_, err = s.Session(t.ctx(), token(2), begin)
		t.want("another token", err, store.ErrNotFound)
	}},
	{"ManyWhoAskAtOnceEachGetTheirOwn", func(t *suite) {
		s := t.open()
		const n = 100
		var users [n]string
		var rooms [n]string
		for i := range n {
			users[i], rooms[i] = t.user(s), t.room(s, 2, "")
			if i%3 != 0 {
				start := store.Session{ID: fmt.Sprint("s", i), User: users[i], ExpiresAt: after(time.Duration(1+i) * time.Minute)}
				t.fatal("start", s.StartSession(t.ctx(), start, token(byte(i))))
				_, err := s.TakeSeat(t.ctx(), rooms[i], users[i], begin)
				t.fatal("take", err)
			}
		}
		late := 50 * time.Minute
		var asking sync.WaitGroup
		for i := range n {
			for range 3 { // who asks for the same gets the same
				asking.Go(func() {
					got, err := s.Session(t.ctx(), token(byte(i)), after(late))
					switch live := i%3 != 0 && time.Duration(1+i)*time.Minute > late; {
					case live && (err != nil || got.User != users[i] || got.ID != fmt.Sprint("s", i)):
						t.Errorf("session %d: got %+v, error %v", i, got, err)
					case !live:
						t.want("a session that is none", err, store.ErrNotFound)
					}
					seat, err := s.Seat(t.ctx(), rooms[i], users[i])
					switch {
					case i%3 != 0 && (err != nil || seat.Room != rooms[i] || seat.User != users[i]):
						t.Errorf("seat %d: got %+v, error %v", i, seat, err)
					case i%3 == 0:
						t.want("a seat that is none", err, store.ErrNotFound)
					}
					_, err = s.Seat(t.ctx(), rooms[(i+1)%n], users[i])
					t.want("a seat elsewhere", err, store.ErrNotFound)
				})
			}
		}
		asking.Wait()
	}},
	{"ASessionExpires", func(t *suite) {
		s := t.open()
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s1", User: t.user(s), ExpiresAt: after(time.Hour)}, token(1)))
		_, err := s.Session(t.ctx(), token(1), after(time.Hour-time.Microsecond))
		t.fatal("find just before", err)
		_, err = s.Session(t.ctx(), token(1), after(time.Hour))
		t.want("at the end", err, store.ErrNotFound)
	}},
	{"ANewSessionEndsTheOlder", func(t *suite) {
		s, other := t.open(), t.open()
		user, stranger := t.user(s), t.user(s)
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "x", User: stranger, ExpiresAt: after(time.Hour)}, token(9)))
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s1", User: user, ExpiresAt: after(time.Hour)}, token(1)))
		t.fatal("start again", s.StartSession(t.ctx(), store.Session{ID: "s2", User: user, ExpiresAt: after(2 * time.Hour)}, token(2)))
		_, err := other.Session(t.ctx(), token(1), begin)
		t.want("the older one", err, store.ErrNotFound)
		got, err := other.Session(t.ctx(), token(2), begin)
		t.fatal("find the newer one", err)
		equal(t, "session", got.ID, "s2")
		_, err = s.Session(t.ctx(), token(9), begin)
		t.fatal("find the stranger's", err)
	}},
	{"ASessionIsExtended", func(t *suite) {
		s := t.open()
		user := t.user(s)
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s1", User: user, ExpiresAt: after(time.Hour)}, token(1)))
		t.fatal("extend", s.ExtendSession(t.ctx(), user, "s1", after(2*time.Hour)))
		got, err := s.Session(t.ctx(), token(1), after(time.Hour))
		t.fatal("find", err)
		equal(t, "end", got.ExpiresAt, after(2*time.Hour))
		t.want("extend an older one", s.ExtendSession(t.ctx(), user, "s0", after(3*time.Hour)), store.ErrNotFound)
		t.want("extend another's", s.ExtendSession(t.ctx(), t.user(s), "s1", after(3*time.Hour)), store.ErrNotFound)
		_, err = s.Session(t.ctx(), token(1), after(2*time.Hour))
		t.want("at the new end", err, store.ErrNotFound)
	}},
	{"EndsOnlyTheSessionNamed", func(t *suite) {
		s := t.open()
		user := t.user(s)
		t.fatal("start", s.StartSession(t.ctx(), store.Session{ID: "s2", User: user, ExpiresAt: after(time.Hour)}, token(2)))
		t.fatal("end an older one", s.EndSession(t.ctx(), user, "s1"))
		_, err := s.Session(t.ctx(), token(2), begin)
		t.fatal("find", err)
		t.fatal("end", s.EndSession(t.ctx(), user, "s2"))
		_, err = s.Session(t.ctx(), token(2), begin)
		t.want("after the end", err, store.ErrNotFound)
		t.fatal("end again", s.EndSession(t.ctx(), user, "s2"))
	}},
	{"NoUserNoSession", func(t *suite) {
		s := t.open()
		err := s.StartSession(t.ctx(), store.Session{ID: "s1", User: "nobody", ExpiresAt: after(time.Hour)}, token(1))
		t.want("start", err, store.ErrNotFound)
	}},
	{"ManyAtOnceLeaveOne", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		user, ctx := t.user(stores[0]), t.ctx()
		together(20, func(i int) {
			err := stores[i%2].StartSession(ctx, store.Session{ID: fmt.Sprint(i), User: user, ExpiresAt: after(time.Hour)}, token(byte(i)))
			if err != nil {
				t.Errorf("start: %v", err)
			}
		})
		alive := 0
		for i := range 20 {
			if _, err := stores[0].Session(ctx, token(byte(i)), begin); err == nil {
				alive++
			}
		}
		equal(t, "living sessions", alive, 1)
	}},
}

func token(n byte) store.TokenHash { return store.TokenHash{0: n, 31: 0xff} }
