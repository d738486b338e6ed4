package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

func audited(actor, action, user, target string) store.AuditEntry {
	return store.AuditEntry{At: begin, Actor: actor, Action: action, User: user, Target: target, Params: []byte(`{"a":1}`),
		Reason: "because of " + user, Request: "r1"}
}

// audit are the numbers of all entries that the filter chooses, by pages of so many.
func (t *suite) audit(s store.Store, f store.AuditFilter, limit int) (numbers []int64, all []store.AuditEntry) {
	t.Helper()
	for cursor := ""; ; {
		page, next, err := s.Audit(t.ctx(), f, cursor, limit)
		t.fatal("audit", err)
		if len(page) > limit {
			t.Fatalf("got %d entries of %d", len(page), limit)
		}
		for _, e := range page {
			numbers = append(numbers, e.N)
		}
		all = append(all, page...)
		if cursor = next; cursor == "" {
			return numbers, all
		}
	}
}

var trailCases = []testCase{
	{"WhatWasDoneIsListedNewestFirst", func(t *suite) {
		s := t.open()
		var kept []store.AuditEntry
		for i := range 6 {
			e := audited(fmt.Sprint("key", i%2), fmt.Sprint("action", i%3), fmt.Sprint("user", i%2), fmt.Sprint("room", i/3))
			e.At = after(time.Duration(i) * time.Second)
			t.fatal("keep", s.KeepAudit(t.ctx(), e))
			kept = append(kept, e)
		}
		for limit := 1; limit < 8; limit++ {
			_, all := t.audit(s, store.AuditFilter{}, limit)
			if len(all) != len(kept) {
				t.Fatalf("pages of %d: got %d entries, want %d", limit, len(all), len(kept))
			}
			for i, got := range slices.Backward(all) {
				want := kept[len(kept)-1-i]
				want.N = got.N
				if fmt.Sprint(got) != fmt.Sprint(want) || got.N < 1 {
					t.Errorf("entry %d: got %+v, want %+v", i, got, want)
				}
			}
		}
		numbers, _ := t.audit(s, store.AuditFilter{}, 100)
		slices.Reverse(numbers)
		if !slices.IsSorted(numbers) {
			t.Errorf("got numbers %v, want rising ones", numbers)
		}
		for _, c := range []struct {
			filter store.AuditFilter
			want   []int // the entries, oldest first
		}{
			{store.AuditFilter{Actor: "key1"}, []int{1, 3, 5}},
			{store.AuditFilter{Action: "action2"}, []int{2, 5}},
			{store.AuditFilter{User: "user0"}, []int{0, 2, 4}},
			{store.AuditFilter{Target: "room1"}, []int{3, 4, 5}},
			{store.AuditFilter{From: after(2 * time.Second), To: after(4 * time.Second)}, []int{2, 3}},
			{store.AuditFilter{User: "user0", Target: "room1", Actor: "key0", Action: "action1", From: begin, To: after(time.Hour)}, []int{4}},
			{store.AuditFilter{User: "nobody"}, nil},
			{store.AuditFilter{User: "\x00"}, nil},
			{store.AuditFilter{Actor: "\xff"}, nil},
		} {
			var want []int64
			for _, i := range c.want {
				want = append([]int64{numbers[i]}, want...)
			}
			if got, _ := t.audit(s, c.filter, 2); !slices.Equal(got, want) {
				t.Errorf("%+v: got %v, want %v", c.filter, got, want)
			}
		}
		for _, cursor := range []string{"x", "0", "-1", "1.5", "99999999999999999999", "\x00"} {
			_, _, err := s.Audit(t.ctx(), store.AuditFilter{}, cursor, 10)
			t.want("cursor "+cursor, err, store.ErrNotFound)
		}
	}},
	{"EntriesAreBounded", func(t *suite) {
		s := t.open()
		for name, change := range map[string]func(*store.AuditEntry){
			"nobody":        func(e *store.AuditEntry) { e.Actor = "" },
			"nothing":       func(e *store.AuditEntry) { e.Action = "" },
			"long word":     func(e *store.AuditEntry) { e.Target = strings.Repeat("x", store.MaxAuditWord+1) },
			"zero byte":     func(e *store.AuditEntry) { e.Request = "\x00" },
			"no UTF-8":      func(e *store.AuditEntry) { e.Reason = "\xff" },
			"long reason":   func(e *store.AuditEntry) { e.Reason = strings.Repeat("x", store.MaxAuditReason+1) },
			"params":        func(e *store.AuditEntry) { e.Params = []byte("{") },
			"no params":     func(e *store.AuditEntry) { e.Params = nil },
			"large params":  func(e *store.AuditEntry) { e.Params = []byte(`"` + strings.Repeat("x", store.MaxAuditParams) + `"`) },
			"another's bad": func(e *store.AuditEntry) { e.User = "\xff" },
		} {
			e := audited("a", "b", "", "")
			change(&e)
			if err := s.KeepAudit(t.ctx(), e); err == nil {
				t.Errorf("%s: got no error", name)
			}
		}
		numbers, _ := t.audit(s, store.AuditFilter{}, 10)
		equal(t, "entries", len(numbers), 0)
	}},
	{"ADeletedAccountKeepsItsEntriesWithoutWords", func(t *suite) {
		s := t.open()
		user, other := t.user(s), t.user(s)
		t.fatal("keep", s.KeepAudit(t.ctx(), audited("a", "ban", user, "")))
		t.fatal("keep another's", s.KeepAudit(t.ctx(), audited("a", "ban", other, "")))
		t.fatal("keep nobody's", s.KeepAudit(t.ctx(), audited("a", "drain", "", "p")))
		err := s.Transact(t.ctx(), func(ctx context.Context) error {
			if _, err := s.DeleteAccount(ctx, user, begin); err != nil {
				return err
			}
			return s.KeepAudit(ctx, audited("b", "delete", user, ""))
		})
		t.fatal("delete", err)
		_, all := t.audit(s, store.AuditFilter{}, 10)
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", e.Actor, e.Action, e.User, e.Params, e.Reason))
		}
		want := []string{
			"b delete " + user + ` {"a":1} because of ` + user, `a drain  {"a":1} because of `,
			"a ban " + other + ` {"a":1} because of ` + other, "a ban " + user + " {} ",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}},
}
