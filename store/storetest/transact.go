package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

// gift gives an account gold of the house's.
func gift(reference, account string, amount int64) store.Posting {
	return posting(reference, entry(account, store.Gold, amount))
}

// give posts a gift.
func (t *suite) give(ctx context.Context, s store.Store, reference, account string, amount int64) {
	t.Helper()
	_, err := s.Post(ctx, gift(reference, account, amount))
	t.fatal("post "+reference, err)
}

var errOwn = errors.New("an error of the caller's")

var transactCases = []testCase{
	{"AllIsThereWhenItReturnsNil", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		room := t.room(s, 2, "")
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 5)
			t.give(ctx, s, "two", b, 7)
			_, err := s.TakeSeat(ctx, room, a, begin)
			t.fatal("take seat", err)
			in, err := s.Inventory(ctx, a)
			t.fatal("read within", err)
			equal(t, "gold seen within", in.Gold, 5)
			equal(t, "gold seen by others", t.gold(s, a), 0)
			equal(t, "seat seen by others", t.seat(s, room, a), "")
			return nil
		}))
		equal(t, "gold", words(t.gold(s, a), t.gold(s, b)), "5 7")
		equal(t, "seat", t.seat(s, room, a), store.Joining)
	}},
	{"AnErrorUndoesAllAndIsReturnedAsItIs", func(t *suite) {
		s := t.open()
		a := t.user(s)
		err := s.Transact(t.ctx(), func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 5)
			return errOwn
		})
		if err != errOwn {
			t.Errorf("got error %v, want %v itself", err, errOwn)
		}
		equal(t, "gold", t.gold(s, a), 0)
		t.give(t.ctx(), s, "one", a, 6)
		equal(t, "gold after the same reference", t.gold(s, a), 6)
	}},
	{"APanicUndoesAllAndGoesOn", func(t *suite) {
		s := t.open()
		a := t.user(s)
		func() {
			defer func() { equal(t, "panic", recover(), any("out of order")) }()
			_ = s.Transact(t.ctx(), func(ctx context.Context) error {
				t.give(ctx, s, "one", a, 5)
				panic("out of order")
			})
		}()
		equal(t, "gold", t.gold(s, a), 0)
		t.give(t.ctx(), s, "two", a, 6)
		equal(t, "gold later", t.gold(s, a), 6)
	}},
	{"ACallThatFailsUndoesItselfAlone", func(t *suite) {
		s := t.open()
		a := t.user(s)
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 5)
			p := gift("two", a, 5)
			p.Entries[0].Limit = 9
			_, err := s.Post(ctx, p)
			t.want("too much", err, store.ErrFull)
			_, _, err = s.CreateAccount(ctx, store.Account{ID: "double", Name: "Player 1", CreatedAt: begin}, store.Identity{})
			t.want("name", err, store.ErrNameTaken)
			err = s.StartSession(ctx, store.Session{ID: "s", User: "nobody", ExpiresAt: after(time.Hour)}, token(1))
			t.want("session of nobody", err, store.ErrNotFound)
			_, err = s.Room(ctx, "nowhere")
			t.want("room", err, store.ErrNotFound)
			t.give(ctx, s, "three", a, 1)
			return nil
		}))
		equal(t, "gold", t.gold(s, a), 6)
	}},
	{"APartCanBeUndoneAlone", func(t *suite) {
		s := t.open()
		a := t.user(s)
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 1)
			t.want("part", s.Transact(ctx, func(ctx context.Context) error {
				t.give(ctx, s, "two", a, 10)
				return errOwn
			}), errOwn)
			func() {
				defer func() { _ = recover() }()
				_ = s.Transact(ctx, func(ctx context.Context) error {
					t.give(ctx, s, "three", a, 100)
					panic("out of order")
				})
			}()
			return s.Transact(ctx, func(ctx context.Context) error {
				_, err := s.Post(ctx, posting("no", entry(a, store.Gold, -5000))) // the first of a part
				t.want("too much taken", err, store.ErrShort)
				t.give(ctx, s, "four", a, 1000)
				return s.Transact(ctx, func(ctx context.Context) error {
					t.give(ctx, s, "five", a, 10000)
					return nil
				})
			})
		}))
		equal(t, "gold", t.gold(s, a), 11001)
		t.want("whole", s.Transact(t.ctx(), func(ctx context.Context) error {
			t.fatal("part", s.Transact(ctx, func(ctx context.Context) error {
				t.give(ctx, s, "six", a, 7)
				return nil
			}))
			return errOwn
		}), errOwn)
		equal(t, "gold after a part of what was undone", t.gold(s, a), 11001)
	}},
	{"ManyAtOnceInTwoStores", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		a, b := t.user(stores[0]), t.user(stores[0])
		const many = 40
		var kept atomic.Int64
		together(many, func(i int) {
			s := stores[i%2]
			err := s.Transact(t.ctx(), func(ctx context.Context) error {
				for n, user := range []string{a, b} {
					if _, err := s.Post(ctx, gift(fmt.Sprint(i, " ", n), user, 1)); err != nil {
						return err
					}
				}
				if i%5 == 0 {
					return errOwn
				}
				return nil
			})
			if err == nil {
				kept.Add(1)
			} else if err != errOwn {
				t.Errorf("transact: %v", err)
			}
		})
		equal(t, "transactions kept", kept.Load(), many-many/5)
		equal(t, "gold", words(t.gold(stores[0], a), t.gold(stores[1], b)), words(many-many/5, many-many/5))
	}},
	{"SeveralGoroutinesWithin", func(t *suite) {
		s := t.open()
		a := t.user(s)
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			together(8, func(i int) {
				if _, err := s.Post(ctx, gift(fmt.Sprint(i), a, 1)); err != nil {
					t.Errorf("post: %v", err)
				}
				if _, err := s.Inventory(ctx, a); err != nil {
					t.Errorf("read: %v", err)
				}
			})
			return nil
		}))
		equal(t, "gold", t.gold(s, a), 8)
	}},
	{"ContextsEnd", func(t *suite) {
		s := t.open()
		a := t.user(s)
		ctx, cancel := context.WithCancel(t.ctx())
		err := s.Transact(ctx, func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 5)
			cancel()
			<-ctx.Done()
			_, err := s.Post(ctx, gift("two", a, 5))
			t.want("post afterwards", err, context.Canceled)
			return err
		})
		t.want("cut", err, context.Canceled)
		t.want("begun too late", s.Transact(ctx, func(context.Context) error {
			t.Error("it was run")
			return nil
		}), context.Canceled)
		equal(t, "gold", t.gold(s, a), 0)
		var kept context.Context
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			kept = ctx
			return nil
		}))
		if _, err := s.Post(kept, gift("three", a, 5)); err == nil {
			t.Error("a call with the context of a transaction that has ended: got no error")
		}
		equal(t, "gold", t.gold(s, a), 0)
	}},
	{"WhatTakesTooLongIsUndoneAndOthersGoOn", func(t *suite) {
		s := t.open()
		a := t.user(s)
		err := s.Transact(t.ctx(), func(ctx context.Context) error {
			t.give(ctx, s, "one", a, 5)
			<-ctx.Done()
			t.give(t.ctx(), s, "two", a, 7) // with a context of its own: not a part, and nothing keeps it from being done
			return nil
		})
		t.want("too long", err, context.DeadlineExceeded)
		equal(t, "gold", t.gold(s, a), 7)
	}},
	{"RecordsAreRefused", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			if _, err := s.TakeUp(ctx, r.Room.ID); err == nil {
				t.Error("take up: got no error")
			}
			if _, err := s.Commit(ctx, commit(r)); err == nil {
				t.Error("commit: got no error")
			}
			return nil
		}))
		equal(t, "term", t.again(s, r, 2).Term, 2)
	}},
	{"OfTwoStoresEachHasItsOwn", func(t *suite) {
		one, two := t.open(), t.open()
		a := t.user(one)
		t.want("transact", one.Transact(t.ctx(), func(ctx context.Context) error {
			in, err := two.Inventory(ctx, a)
			t.fatal("read by the other", err)
			equal(t, "gold before", in.Gold, 0)
			t.give(ctx, one, "one", a, 5)
			in, err = two.Inventory(ctx, a)
			t.fatal("read by the other", err)
			equal(t, "gold seen by the other", in.Gold, 0)
			return errOwn
		}), errOwn)
	}},
	{"AClosedStoreIsUnavailable", func(t *suite) {
		s, err := t.opener(t.ctx())
		t.fatal("open", err)
		t.fatal("close", s.Close())
		t.want("transact", s.Transact(t.ctx(), func(context.Context) error { return nil }), store.ErrUnavailable)
	}},
}
