package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

// signIn starts a session of the user, and reports whether it is found then.
func (t *suite) signIn(s store.Store, user string, n byte) error {
	return s.StartSession(t.ctx(), store.Session{ID: fmt.Sprint("s", n), User: user, ExpiresAt: after(time.Hour)}, token(n))
}

var banCases = []testCase{
	{"ABanEndsTheSessionAndLetsNoneBegin", func(t *suite) {
		s, other := t.open(), t.open()
		user, stranger := t.user(s), t.user(s)
		t.fatal("sign in", t.signIn(s, user, 1))
		t.fatal("sign in", t.signIn(s, stranger, 9))
		want := store.AccountBan{User: user, At: begin, Reason: "cheats: ¡aimbot!"}
		t.fatal("ban", s.BanAccount(t.ctx(), want))
		_, err := other.Session(t.ctx(), token(1), begin)
		t.want("its session", err, store.ErrNotFound)
		_, err = other.Session(t.ctx(), token(9), begin)
		t.fatal("another's session", err)
		err = t.signIn(other, user, 2)
		t.want("sign in", err, store.ErrAccountBanned)
		if banned := (*store.BannedError)(nil); !errors.As(err, &banned) || !banned.Until.IsZero() {
			t.Errorf("sign in: got %v, want for ever", err)
		}
		got, err := other.AccountBan(t.ctx(), user)
		t.fatal("find", err)
		equal(t, "ban", got, want)
		_, err = s.AccountBan(t.ctx(), stranger)
		t.want("find another's", err, store.ErrNotFound)

		t.fatal("unban", s.UnbanAccount(t.ctx(), user))
		t.want("unban again", s.UnbanAccount(t.ctx(), user), store.ErrNotFound)
		t.want("unban nobody", s.UnbanAccount(t.ctx(), "nobody"), store.ErrNotFound)
		_, err = s.AccountBan(t.ctx(), user)
		t.want("find what is over", err, store.ErrNotFound)
		t.fatal("sign in again", t.signIn(s, user, 3))
		t.want("ban nobody", s.BanAccount(t.ctx(), store.AccountBan{User: "nobody", At: begin}), store.ErrNotFound)
	}},
	{"ABanIsOverAtItsTime", func(t *suite) {
		s := t.open()
		user := t.user(s)
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		t.fatal("ban", s.BanAccount(t.ctx(), store.AccountBan{User: user, At: begin, Until: until, Reason: "one"}))
		err := t.signIn(s, user, 1)
		if banned := (*store.BannedError)(nil); !errors.As(err, &banned) || !banned.Until.Equal(until) {
			t.Errorf("sign in: got %v, want until %v", err, until)
		}
		past := store.AccountBan{User: user, At: begin, Until: time.Now().Add(-time.Minute), Reason: "two"}
		t.fatal("ban again", s.BanAccount(t.ctx(), past))
		_, err = s.AccountBan(t.ctx(), user)
		t.want("find what is over", err, store.ErrNotFound)
		t.want("unban what is over", s.UnbanAccount(t.ctx(), user), store.ErrNotFound)
		t.fatal("sign in", t.signIn(s, user, 2))
	}},
	{"NoSignInSlipsPastABan", func(t *suite) {
		s, other := t.open(), t.open()
		for round := range 10 {
			user := t.user(s)
			var all sync.WaitGroup
			for i, from := range []store.Store{s, other, s, other} {
				all.Go(func() {
					if err := t.signIn(from, user, byte(10*round+i)); err != nil && !errors.Is(err, store.ErrAccountBanned) {
						t.Errorf("sign in: %v", err)
					}
				})
			}
			all.Go(func() {
				if err := other.BanAccount(t.ctx(), store.AccountBan{User: user, At: begin}); err != nil {
					t.Errorf("ban: %v", err)
				}
			})
			all.Wait()
			for i := range 4 {
				_, err := s.Session(t.ctx(), token(byte(10*round+i)), begin)
				t.want("a banned one's session", err, store.ErrNotFound)
			}
		}
	}},
	{"ABanIsPartOfATransaction", func(t *suite) {
		s := t.open()
		user := t.user(s)
		t.fatal("sign in", t.signIn(s, user, 1))
		undo := errors.New("undo")
		err := s.Transact(t.ctx(), func(ctx context.Context) error {
			if err := s.BanAccount(ctx, store.AccountBan{User: user, At: begin}); err != nil {
				return err
			}
			if err := s.KeepAudit(ctx, audited("a", "ban", user, "")); err != nil {
				return err
			}
			return undo
		})
		t.want("transact", err, undo)
		_, err = s.Session(t.ctx(), token(1), begin)
		t.fatal("its session", err)
		entries, _, err := s.Audit(t.ctx(), store.AuditFilter{}, "", 10)
		t.fatal("audit", err)
		equal(t, "entries", len(entries), 0)
	}},
	{"ABanGoesWithItsAccount", func(t *suite) {
		s := t.open()
		user := t.user(s)
		t.fatal("ban", s.BanAccount(t.ctx(), store.AccountBan{User: user, At: begin}))
		_, err := s.DeleteAccount(t.ctx(), user, begin)
		t.fatal("delete", err)
		_, err = s.AccountBan(t.ctx(), user)
		t.want("find", err, store.ErrNotFound)
		t.want("ban who is gone", s.BanAccount(t.ctx(), store.AccountBan{User: user, At: begin}), store.ErrNotFound)
		t.want("sign in who is gone", t.signIn(s, user, 1), store.ErrNotFound)
	}},
}
