package storetest

import (
	"bytes"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

func tokenKey(id string, seed byte, from time.Time) store.TokenKey {
	return store.TokenKey{ID: id, Seed: bytes.Repeat([]byte{seed}, 32), From: from}
}

// named is the ids of keys, in their order.
func named(keys []store.TokenKey) string {
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return strings.Join(ids, " ")
}

var tokenKeyCases = []testCase{
	{"KeepsThemNewestFirst", func(t *suite) {
		s, other := t.open(), t.open()
		keys, err := s.TokenKeys(t.ctx(), nil, begin)
		t.fatal("list", err)
		equal(t, "at first", named(keys), "")
		_, err = s.TokenKeys(t.ctx(), []store.TokenKey{tokenKey("a", 1, begin), tokenKey("c", 3, after(2*time.Hour)), tokenKey("b", 2, after(time.Hour))}, begin)
		t.fatal("keep", err)
		keys, err = other.TokenKeys(t.ctx(), nil, begin)
		t.fatal("list", err)
		equal(t, "kept", named(keys), "c b a")
		equal(t, "seed", string(keys[0].Seed), string(tokenKey("", 3, begin).Seed))
		equal(t, "from", keys[0].From, after(2*time.Hour))
	}},
	{"TheFirstOfAnIDStays", func(t *suite) {
		s := t.open()
		_, err := s.TokenKeys(t.ctx(), []store.TokenKey{tokenKey("a", 1, begin)}, begin)
		t.fatal("keep", err)
		keys, err := s.TokenKeys(t.ctx(), []store.TokenKey{tokenKey("a", 2, after(time.Hour)), tokenKey("b", 3, after(time.Hour))}, begin)
		t.fatal("keep again", err)
		equal(t, "kept", named(keys), "b a")
		equal(t, "seed", keys[1].Seed[0], byte(1))
	}},
	{"DropsTheOld", func(t *suite) {
		s := t.open()
		_, err := s.TokenKeys(t.ctx(), []store.TokenKey{tokenKey("a", 1, begin), tokenKey("b", 2, after(time.Hour))}, begin)
		t.fatal("keep", err)
		keys, err := s.TokenKeys(t.ctx(), nil, after(time.Hour))
		t.fatal("drop", err)
		equal(t, "left", named(keys), "b")
	}},
	{"ManyAtOnceAgree", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		seeds := make([]byte, 20)
		together(20, func(i int) {
			keys, err := stores[i%2].TokenKeys(ctx, []store.TokenKey{tokenKey("a", byte(i), begin)}, begin)
			if err != nil || len(keys) != 1 {
				t.Errorf("keep: got %d keys, %v", len(keys), err)
				return
			}
			seeds[i] = keys[0].Seed[0]
		})
		equal(t, "seeds", string(seeds), strings.Repeat(string(seeds[:1]), 20))
	}},
}
