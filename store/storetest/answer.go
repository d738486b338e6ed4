package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

func callKey(n byte) (key store.CallKey) {
	key[31] = n
	return key
}

func asked(n byte) (request [32]byte) {
	request[0] = n
	return request
}

// claim claims callKey(1) at now, and keeps body as its answer if it was free.
func (t *suite) claim(s store.Store, now time.Time, request byte, body string) (kept store.Answer, claimed bool) {
	t.Helper()
	err := s.Transact(t.ctx(), func(ctx context.Context) (err error) {
		kept, claimed, err = s.ClaimAnswer(ctx, callKey(1), asked(request), now, now.Add(time.Hour))
		if err != nil || !claimed {
			return err
		}
		return s.KeepAnswer(ctx, callKey(1), []byte(body))
	})
	t.fatal("claim", err)
	return kept, claimed
}

var answerCases = []testCase{
	{"TheFirstClaimsAndTheOthersGetItsAnswer", func(t *suite) {
		s := t.open()
		_, claimed := t.claim(s, begin, 1, "first")
		equal(t, "claimed", claimed, true)
		for _, request := range []byte{1, 2} { // whatever they ask
			kept, claimed := t.claim(s, begin, request, "second")
			equal(t, "second claim", words(claimed, string(kept.Body), kept.Request == asked(1)), "false first true")
		}
		_, claimed, err := s.ClaimAnswer(t.ctx(), callKey(2), asked(1), begin, after(time.Hour))
		if err == nil || claimed {
			t.Errorf("claim outside of a transaction: got %v, %v", claimed, err)
		}
		t.want("keep what is kept", s.KeepAnswer(t.ctx(), callKey(1), nil), store.ErrNotFound)
		t.want("keep what nobody claimed", s.KeepAnswer(t.ctx(), callKey(3), nil), store.ErrNotFound)
	}},
	{"OfManyAtOnceOneClaims", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		a := t.user(stores[0])
		var claims atomic.Int64
		together(60, func(i int) {
			s := stores[i%2]
			var kept store.Answer
			var claimed bool
			err := s.Transact(t.ctx(), func(ctx context.Context) (err error) {
				kept, claimed, err = s.ClaimAnswer(ctx, callKey(1), asked(1), begin, after(time.Hour))
				if err != nil || !claimed {
					return err
				}
				if _, err = s.Post(ctx, gift("one", a, 1)); err != nil {
					return err
				}
				return s.KeepAnswer(ctx, callKey(1), []byte("done"))
			})
			switch {
			case err != nil:
				t.Errorf("claim: %v", err)
			case claimed:
				claims.Add(1)
			case string(kept.Body) != "done":
				t.Errorf("got answer %q", kept.Body)
			}
		})
		equal(t, "claims", claims.Load(), 1)
		equal(t, "gold", t.gold(stores[1], a), 1)
	}},
	{"AClaimThatIsUndoneIsFree", func(t *suite) {
		s := t.open()
		t.want("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
			_, claimed, err := s.ClaimAnswer(ctx, callKey(1), asked(1), begin, after(time.Hour))
			equal(t, "claimed", words(claimed, err), "true <nil>")
			t.fatal("keep", s.KeepAnswer(ctx, callKey(1), []byte("lost")))
			return errOwn
		}), errOwn)
		_, claimed := t.claim(s, begin, 2, "kept")
		equal(t, "claimed", claimed, true)
	}},
	{"AnAnswerThatIsOverIsFreeAndForgotten", func(t *suite) {
		s := t.open()
		t.claim(s, begin, 1, "first")
		_, claimed := t.claim(s, after(time.Hour), 2, "second")
		equal(t, "claimed when it is over", claimed, true)
		kept, claimed := t.claim(s, after(time.Hour), 2, "third")
		equal(t, "claim of the new one", words(claimed, string(kept.Body), kept.Request == asked(2)), "false second true")
		for n := byte(10); n < 15; n++ {
			t.fatal("transact", s.Transact(t.ctx(), func(ctx context.Context) error {
				if _, _, err := s.ClaimAnswer(ctx, callKey(n), asked(n), begin, after(time.Duration(n)*time.Minute)); err != nil {
					return err
				}
				return s.KeepAnswer(ctx, callKey(n), []byte("x"))
			}))
		}
		var gone []any
		for range 3 {
			n, err := s.ForgetAnswers(t.ctx(), after(13*time.Minute), 3)
			t.fatal("forget", err)
			gone = append(gone, n)
		}
		equal(t, "forgotten", words(gone...), "3 1 0")
		_, claimed = t.claim(s, after(time.Hour), 2, "fourth")
		equal(t, "claim of what is not over", claimed, false)
	}},
	{"ManyForgetAtOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		for n := range byte(20) {
			t.fatal("transact", stores[0].Transact(t.ctx(), func(ctx context.Context) error {
				_, _, err := stores[0].ClaimAnswer(ctx, callKey(n), asked(n), begin, begin)
				return err
			}))
		}
		var gone atomic.Int64
		together(4, func(i int) {
			n, err := stores[i%2].ForgetAnswers(t.ctx(), after(time.Hour), 100)
			if err != nil {
				t.Errorf("forget: %v", err)
			}
			gone.Add(int64(n))
		})
		n, err := stores[0].ForgetAnswers(t.ctx(), after(time.Hour), 100)
		t.fatal("forget", err)
		equal(t, "forgotten", gone.Add(int64(n)), 20)
	}},
}
