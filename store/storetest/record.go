package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/madang-games/madang/store"
)

var recordCases = []testCase{
	{"ANewRoomBeginsItsLine", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		shown, err := s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "room", words(r.Room), words(shown))
		equal(t, "players", r.Room.Players, 1)
		equal(t, "line", words(r.Term, r.Epoch, r.N, r.Published, string(r.Memory), len(r.Log)), "1 1 0 0 begin 0")
	}},
	{"KeepsWhatIsCommitted", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		big := bytes.Repeat([]byte{0, 255, 7}, 100_000)
		c.Epoch, c.N, c.Published, c.Memory = 3, 9, 7, big
		c.Log = &store.Logged{First: 8, Last: 9, Data: []byte{0, 1, 254}}
		t.commit(s, c)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.Epoch, r.N, r.Published), "3 9 7")
		equal(t, "same memory", bytes.Equal(r.Memory, big), true)
		t.log(r, "8-9:\x00\x01\xfe")
	}},
	{"NoMemoryIsUnchangedAndEmptyIsEmpty", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		t.commit(s, commit(r))
		r = t.again(s, r, 2)
		equal(t, "memory", string(r.Memory), "begin")
		c := commit(r)
		c.Memory = []byte{}
		t.commit(s, c)
		r = t.again(s, r, 3)
		equal(t, "memory", string(r.Memory), "")
	}},
	{"KeepsRunsInOrderAndForgets", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for i := uint64(0); i < 6; i++ {
			c := commit(r)
			c.N = 20 * (i + 1)
			c.Log = &store.Logged{First: 20*i + 1, Last: 20 * (i + 1), Data: fmt.Append(nil, i)}
			t.commit(s, c)
		}
		c := commit(r)
		c.Forget = 59 // in the midst of a run: it is kept
		t.commit(s, c)
		r = t.again(s, r, 2)
		t.log(r, "41-60:2", "61-80:3", "81-100:4", "101-120:5")
		c = commit(r)
		c.Forget, c.Log = 100, &store.Logged{First: 121, Last: 121, Data: nil}
		t.commit(s, c)
		r = t.again(s, r, 3)
		t.log(r, "101-120:5", "121-121:")
	}},
	{"TakingUpReadsOnlyWhatMayNotBePublished", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for n := uint64(1); n <= 4; n++ {
			c := commit(r)
			c.N, c.Published = 10*n, 10*(n-1)
			c.Log = &store.Logged{First: 10*n - 9, Last: 10 * n, Data: fmt.Append(nil, n)}
			t.commit(s, c)
		}
		r = t.again(s, r, 2)
		t.log(r, "31-40:4")
		c := commit(r)
		c.N, c.Published = 40, 34 // in the midst of a run
		t.commit(s, c)
		t.log(t.again(s, r, 3), "31-40:4")
		whole, err := s.Log(t.ctx(), r.Room.ID, 1)
		t.fatal("log", err)
		t.log(store.Record{Log: whole}, "1-10:1", "11-20:2", "21-30:3", "31-40:4")
		r = t.again(s, r, 4)
		c = commit(r)
		c.N, c.Published = 40, 40
		t.commit(s, c)
		t.log(t.again(s, r, 5))
		for _, none := range []struct {
			room  string
			epoch uint64
		}{{r.Room.ID, 2}, {"nowhere", 1}} {
			got, err := s.Log(t.ctx(), none.room, none.epoch)
			t.fatal("log", err)
			equal(t, "runs", len(got), 0)
		}
	}},
	{"AnotherEpochForgetsTheOlder", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		c.N, c.Log = 5, &store.Logged{First: 1, Last: 5, Data: []byte("old")}
		t.commit(s, c)
		c.Epoch, c.N, c.Log = 2, 1, &store.Logged{First: 1, Last: 1, Data: []byte("new")}
		t.commit(s, c)
		r = t.again(s, r, 2)
		t.log(r, "1-1:new")
		c = commit(r)
		c.Epoch = 1
		if _, err := s.Commit(t.ctx(), c); err == nil || errors.Is(err, store.ErrStaleTerm) {
			t.Errorf("commit of an older epoch: got error %v, want one of its own", err)
		}
	}},
	{"ACommitMayBeRepeated", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		c.N, c.Log = 2, &store.Logged{First: 1, Last: 2, Data: []byte("x")}
		t.commit(s, c)
		t.commit(s, c)
		t.log(t.again(s, r, 2), "1-2:x")
	}},
	{"UnknownIsNotFound", func(t *suite) {
		s := t.open()
		_, err := s.TakeUp(t.ctx(), "nowhere")
		t.want("take up", err, store.ErrNotFound)
		_, err = s.Commit(t.ctx(), &store.Commit{Room: "nowhere", Term: 1, Epoch: 1})
		t.want("commit", err, store.ErrNotFound)
		_, err = s.Commit(t.ctx(), &store.Commit{Room: "nowhere", Term: 1, Epoch: 1, State: store.Closed})
		t.want("close", err, store.ErrNotFound)
	}},
	{"AnUnknownStateIsRefused", func(t *suite) {
		s := t.open()
		c := commit(t.held(s, 2))
		c.State = "asleep"
		if _, err := s.Commit(t.ctx(), c); err == nil {
			t.Errorf("commit: got no error")
		}
	}},
	{"AnEndedContextCommitsNothing", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		ctx, cancel := context.WithCancel(t.ctx())
		cancel()
		for _, state := range []store.RoomState{"", store.Playing} {
			c := commit(r)
			c.N, c.State = 1, state
			_, err := s.Commit(ctx, c)
			t.want("commit", err, context.Canceled)
		}
		_, err := s.TakeUp(ctx, r.Room.ID)
		t.want("take up", err, context.Canceled)
		_, err = s.Room(ctx, r.Room.ID)
		t.want("find", err, context.Canceled)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.N, r.Room.State), "0 open")
	}},
}

// again takes r up again and checks the term that this gives.
func (t *suite) again(s store.Store, r store.Record, term uint64) store.Record {
	t.Helper()
	r, err := s.TakeUp(t.ctx(), r.Room.ID)
	t.fatal("take up", err)
	equal(t, "term", r.Term, term)
	return r
}

// log checks the runs that r has.
func (t *suite) log(r store.Record, want ...string) {
	t.Helper()
	var got []string
	for _, l := range r.Log {
		got = append(got, fmt.Sprintf("%d-%d:%s", l.First, l.Last, l.Data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("log: got %q, want %q", got, want)
	}
}

func (t *suite) gold(s store.Store, user string) int64 {
	t.Helper()
	a, err := s.Account(t.ctx(), user)
	t.fatal("find account", err)
	return a.Gold
}
