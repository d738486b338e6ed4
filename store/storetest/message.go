package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

func (t *suite) write(s store.Store, from, to, text string) uint64 {
	t.Helper()
	m, err := s.SendMessage(t.ctx(), from, to, text, begin)
	t.fatal("send message", err)
	return m.N
}

// history is what user sees of what it and other have written, and up to where user has read.
func (t *suite) history(s store.Store, user, other string, before, after uint64, limit int) string {
	t.Helper()
	some, read, err := s.Messages(t.ctx(), user, other, before, after, limit)
	t.fatal("list messages", err)
	var parts []string
	for _, m := range some {
		parts = append(parts, fmt.Sprintf("%d=%s", m.N, m.Text))
	}
	return strings.Join(parts, " ") + fmt.Sprint(" read ", read)
}

var messageCases = []testCase{
	{"BothSeeOneOrder", func(t *suite) {
		s, other := t.open(), t.open()
		a, b := t.user(s), t.user(s)
		t.friends(s, a, b)
		m, err := s.SendMessage(t.ctx(), b, a, "one", begin)
		t.fatal("send", err)
		equal(t, "message", m, store.Message{N: 1, From: b, Text: "one", At: begin})
		t.write(other, a, b, "two")
		t.write(s, a, b, "three")
		for _, who := range [][2]string{{a, b}, {b, a}} {
			equal(t, "all", t.history(other, who[0], who[1], 0, 0, 10), "1=one 2=two 3=three read 0")
			equal(t, "last", t.history(s, who[0], who[1], 0, 0, 2), "2=two 3=three read 0")
			equal(t, "before", t.history(s, who[0], who[1], 3, 0, 1), "2=two read 0")
			equal(t, "after", t.history(s, who[0], who[1], 0, 1, 1), "2=two read 0")
			equal(t, "after the last", t.history(s, who[0], who[1], 0, 3, 10), " read 0")
			equal(t, "before the first", t.history(s, who[0], who[1], 1, 0, 10), " read 0")
		}
		some, _, err := s.Messages(t.ctx(), a, b, 0, 1, 1)
		t.fatal("list", err)
		equal(t, "whole", some[0], store.Message{N: 2, From: a, Text: "two", At: begin})
		equal(t, "with nobody", t.history(s, a, "nobody", 0, 0, 10), " read 0")
	}},
	{"WhoMayWrite", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		refused := func(what string, want error) {
			t.Helper()
			_, err := s.SendMessage(t.ctx(), a, b, "x", begin)
			t.want(what, err, want)
		}
		refused("strangers", store.ErrBlocked)
		t.befriend(s, a, b)
		refused("who has asked", store.ErrBlocked)
		t.befriend(s, b, a)
		refused("friends", nil)
		_, err := s.Unfriend(t.ctx(), a, b)
		t.fatal("unfriend", err)
		refused("friends no more", store.ErrBlocked)
		yes := true
		_, _, err = s.SetContact(t.ctx(), a, nil, &yes)
		t.fatal("let strangers write", err)
		refused("by who lets strangers write", store.ErrBlocked)
		_, _, err = s.SetContact(t.ctx(), b, nil, &yes)
		t.fatal("let strangers write", err)
		refused("to who lets strangers write", nil)
		_, err = s.Block(t.ctx(), b, a, begin)
		t.fatal("block", err)
		refused("who is blocked", store.ErrBlocked)
		t.fatal("unblock", s.Unblock(t.ctx(), b, a))
		_, err = s.Block(t.ctx(), a, b, begin)
		t.fatal("block", err)
		refused("who blocks", store.ErrBlocked)
		for _, to := range []string{"nobody", "\x00", a} {
			_, err = s.SendMessage(t.ctx(), a, to, "x", begin)
			t.want("to "+to, err, store.ErrNotFound)
		}
	}},
	{"OfManyAtOnceAllAreKeptInOneOrder", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		a, b := t.user(stores[0]), t.user(stores[0])
		t.friends(stores[0], a, b)
		var mu sync.Mutex
		sent := map[uint64]string{}
		together(20, func(i int) {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			for j := range 3 {
				text := fmt.Sprint(i, "-", j)
				m, err := stores[i/2%2].SendMessage(t.ctx(), from, to, text, begin)
				if err != nil {
					t.Errorf("send: %v", err)
				}
				mu.Lock()
				sent[m.N] = text
				mu.Unlock()
			}
		})
		some, _, err := stores[0].Messages(t.ctx(), a, b, 0, 0, 100)
		t.fatal("list", err)
		equal(t, "kept", len(some), 60)
		for i, m := range some {
			equal(t, "message", words(m.N, m.Text), words(i+1, sent[uint64(i+1)]))
		}
	}},
	{"TheNewestAreKept", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.friends(s, a, b)
		for i := range store.MaxMessages + 2 {
			t.write(s, a, b, fmt.Sprint(i+1))
		}
		equal(t, "first", t.history(s, b, a, 0, 1, 1), "3=3 read 0")
		equal(t, "last", t.history(s, b, a, 0, 0, 1), fmt.Sprintf("%[1]d=%[1]d read 0", store.MaxMessages+2))
	}},
	{"ReadIsMarkedForward", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		_, err := s.MarkRead(t.ctx(), a, b, 1)
		t.want("nothing", err, store.ErrNotFound)
		t.friends(s, a, b)
		for _, text := range []string{"one", "two", "three"} {
			t.write(s, b, a, text)
		}
		unread := func(user string) string {
			all, _, err := s.Talks(t.ctx(), user, "", 10)
			t.fatal("list talks", err)
			return words(len(all), all[0].Read, all[0].Unread)
		}
		equal(t, "unread", unread(a)+"; "+unread(b), "1 0 3; 1 0 0")
		for _, c := range []struct{ n, want uint64 }{{2, 2}, {1, 2}, {100, 3}} {
			read, err := s.MarkRead(t.ctx(), a, b, c.n)
			t.fatal("mark", err)
			equal(t, "read", read, c.want)
		}
		equal(t, "then", unread(a), "1 3 0")
		equal(t, "in the history", t.history(s, a, b, 0, 2, 10)+t.history(s, b, a, 0, 3, 10), "3=three read 3 read 0")
		t.write(s, b, a, "four")
		t.write(s, a, b, "five")
		equal(t, "one more", unread(a), "1 3 1")
	}},
	{"CopiesAreThrownAway", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.friends(s, a, b)
		for i := range 4 {
			t.write(s, a, b, fmt.Sprint(i+1))
		}
		t.fatal("drop 2", s.DropMessage(t.ctx(), a, b, 2))
		t.want("drop 2 again", s.DropMessage(t.ctx(), a, b, 2), store.ErrNotFound)
		t.want("drop what is not there", s.DropMessage(t.ctx(), a, b, 9), store.ErrNotFound)
		t.want("drop nobody's", s.DropMessage(t.ctx(), a, "nobody", 1), store.ErrNotFound)
		equal(t, "a's", t.history(s, a, b, 0, 0, 10), "1=1 3=3 4=4 read 0")
		equal(t, "b's", t.history(s, b, a, 0, 0, 10), "1=1 2=2 3=3 4=4 read 0")
		t.fatal("drop 2 by b", s.DropMessage(t.ctx(), b, a, 2))
		equal(t, "b's then", t.history(s, b, a, 0, 0, 10), "1=1 3=3 4=4 read 0")
		t.fatal("drop 4", s.DropMessage(t.ctx(), b, a, 4))
		talks := func(user string) string {
			all, _, err := s.Talks(t.ctx(), user, "", 10)
			t.fatal("list talks", err)
			var parts []any
			for _, k := range all {
				parts = append(parts, k.User, k.Last.N, k.Last.Text, k.Unread)
			}
			return words(parts...)
		}
		equal(t, "talks", talks(a)+"; "+talks(b), words(b, 4, 4, 0)+"; "+words(a, 0, "", 2))
		t.fatal("drop all", s.DropTalk(t.ctx(), a, b))
		equal(t, "all gone", t.history(s, a, b, 0, 0, 10)+talks(a), " read 0")
		t.want("drop 1", s.DropMessage(t.ctx(), a, b, 1), store.ErrNotFound)
		equal(t, "b's still", t.history(s, b, a, 0, 0, 10), "1=1 3=3 read 0")
		t.write(s, b, a, "5")
		equal(t, "a new one", t.history(s, a, b, 0, 0, 10)+"; "+talks(a), "5=5 read 0; "+words(b, 5, 5, 1))
		t.fatal("drop all by b", s.DropTalk(t.ctx(), b, a))
		equal(t, "a's stays", t.history(s, a, b, 0, 0, 10), "5=5 read 0")
		t.fatal("drop nobody's", s.DropTalk(t.ctx(), a, "nobody"))
	}},
	{"TalksAreListedNewestFirst", func(t *suite) {
		s := t.open()
		a := t.user(s)
		var others []string
		for i := range 5 {
			b := t.user(s)
			t.friends(s, a, b)
			_, err := s.SendMessage(t.ctx(), b, a, "x", after(time.Duration(i/2)*time.Minute)) // two at one time
			t.fatal("send", err)
			others = append(others, b)
		}
		var got []any
		cursor := ""
		for {
			page, next, err := s.Talks(t.ctx(), a, cursor, 2)
			t.fatal("list", err)
			for _, k := range page {
				got = append(got, k.User)
			}
			if next == "" {
				break
			}
			cursor = next
		}
		equal(t, "order", words(got...), words(others[4], others[3], others[2], others[1], others[0]))
		for _, cursor := range []string{"x", "1", "x.y", "1.\x00"} {
			_, _, err := s.Talks(t.ctx(), a, cursor, 2)
			t.want("cursor "+cursor, err, store.ErrNotFound)
		}
		_, err := s.DeleteAccount(t.ctx(), others[4], begin)
		t.fatal("delete", err)
		page, _, err := s.Talks(t.ctx(), a, "", 10)
		t.fatal("list", err)
		equal(t, "without who is gone", words(len(page), t.history(s, a, others[4], 0, 0, 10)), words(4, " read 0"))
	}},
}
