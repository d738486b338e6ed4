package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

// connect has users connected to a gateway, and others not any more; it returns who is elsewhere, and who is left without.
func (t *suite) connect(s store.Store, gateway string, here []string, gone ...string) string {
	t.Helper()
	var all []store.Presence
	for _, user := range here {
		all = append(all, store.Presence{User: user, Gateway: gateway, Since: begin})
	}
	elsewhere, left, err := s.KeepPresences(t.ctx(), gateway, all, gone)
	t.fatal("keep presences", err)
	slices.Sort(left)
	var parts []string
	for _, user := range slices.Sorted(maps.Keys(elsewhere)) {
		parts = append(parts, user+elsewhere[user])
	}
	return strings.Join(parts, " ") + "|" + strings.Join(left, " ")
}

func (t *suite) present(s store.Store, users ...string) string {
	t.Helper()
	found, err := s.Presences(t.ctx(), users)
	t.fatal("list presences", err)
	parts := make([]string, len(found))
	for i, p := range found {
		parts[i] = fmt.Sprintf("%s@%s", p.User, p.Gateway)
	}
	return strings.Join(parts, " ")
}

var presenceCases = []testCase{
	{"ComeAndGo", func(t *suite) {
		s, other := t.open(), t.open()
		a, b, c := t.user(s), t.user(s), t.user(s)
		room := t.room(s, 4, a)
		equal(t, "first", t.connect(s, "g1", []string{b, a}), "|")
		_, _, err := s.KeepPresences(t.ctx(), "g1", []store.Presence{{User: a, Room: room, Since: after(time.Hour)}}, nil)
		t.fatal("keep", err)
		found, err := other.Presences(t.ctx(), []string{a})
		t.fatal("list", err)
		equal(t, "in a room", words(len(found), found[0]), words(1, store.Presence{User: a, Gateway: "g1", Room: room, Game: "othello", Since: after(time.Hour)}))
		equal(t, "at another", t.connect(other, "g2", []string{a, c}, "nobody"), a+room+"|nobody")
		equal(t, "present", t.present(s, a, b, c, "nobody"), fmt.Sprintf("%[1]s@g1 %[1]s@g2 %[2]s@g1 %[3]s@g2", a, b, c))
		equal(t, "gone here", t.connect(s, "g1", nil, b, a), "|"+b)
		equal(t, "present then", t.present(s, a, b, c), fmt.Sprintf("%s@g2 %s@g2", a, c))
		gateways, err := s.Gateways(t.ctx())
		t.fatal("count", err)
		equal(t, "gateways", words(gateways), words(map[string]int{"g2": 2}))
		equal(t, "nothing", t.connect(s, "g1", nil), "|")
	}},
	{"WatchersAreFriendsWhoAreThere", func(t *suite) {
		s := t.open()
		a, b, c, d := t.user(s), t.user(s), t.user(s), t.user(s)
		for _, other := range []string{b, c, d} {
			t.friends(s, a, other)
		}
		e := t.user(s)
		t.befriend(s, a, e)
		t.connect(s, "g1", []string{a, b, c, e})
		t.connect(s, "g2", []string{b})
		watchers := func(user string, limit int) string {
			users, err := s.Watchers(t.ctx(), []string{e, user}, limit)
			t.fatal("list watchers", err)
			return strings.Join(users[user], " ")
		}
		equal(t, "a's", watchers(a, 10), b+" "+c)
		equal(t, "a's, one", watchers(a, 1), b)
		equal(t, "e's", watchers(e, 10), "")
		both, err := s.Watchers(t.ctx(), []string{b, a, "nobody", "no\x00body"}, 1)
		t.fatal("list several's", err)
		equal(t, "users", len(both), 2)
		equal(t, "b's beside a's", strings.Join(both[b], " ")+", "+strings.Join(both[a], " "), a+", "+b)
		_, err = s.Block(t.ctx(), c, a, begin)
		t.fatal("block", err)
		equal(t, "without who blocks", watchers(a, 10), b)
		yes, no := true, false
		_, _, err = s.SetContact(t.ctx(), a, &yes, nil)
		t.fatal("hide", err)
		equal(t, "of who hides", watchers(a, 10)+t.present(s, a), "")
		equal(t, "who hides watches", watchers(b, 10), a)
		_, _, err = s.SetContact(t.ctx(), a, &no, nil)
		t.fatal("show", err)
		equal(t, "then", watchers(a, 10), b)
	}},
	{"OfAGatewayThatIsGoneEachIsDroppedOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		var users []string
		for range 100 {
			users = append(users, t.user(stores[0]))
		}
		equal(t, "keep", t.connect(stores[0], "dead", users), "|")
		t.connect(stores[1], "lives", users[:10])
		var dropped, left atomic.Int64
		together(4, func(i int) {
			for range 20 {
				gone, alone, err := stores[i%2].DropPresences(t.ctx(), "dead", 10)
				if err != nil {
					t.Errorf("drop: %v", err)
				}
				dropped.Add(int64(len(gone)))
				left.Add(int64(len(alone)))
			}
		})
		equal(t, "dropped, and left without", words(dropped.Load(), left.Load()), "100 90")
		gateways, err := stores[0].Gateways(t.ctx())
		t.fatal("count", err)
		equal(t, "gateways", words(gateways), words(map[string]int{"lives": 10}))
	}},
}
