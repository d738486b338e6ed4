package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

// between is how two users stand to each other.
func (t *suite) between(s store.Store, a, b string) string {
	t.Helper()
	side := func(user, other string) store.Relation {
		all, _, err := s.Relations(t.ctx(), user, store.Stranger, "", 100)
		t.fatal("list relations", err)
		for _, o := range all {
			if o.User == other {
				return o.Relation
			}
		}
		return "-"
	}
	return words(side(a, b), side(b, a))
}

func (t *suite) befriend(s store.Store, a, b string) {
	t.Helper()
	_, _, err := s.Befriend(t.ctx(), a, b, false, begin)
	t.fatal("befriend", err)
}

func (t *suite) friends(s store.Store, a, b string) {
	t.Helper()
	t.befriend(s, a, b)
	t.befriend(s, b, a)
	equal(t, "between friends", t.between(s, a, b), "friends friends")
}

var friendCases = []testCase{
	{"AskAndAgree", func(t *suite) {
		s, other := t.open(), t.open()
		a, b := t.user(s), t.user(s)
		_, _, err := s.Befriend(t.ctx(), b, a, true, begin)
		t.want("agree to nothing", err, store.ErrNotFound)
		r, changed, err := s.Befriend(t.ctx(), a, b, false, begin)
		t.fatal("ask", err)
		equal(t, "asked", words(r, changed), words(store.Related{User: b, Name: "Player 2", Relation: store.Asked, Since: begin}, true))
		equal(t, "between", t.between(other, a, b), "asked asking")
		r, changed, err = other.Befriend(t.ctx(), a, b, false, after(time.Hour))
		t.fatal("ask again", err)
		equal(t, "asked again", words(r.Relation, r.Since, changed), words(store.Asked, begin, false))
		_, _, err = other.Befriend(t.ctx(), a, b, true, begin)
		t.want("agree to one's own request", err, store.ErrNotFound)
		r, changed, err = other.Befriend(t.ctx(), b, a, true, after(time.Hour))
		t.fatal("agree", err)
		equal(t, "agreed", words(r, changed), words(store.Related{User: a, Name: "Player 1", Relation: store.Friend, Since: after(time.Hour)}, true))
		equal(t, "between", t.between(s, a, b), "friends friends")
		for _, agree := range []bool{true, false} {
			r, changed, err = s.Befriend(t.ctx(), a, b, agree, after(2*time.Hour))
			t.fatal("befriend again", err)
			equal(t, "as it was", words(r.Relation, r.Since, changed), words(store.Friend, after(time.Hour), false))
		}
		was, err := s.Unfriend(t.ctx(), b, a)
		t.fatal("unfriend", err)
		equal(t, "was", was, store.Friend)
		was, err = s.Unfriend(t.ctx(), a, b)
		t.fatal("unfriend again", err)
		equal(t, "was then", was, store.Stranger)
		equal(t, "between", t.between(s, a, b), "- -")
	}},
	{"RequestsThatCrossMakeFriends", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		for range 10 {
			a, b := t.user(stores[0]), t.user(stores[0])
			together(4, func(i int) {
				from, to := a, b
				if i%2 == 1 {
					from, to = b, a
				}
				if _, _, err := stores[i%2].Befriend(t.ctx(), from, to, false, begin); err != nil {
					t.Errorf("befriend: %v", err)
				}
			})
			equal(t, "between", t.between(stores[0], a, b), "friends friends")
		}
	}},
	{"RequestsAreTakenBackAndDeclined", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		for _, who := range [][2]string{{a, b}, {b, a}} {
			t.befriend(s, a, b)
			was, err := s.Unfriend(t.ctx(), who[0], who[1])
			t.fatal("unfriend", err)
			equal(t, "was", was, map[string]store.Relation{a: store.Asked, b: store.Asking}[who[0]])
			equal(t, "between", t.between(s, a, b), "- -")
		}
	}},
	{"ABlockEndsAllAndLetsNothingCome", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.friends(s, a, b)
		was, err := s.Block(t.ctx(), a, b, begin)
		t.fatal("block", err)
		equal(t, "was", words(was, t.between(s, a, b)), "friends blocked -")
		for _, who := range [][2]string{{a, b}, {b, a}} {
			for _, agree := range []bool{false, true} {
				_, _, err = s.Befriend(t.ctx(), who[0], who[1], agree, begin)
				t.want("befriend", err, store.ErrBlocked)
			}
			blocked, err := s.Blocked(t.ctx(), who[0], who[1])
			t.fatal("look", err)
			equal(t, "blocked", blocked, true)
			was, err := s.Unfriend(t.ctx(), who[0], who[1])
			t.fatal("unfriend", err)
			equal(t, "unfriend was", was, store.Stranger)
		}
		_, err = s.Block(t.ctx(), b, a, begin)
		t.fatal("block back", err)
		equal(t, "both", t.between(s, a, b), "blocked blocked")
		was, err = s.Block(t.ctx(), b, a, after(time.Hour))
		t.fatal("block again", err)
		equal(t, "was", was, store.Blocking)
		t.fatal("unblock", s.Unblock(t.ctx(), a, b))
		t.fatal("unblock again", s.Unblock(t.ctx(), a, b))
		equal(t, "one", t.between(s, a, b), "- blocked")
		_, _, err = s.Befriend(t.ctx(), a, b, false, begin)
		t.want("befriend who blocks", err, store.ErrBlocked)
		t.fatal("unblock", s.Unblock(t.ctx(), b, a))
		blocked, err := s.Blocked(t.ctx(), a, b)
		t.fatal("look", err)
		equal(t, "blocked", blocked, false)
		t.befriend(s, a, b)
		_, err = s.Block(t.ctx(), b, a, begin)
		t.fatal("block who asks", err)
		equal(t, "who asked", t.between(s, a, b), "- blocked")
	}},
	{"ManyAtOnceLeaveBothSidesAlike", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		users := []string{t.user(stores[0]), t.user(stores[0]), t.user(stores[0])}
		together(12, func(i int) {
			s, a, b := stores[i%2], users[i%3], users[(i+1+i/6)%3]
			if a == b {
				b = users[(i+2)%3]
			}
			for j := range 4 {
				var err error
				switch (i + j) % 4 {
				case 0, 1:
					_, _, err = s.Befriend(t.ctx(), a, b, false, begin)
				case 2:
					_, err = s.Unfriend(t.ctx(), a, b)
				case 3:
					if _, err = s.Block(t.ctx(), a, b, begin); err == nil {
						err = s.Unblock(t.ctx(), a, b)
					}
				}
				if err != nil && !strings.Contains(err.Error(), store.ErrBlocked.Error()) {
					t.Errorf("change: %v", err)
				}
			}
		})
		for i, a := range users {
			for _, b := range users[i+1:] {
				got := t.between(stores[0], a, b)
				if !slices.Contains([]string{"- -", "friends friends", "asked asking", "asking asked"}, got) {
					t.Errorf("between: got %s", got)
				}
			}
		}
	}},
	{"Bounds", func(t *suite) {
		s := t.open()
		a := t.user(s)
		for range store.MaxAsked {
			t.befriend(s, a, t.user(s))
		}
		b := t.user(s)
		_, _, err := s.Befriend(t.ctx(), a, b, false, begin)
		t.want("one request more", err, store.ErrTooMany)
		for range store.MaxAsking {
			t.befriend(s, t.user(s), b)
		}
		_, _, err = s.Befriend(t.ctx(), t.user(s), b, false, begin)
		t.want("one request more of others", err, store.ErrTooMany)
		t.befriend(s, b, a) // the other way round there is room
		_, _, err = s.Befriend(t.ctx(), a, b, true, begin)
		t.fatal("agree", err)
	}},
	{"Pages", func(t *suite) {
		s := t.open()
		a := t.user(s)
		var want []string
		for i := range 7 {
			b := t.user(s)
			switch i % 3 {
			case 0:
				t.friends(s, a, b)
			case 1:
				t.befriend(s, b, a)
			case 2:
				_, err := s.Block(t.ctx(), a, b, begin)
				t.fatal("block", err)
			}
			want = append(want, b)
		}
		list := func(r store.Relation, limit int) string {
			var got []string
			cursor := ""
			for {
				page, next, err := s.Relations(t.ctx(), a, r, cursor, limit)
				t.fatal("list", err)
				for _, o := range page {
					got = append(got, fmt.Sprint(slices.Index(want, o.User), o.Relation))
				}
				if next == "" {
					return strings.Join(got, " ")
				}
				cursor = next
			}
		}
		equal(t, "all by twos", list(store.Stranger, 2), "0friends 1asking 2blocked 3friends 4asking 5blocked 6friends")
		equal(t, "friends", list(store.Friend, 2), "0friends 3friends 6friends")
		equal(t, "blocked", list(store.Blocking, 100), "2blocked 5blocked")
		equal(t, "asked", list(store.Asked, 1), "")
		_, _, err := s.Relations(t.ctx(), a, "", "\x00", 10)
		t.want("malformed cursor", err, store.ErrNotFound)
	}},
	{"WhoDoesNotExist", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.known(s, "Mina", identity("google", "1"))
		t.friends(s, a, b)
		id, err := s.UserNamed(t.ctx(), "mINA")
		t.fatal("find", err)
		equal(t, "named", id, b)
		_, err = s.DeleteAccount(t.ctx(), b, begin)
		t.fatal("delete", err)
		equal(t, "between", t.between(s, a, b), "- -")
		for _, other := range []string{b, "nobody", "\x00", a} {
			_, _, err = s.Befriend(t.ctx(), a, other, false, begin)
			t.want("befriend "+other, err, store.ErrNotFound)
			_, err = s.Block(t.ctx(), a, other, begin)
			t.want("block "+other, err, store.ErrNotFound)
			_, err = s.Unfriend(t.ctx(), a, other)
			t.want("unfriend "+other, err, store.ErrNotFound)
		}
		for _, name := range []string{"Mina", "\x00", ""} {
			_, err = s.UserNamed(t.ctx(), name)
			t.want("find "+name, err, store.ErrNotFound)
		}
	}},
}

