package lobby

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
)

func TestPasswordsAreKeptAsArgon2id(t *testing.T) {
	t.Parallel()
	h := newHasher()
	one, err := h.hash(t.Context(), "192.0.2.1", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.hash(t.Context(), "192.0.2.1", "correct horse")
	if err != nil || one == two {
		t.Errorf("got %q and %q, %v; want two salts", one, two, err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(one, want) || strings.Contains(one, "horse") {
		t.Errorf("got %q, want it to begin with %q", one, want)
	}
	for password, want := range map[string]bool{"correct horse": true, "Correct horse": false, "": false} {
		ok, weak, err := h.matches(t.Context(), "192.0.2.1", password, one)
		if ok != want || weak || err != nil {
			t.Errorf("%q: got %v, weak %v, %v; want %v", password, ok, weak, err, want)
		}
	}
	if ok, _, err := h.matches(t.Context(), "192.0.2.1", "", h.unknown); ok || err != nil {
		t.Errorf("nobody's hash: got %v, %v", ok, err)
	}
	if strings.Count(h.unknown, "$") != 5 || !strings.HasPrefix(h.unknown, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("nobody's hash is %q, want the parameters of all others: else it takes another time", h.unknown)
	}
}

func TestKeptHashesThatAreMalformed(t *testing.T) {
	t.Parallel()
	h := newHasher()
	good := strings.Split(h.unknown, "$")
	for name, change := range map[string]func([]string){
		"another kind":    func(p []string) { p[1] = "argon2i" },
		"another version": func(p []string) { p[2] = "v=16" },
		"no time":         func(p []string) { p[3] = "m=19456,t=0,p=1" },
		"huge":            func(p []string) { p[3] = "m=4294967295,t=1,p=1" },
		"no parameters":   func(p []string) { p[3] = "x" },
		"salt":            func(p []string) { p[4] = "*" },
		"short hash":      func(p []string) { p[5] = "AAAA" },
	} {
		parts := append([]string(nil), good...)
		change(parts)
		if _, _, err := h.matches(t.Context(), "192.0.2.1", "x", strings.Join(parts, "$")); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, _, err := h.matches(t.Context(), "192.0.2.1", "x", ""); err == nil {
		t.Error("nothing: got no error")
	}
}

func TestAWeakHashIsMadeAnewAtSignIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do("POST", "/v1/register", "", `{`+passwordMina+`}`).into(t, 201, &signedIn{})
	salt := []byte("0123456789abcdef")
	weak := coded(1, 64, 1, salt, argon2.IDKey([]byte("correct horse"), salt, 1, 64, 1, hashSize))
	p, err := passwordProof("mina@example.org:correct horse")
	if err != nil {
		t.Fatal(err)
	}
	f.store.secrets[p.id] = weak
	f.do("POST", "/v1/login", "", `{`+passwordMina+`}`).into(t, 200, &signedIn{})
	if got := f.store.secrets[p.id]; got == weak || !strings.Contains(got, "m=19456,t=2,p=1") {
		t.Errorf("got %q", got)
	}
	f.do("POST", "/v1/login", "", `{`+passwordMina+`}`).into(t, 200, &signedIn{})
}

// full is a hasher whose slots are taken.
func full(t *testing.T) *hasher {
	t.Helper()
	h := newHasher()
	for range cap(h.slots) {
		if err := h.enter(t.Context(), "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// However many come at once, few hash at a time, a bounded number waits, and the rest is told to come back.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := full(t)
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for i := range h.most {
			waiting.Go(func() {
				if err := h.enter(ctx, netAddress(i)); !errors.Is(err, context.Canceled) {
					t.Errorf("who waits gets %v, want %v", err, context.Canceled)
				}
			})
		}
		synctest.Wait()
		err := h.enter(t.Context(), "192.0.2.1")
		if p := problemOf(err); p.code != "unavailable" || p.retryAfter == 0 {
			t.Errorf("one too many: got %v", err)
		}
		cancel()
		waiting.Wait()
		h.leave()
		if err := h.enter(t.Context(), "192.0.2.1"); err != nil {
			t.Errorf("after one has left: %v", err)
		}
		if len(h.from) != 0 || h.waiting != 0 {
			t.Errorf("nobody waits, but %d addresses and %d are counted", len(h.from), h.waiting)
		}
	})
}

func TestOneAddressTakesFewOfThePlacesWherePasswordsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := full(t)
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		wait := func(address string) { waiting.Go(func() { _ = h.enter(ctx, address) }) }
		for range waitsPerAddress {
			wait("2001:db8::1")
		}
		synctest.Wait()
		err := h.enter(t.Context(), "2001:db8::2") // of the same household
		if p := problemOf(err); p.code != "rate_limited" || p.retryAfter == 0 {
			t.Errorf("one more of the address: got %v, want rate_limited", err)
		}
		got := make(chan error, 1)
		waiting.Go(func() { got <- h.enter(ctx, "192.0.2.1") })
		for range 2 * waitsPerAddress {
			wait("127.0.0.1") // this machine itself
		}
		synctest.Wait()
		if want := 1 + 3*waitsPerAddress; h.waiting != want {
			t.Errorf("%d wait, want %d", h.waiting, want)
		}
		cancel()
		waiting.Wait()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("another address got %v while it should wait", err)
		}
	})
}

func TestNobodyWaitsForAPasswordUntilTheRequestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := full(t)
		began := time.Now()
		err := h.enter(t.Context(), "192.0.2.1")
		if p := problemOf(err); p.code != "unavailable" || p.retryAfter == 0 {
			t.Errorf("got %v, want unavailable", err)
		}
		if took := time.Since(began); took > requestTimeout/3 { // of the bubble's time
			t.Errorf("refused after %v", took)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := newHasher()
	for b.Loop() {
		if _, err := h.hash(b.Context(), "192.0.2.1", "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSaltsAreNotShared(t *testing.T) {
	t.Parallel()
	h := newHasher()
	seen := map[string]bool{}
	for range 3 {
		kept, err := h.hash(t.Context(), "192.0.2.1", "x")
		if err != nil {
			t.Fatal(err)
		}
		salt := strings.Split(kept, "$")[4]
		if raw, err := base64.RawStdEncoding.DecodeString(salt); err != nil || len(raw) != saltSize || seen[salt] {
			t.Errorf("got salt %q (%v) again %v", salt, err, seen[salt])
		}
		seen[salt] = true
	}
}
