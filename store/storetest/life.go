package storetest

import (
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

var lifeCases = []testCase{
	{"EverythingIsThereAfterCloseAndOpen", func(t *suite) {
		s, err := t.opener(t.ctx())
		t.fatal("open", err)
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.N, c.Memory, c.Seated = 1, []byte("later"), []string{user}
		c.Log = &store.Logged{First: 1, Last: 1, Data: []byte("x")}
		c.Awards = []store.Award{{User: user, Gold: 7}}
		t.commit(s, c)
		t.fatal("start session", s.StartSession(t.ctx(), store.Session{ID: "s", User: user, ExpiresAt: after(time.Hour)}, token(1)))
		t.fatal("close", s.Close())

		s = t.open()
		equal(t, "gold", t.gold(s, user), 7)
		equal(t, "seat", t.seat(s, room, user), store.Seated)
		_, err = s.Session(t.ctx(), token(1), begin)
		t.fatal("find session", err)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.N, string(r.Memory)), "1 later")
		t.log(r, "1-1:x")
	}},
	{"ManyOpenAnEmptyDatabaseAtOnce", func(t *suite) {
		ctx := t.ctx()
		var mu sync.Mutex
		var stores []store.Store
		together(6, func(int) {
			s, err := t.opener(ctx)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			stores = append(stores, s)
		})
		for _, s := range stores {
			t.user(s)
			t.fatal("ready", s.Ready(ctx))
		}
		for _, s := range stores {
			t.fatal("close", s.Close())
		}
	}},
	{"AClosedStoreIsUnavailable", func(t *suite) {
		s, err := t.opener(t.ctx())
		t.fatal("open", err)
		r := t.held(s, 2)
		t.fatal("ready", s.Ready(t.ctx()))
		t.fatal("close", s.Close())
		t.fatal("close again", s.Close())
		t.want("ready", s.Ready(t.ctx()), store.ErrUnavailable)
		_, err = s.Room(t.ctx(), r.Room.ID)
		t.want("find", err, store.ErrUnavailable)
		_, err = s.Commit(t.ctx(), commit(r))
		t.want("commit", err, store.ErrUnavailable)
		_, err = s.TakeUp(t.ctx(), r.Room.ID)
		t.want("take up", err, store.ErrUnavailable)
	}},
	{"ClosingFinishesWhatHasBegun", func(t *suite) {
		s, err := t.opener(t.ctx())
		t.fatal("open", err)
		const many = 50
		records := make([]store.Record, many)
		for i := range records {
			records[i] = t.held(s, 2)
		}
		held := make([]bool, many)
		ctx := t.ctx()
		together(many+1, func(i int) {
			if i == many {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				return
			}
			c := commit(records[i])
			c.N = 1
			_, err := s.Commit(ctx, c)
			if held[i] = err == nil; !held[i] {
				t.want("commit", err, store.ErrUnavailable)
			}
		})
		s = t.open()
		for i, r := range records {
			equal(t, "committed as said", t.again(s, r, 2).N == 1, held[i])
		}
	}},
}