var contactCases = []testCase{
	{"IsKept", func(t *suite) {
		s := t.open()
		a := t.user(s)
		c, err := s.Contact(t.ctx(), a)
		t.fatal("read", err)
		equal(t, "before", c, store.Contact{})
		yes, no := true, false
		was, is, err := s.SetContact(t.ctx(), a, &yes, nil)
		t.fatal("set", err)
		equal(t, "hidden", words(was, is), words(store.Contact{}, store.Contact{Hidden: true}))
		_, is, err = s.SetContact(t.ctx(), a, nil, &yes)
		t.fatal("set", err)
		equal(t, "both", is, store.Contact{Hidden: true, Strangers: true})
		was, _, err = s.SetContact(t.ctx(), a, &no, nil)
		t.fatal("set", err)
		equal(t, "was", was, store.Contact{Hidden: true, Strangers: true})
		c, err = t.open().Contact(t.ctx(), a)
		t.fatal("read", err)
		equal(t, "then", c, store.Contact{Strangers: true})
		_, _, err = s.SetContact(t.ctx(), "nobody", &yes, nil)
		t.want("nobody's", err, store.ErrNotFound)
		c, err = s.Contact(t.ctx(), "\x00")
		t.fatal("read nobody's", err)
		equal(t, "nobody's", c, store.Contact{})
	}},
	{"TurnsAreTakenOverAllProcesses", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		a := t.user(stores[0])
		turn := func(i int, at time.Duration) time.Duration {
			wait, err := stores[i%2].TakeTurn(t.ctx(), a, after(at), time.Second, 3)
			t.fatal("take turn", err)
			return wait
		}
		equal(t, "at once", words(turn(0, 0), turn(1, 0), turn(0, 0), turn(1, 0), turn(0, 500*time.Millisecond)), "0s 0s 0s 1s 500ms")
		equal(t, "later", words(turn(1, time.Second), turn(1, time.Second)), "0s 1s")
		equal(t, "at rest", words(turn(0, time.Hour), turn(1, time.Hour), turn(0, time.Hour), turn(1, time.Hour)), "0s 0s 0s 1s")
		_, err := stores[0].TakeTurn(t.ctx(), "nobody", begin, time.Second, 3)
		t.want("nobody's", err, store.ErrNotFound)
		b := t.user(stores[0])
		taken := make(chan bool, 40)
		together(40, func(i int) {
			wait, err := stores[i%2].TakeTurn(t.ctx(), b, begin, time.Second, 7)
			if err != nil {
				t.Errorf("take turn: %v", err)
			}
			if wait == 0 {
				taken <- true
			}
		})
		equal(t, "of many at once", len(taken), 7)
	}},
}
