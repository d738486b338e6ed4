package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

func note(user string, body int, at time.Time) store.Note {
	return store.Note{User: user, Type: "$test", Body: json.RawMessage(fmt.Sprint(body)), At: at}
}

func (t *suite) notify(s store.Store, notes ...store.Note) []store.Note {
	t.Helper()
	kept, err := s.Notify(t.ctx(), notes...)
	t.fatal("notify", err)
	return kept
}

// told is the user's notes above after, each as number=body, and the last number.
func (t *suite) told(s store.Store, user string, after uint64, limit int) string {
	t.Helper()
	notes, last, err := s.Notes(t.ctx(), user, after, begin, limit)
	t.fatal("read notes", err)
	return numbered(notes) + fmt.Sprint(" of ", last)
}

func numbered(notes []store.Note) string {
	parts := make([]string, len(notes))
	for i, n := range notes {
		parts[i] = fmt.Sprintf("%d=%s", n.N, n.Body)
	}
	return strings.Join(parts, " ")
}

var noteCases = []testCase{
	{"AreNumberedForEachUser", func(t *suite) {
		s, other := t.open(), t.open()
		a, b := t.user(s), t.user(s)
		kept := t.notify(s, note(b, 10, begin), note(a, 20, begin), note("nobody", 30, begin), note(a, 21, begin))
		equal(t, "kept", len(kept), 3)
		for _, n := range kept {
			want := map[string]uint64{"10": 1, "20": 1, "21": 2}[string(n.Body)]
			equal(t, "number of "+string(n.Body), n.N, want)
		}
		t.notify(other, note(a, 22, begin))
		equal(t, "a", t.told(s, a, 0, 10), "1=20 2=21 3=22 of 3")
		equal(t, "a after 1", t.told(other, a, 1, 10), "2=21 3=22 of 3")
		equal(t, "a, one", t.told(s, a, 0, 1), "1=20 of 3")
		equal(t, "a, none", t.told(s, a, 0, 0), " of 3")
		equal(t, "a after all", t.told(s, a, math.MaxUint64, 10), " of 3")
		equal(t, "b", t.told(s, b, 0, 10), "1=10 of 1")
		equal(t, "nobody", t.told(s, "nobody", 0, 10), " of 0")
		notes, _, err := s.Notes(t.ctx(), b, 0, begin, 1)
		t.fatal("read", err)
		n := notes[0]
		equal(t, "whole", words(n.User, n.Type, n.At), words(b, "$test", begin))
		asked := []string{"\x00", "nobody", a}
		for i := range 100 {
			asked = append(asked, fmt.Sprint("nobody ", i))
		}
		counts, err := other.LastNotes(t.ctx(), append(asked, b))
		t.fatal("read last", err)
		equal(t, "last", words(len(counts), counts[a], counts[b]), "2 3 1")
		equal(t, "none to tell", len(t.notify(s)), 0)
		equal(t, "nobody to tell", len(t.notify(s, note("nobody", 1, begin), note("\x00", 1, begin))), 0)
	}},
	{"WhatIsTooLargeOrNoJSONIsRefused", func(t *suite) {
		s := t.open()
		a := t.user(s)
		long := note(a, 1, begin)
		long.Body = json.RawMessage(`"` + strings.Repeat("x", store.MaxNoteBody) + `"`)
		for _, bad := range []store.Note{long, {User: a, Type: "$test", At: begin}, {User: a, Body: json.RawMessage("1"), At: begin},
			{User: a, Type: strings.Repeat("x", 65), Body: json.RawMessage("1"), At: begin}} {
			if kept, err := s.Notify(t.ctx(), note(a, 1, begin), bad); err == nil {
				t.Errorf("notify: got %v, want an error", numbered(kept))
			}
		}
		equal(t, "kept", t.told(s, a, 0, 10), " of 0")
	}},
	{"TheNewestAreKept", func(t *suite) {
		s := t.open()
		a := t.user(s)
		for i := range store.MaxNotes + 5 {
			t.notify(s, note(a, i, begin))
		}
		notes, last, err := s.Notes(t.ctx(), a, 0, begin, store.MaxNotes+10)
		t.fatal("read", err)
		equal(t, "kept", words(len(notes), notes[0].N, string(notes[0].Body), last), words(store.MaxNotes, 6, 5, store.MaxNotes+5))
	}},
	{"AreKeptForATime", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.notify(s, note(a, 1, begin), note(b, 1, begin))
		t.notify(s, note(a, 2, after(time.Hour)), note(b, 2, after(time.Hour)))
		end := begin.Add(store.NotesTime)
		notes, last, err := s.Notes(t.ctx(), a, 0, end, 10)
		t.fatal("read", err)
		equal(t, "at the end of the first", numbered(notes)+fmt.Sprint(" of ", last), "2=2 of 2")
		var gone []any
		for range 3 {
			n, err := s.ForgetNotes(t.ctx(), end, 1)
			t.fatal("forget", err)
			gone = append(gone, n)
		}
		equal(t, "forgotten", words(gone...), "1 1 0")
		_, err = s.ForgetNotes(t.ctx(), end.Add(time.Hour), 10)
		t.fatal("forget all", err)
		equal(t, "then", t.told(s, a, 0, 10), " of 2")
		t.notify(s, note(a, 3, begin))
		equal(t, "numbers go on", t.told(s, a, 0, 10), "3=3 of 3")
	}},
	{"AreUndoneWithTheirTransaction", func(t *suite) {
		s := t.open()
		a := t.user(s)
		t.want("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			kept, err := s.Notify(ctx, note(a, 1, begin))
			equal(t, "number", words(len(kept), err), "1 <nil>")
			return errOwn
		}), errOwn)
		equal(t, "kept", t.told(s, a, 0, 10), " of 0")
		t.notify(s, note(a, 2, begin))
		equal(t, "kept then", t.told(s, a, 0, 10), "1=2 of 1")
	}},
	{"OfManyAtOnceNoNumberIsDoubledOrLeftOut", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		users := []string{t.user(stores[0]), t.user(stores[0]), t.user(stores[0])}
		together(20, func(i int) {
			for j := range 3 {
				first, second := users[(i+j)%3], users[(i+j+1)%3]
				if _, err := stores[i%2].Notify(t.ctx(), note(first, i, begin), note(second, i, begin)); err != nil {
					t.Errorf("notify: %v", err)
				}
			}
		})
		for _, user := range users {
			notes, last, err := stores[0].Notes(t.ctx(), user, 0, begin, store.MaxNotes)
			t.fatal("read", err)
			equal(t, "last", words(len(notes), last), "40 40")
			for i, n := range notes {
				equal(t, "number", n.N, uint64(i+1))
			}
		}
	}},
	{"ADeletedUserIsLeftOut", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		stays := t.user(stores[0])
		var told atomic.Int64
		for range 5 {
			user := t.user(stores[0])
			together(4, func(i int) {
				if i == 0 {
					if _, err := stores[0].DeleteAccount(t.ctx(), user, begin); err != nil {
						t.Errorf("delete: %v", err)
					}
					return
				}
				kept, err := stores[i%2].Notify(t.ctx(), note(user, i, begin), note(stays, i, begin))
				if err != nil || len(kept) == 0 || kept[0].User != stays {
					t.Errorf("notify: got %v, %v", kept, err)
				}
				told.Add(1)
			})
			equal(t, "left", t.told(stores[0], user, 0, 10), " of 0")
		}
		notes, _, err := stores[0].Notes(t.ctx(), stays, 0, begin, 100)
		t.fatal("read", err)
		equal(t, "to the other", int64(len(notes)), told.Load())
	}},
}
