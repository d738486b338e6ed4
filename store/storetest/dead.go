package storetest

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/store"
)

// letter is a dead letter of the room with every field set.
func letter(room, id string) store.DeadLetter {
	return store.DeadLetter{
		ID: id, Room: room, Game: "othello", Version: "1", Kind: "join", Type: "put", User: "u", Name: "Ann\x00 \xff", Seq: 1 << 60,
		Conn: "c", ConnSeq: 3, Reason: "lost", SentAt: begin, Attempts: 3, Error: "oh dear", Stack: "here\nthere", GivenUp: after(1),
		ContentType: "application/json", Body: []byte{0, 255, '"'},
	}
}

func (t *suite) letters(s store.Store, f store.DeadFilter) string {
	t.Helper()
	var ids []string
	for cursor := ""; ; {
		page, next, err := s.DeadLetters(t.ctx(), f, cursor, 2)
		t.fatal("list dead letters", err)
		for _, l := range page {
			ids = append(ids, l.ID)
			if l.Stack != "" || len(l.Body) > 0 || l.Error == "" {
				t.Errorf("listed: got %+v, want it without stack and body", l)
			}
		}
		if cursor = next; next == "" {
			return strings.Join(ids, " ")
		}
	}
}

var deadCases = []testCase{
	{"ALetterIsKeptAsItIsAndDropped", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		want := letter(r.Room.ID, "d1")
		c.Dead = []store.DeadLetter{want}
		t.commit(s, c)
		got, err := s.DeadLetter(t.ctx(), "d1")
		t.fatal("find", err)
		want.Name = got.Name // made valid
		equal(t, "name", utf8.ValidString(got.Name) && strings.HasPrefix(got.Name, "Ann"), true)
		equal(t, "letter", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
		t.fatal("drop", s.DropDeadLetter(t.ctx(), "d1"))
		t.want("drop again", s.DropDeadLetter(t.ctx(), "d1"), store.ErrNotFound)
		_, err = s.DeadLetter(t.ctx(), "d1")
		t.want("find", err, store.ErrNotFound)
	}},
	{"LettersAreListedNewestFirst", func(t *suite) {
		s := t.open()
		r, other := t.held(s, 2), t.held(s, 2)
		for i := range 5 {
			c := commit(r)
			c.Dead = []store.DeadLetter{letter(r.Room.ID, fmt.Sprint("d", i))}
			t.commit(s, c)
		}
		c := commit(other)
		l := letter(other.Room.ID, "d9")
		l.Game = "relay"
		c.Dead = []store.DeadLetter{l}
		t.commit(s, c)
		equal(t, "all", t.letters(s, store.DeadFilter{}), "d9 d4 d3 d2 d1 d0")
		equal(t, "of a room", t.letters(s, store.DeadFilter{Room: r.Room.ID}), "d4 d3 d2 d1 d0")
		equal(t, "of a game", t.letters(s, store.DeadFilter{Game: "relay"}), "d9")
		equal(t, "of both", t.letters(s, store.DeadFilter{Game: "relay", Room: r.Room.ID}), "")
		for _, cursor := range []string{"\x00", "\xff"} {
			_, _, err := s.DeadLetters(t.ctx(), store.DeadFilter{}, cursor, 2)
			t.want("malformed cursor", err, store.ErrNotFound)
		}
	}},
	{"LettersComeWithTheirCommitOrNotAtAll", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		t.again(s, r, 2)
		c := commit(r)
		c.Dead = []store.DeadLetter{letter(r.Room.ID, "stale")}
		_, err := s.Commit(t.ctx(), c)
		t.want("commit", err, store.ErrStaleTerm)
		c.Term = 2
		c.Seated = []string{"nobody"}
		c.Dead = []store.DeadLetter{letter(r.Room.ID, "d1")}
		t.commit(s, c)
		t.commit(s, c) // once more, as after an error that left open whether it happened
		equal(t, "letters", t.letters(s, store.DeadFilter{}), "d1")
	}},
	{"WhatCantBeInALetterIsNotThere", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		l := letter(r.Room.ID, "d1")
		l.SentAt, l.Error, l.Stack, l.Type, l.Body = time.UnixMilli(1<<62), "a\x00b\xffc", "d\x00e\xff", "\x00\xff", nil
		c.Dead = []store.DeadLetter{l}
		t.commit(s, c) // all the same
		got, err := s.DeadLetter(t.ctx(), "d1")
		t.fatal("find", err)
		equal(t, "sent", got.SentAt.IsZero(), true)
		equal(t, "texts", utf8.ValidString(got.Error+got.Stack+got.Type), true)
		equal(t, "body", len(got.Body), 0)
		for _, odd := range []string{"\x00", "d1\x00", "\xff", "d1\xff"} {
			_, err := s.DeadLetter(t.ctx(), odd)
			t.want("find", err, store.ErrNotFound)
			t.want("drop", s.DropDeadLetter(t.ctx(), odd), store.ErrNotFound)
			equal(t, "of a room", t.letters(s, store.DeadFilter{Room: odd}), "")
			equal(t, "of a game", t.letters(s, store.DeadFilter{Game: odd}), "")
		}
	}},
	{"NothingOfACommitHappensWithoutItsLetters", func(t *suite) {
		s := t.open()
		user := t.user(s)
		r := t.held(s, 2)
		t.again(s, r, 2)
		c := commit(r) // with a term that is stale
		l := letter(r.Room.ID, "d1")
		l.Condemned = "x"
		c.N, c.Dead, c.Awards = 7, []store.DeadLetter{l}, []store.Award{{User: user, Gold: 5}}
		_, err := s.Commit(t.ctx(), c)
		t.want("commit", err, store.ErrStaleTerm)
		r = t.again(s, r, 3)
		equal(t, "after a stale one", words(r.N, len(r.Condemned), t.gold(s, user), t.letters(s, store.DeadFilter{})), "0 0 0 ")
		c = commit(r)
		c.N, c.Dead, c.Awards = 7, []store.DeadLetter{l}, []store.Award{{User: user, Gold: 5}}
		t.commit(s, c)
		r = t.again(s, r, 4)
		equal(t, "after one that held", words(r.N, len(r.Condemned), t.gold(s, user), t.letters(s, store.DeadFilter{})), "7 1 5 d1")
	}},
	{"DroppingALetterDoesNotLetItsMessagePlay", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		l := letter(r.Room.ID, "d1")
		l.Condemned = "x"
		c.Dead = []store.DeadLetter{l}
		t.commit(s, c)
		t.fatal("drop", s.DropDeadLetter(t.ctx(), "d1"))
		t.want("drop again", s.DropDeadLetter(t.ctx(), "d1"), store.ErrNotFound)
		_, err := s.DeadLetter(t.ctx(), "d1")
		t.want("find", err, store.ErrNotFound)
		equal(t, "letters", t.letters(s, store.DeadFilter{}), "")
		r = t.again(s, r, 2)
		equal(t, "condemned", strings.Join(r.Condemned, " "), "x")
		c = commit(r)
		c.Absolve = []string{"x"}
		t.commit(s, c)
		r = t.again(s, r, 3)
		equal(t, "condemned after it was skipped", len(r.Condemned), 0)
		c = commit(r)
		c.Dead = []store.DeadLetter{letter(r.Room.ID, "d1")} // nothing is left of the old one
		t.commit(s, c)
		equal(t, "letters", t.letters(s, store.DeadFilter{}), "d1")
	}},
	{"LettersOutliveTheirRoom", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		c.Dead, c.State = []store.DeadLetter{letter(r.Room.ID, "d1")}, store.Closed
		equal(t, "closed", t.commit(s, c), true)
		equal(t, "letters", t.letters(s, store.DeadFilter{Room: r.Room.ID}), "d1")
	}},
	{"LongTextsAreCut", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		l := letter(r.Room.ID, "d1")
		l.Error, l.Stack = "a"+strings.Repeat("é", store.MaxDeadError), "a"+strings.Repeat("é", store.MaxDeadStack)
		c.Dead = []store.DeadLetter{l}
		t.commit(s, c)
		got, err := s.DeadLetter(t.ctx(), "d1")
		t.fatal("find", err)
		equal(t, "error", len(got.Error), store.MaxDeadError-1)
		equal(t, "stack", len(got.Stack), store.MaxDeadStack-1)
	}},
	{"TheCondemnedAreInTheRecordUntilAbsolved", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		condemn := func(id, key string) {
			c := commit(r)
			l := letter(r.Room.ID, id)
			l.Condemned = key
			c.Dead = []store.DeadLetter{l}
			t.commit(s, c)
		}
		condemn("d1", "x")
		condemn("d2", "y")
		condemn("d3", "x") // is there already
		r = t.again(s, r, 2)
		equal(t, "condemned", strings.Join(r.Condemned, " "), "y x")
		equal(t, "letters", t.letters(s, store.DeadFilter{}), "d2 d1")
		c := commit(r)
		c.Absolve = []string{"x", "unknown"}
		t.commit(s, c)
		r = t.again(s, r, 3)
		equal(t, "condemned", strings.Join(r.Condemned, " "), "y")
		condemn("d4", "x") // it came once more
		r = t.again(s, r, 4)
		equal(t, "condemned", strings.Join(r.Condemned, " "), "y x")
		equal(t, "letters", t.letters(s, store.DeadFilter{}), "d2 d1")
		equal(t, "another room's", len(t.held(s, 2).Condemned), 0)
		for i := range 120 {
			condemn(fmt.Sprintf("e%03d", i), fmt.Sprint("key-", i))
		}
		r = t.again(s, r, 5)
		equal(t, "listed at most", words(len(r.Condemned), r.Condemned[0]), "100 key-119")
	}},
}
