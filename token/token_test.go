package token

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func key(t *testing.T, id string, seed byte, from time.Time) Key {
	t.Helper()
	k, err := NewKey(id, bytes.Repeat([]byte{seed}, 32), from)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ring(t *testing.T, keys ...Key) *Ring {
	t.Helper()
	r, err := Fixed(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrRefused) {
		t.Errorf("%s: got error %v, want %v", what, err, ErrRefused)
	}
}

func TestATokenSaysWhatWasSigned(t *testing.T) {
	t.Parallel()
	r := ring(t, key(t, "a", 1, noon))
	want := Claims{Secret: Secret{1, 2, 3}, ExpiresAt: noon.Add(time.Hour)}
	text := r.Sign(want, noon)
	got, err := r.Open(text, noon)
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	hash, err := r.Hash(text, noon)
	if err != nil || hash != want.Secret.Hash() {
		t.Errorf("got hash %x, %v", hash, err)
	}
	if strings.ContainsAny(text, ":\\ \n") || len(text) > MaxLength {
		t.Errorf("%q can't be a header's value", text)
	}
}

func TestATokenEnds(t *testing.T) {
	t.Parallel()
	r := ring(t, key(t, "a", 1, noon))
	text := r.Sign(Claims{ExpiresAt: noon.Add(time.Hour)}, noon)
	if _, err := r.Open(text, noon.Add(time.Hour-time.Nanosecond)); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	_, err := r.Open(text, noon.Add(time.Hour))
	refused(t, "at its end", err)
	_, err = r.Hash(text, noon.Add(time.Hour))
	refused(t, "hash at its end", err)
}

func TestNoChangedTokenIsTaken(t *testing.T) {
	t.Parallel()
	r := ring(t, key(t, "a", 1, noon), key(t, "b", 2, noon.Add(-time.Hour)))
	text := r.Sign(Claims{Secret: Secret{9}, ExpiresAt: noon.Add(time.Hour)}, noon)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"
	for i := range text {
		for _, c := range alphabet {
			if changed := text[:i] + string(c) + text[i+1:]; changed != text {
				_, err := r.Open(changed, noon)
				refused(t, changed, err)
			}
		}
		_, err := r.Open(text[:i], noon)
		refused(t, "cut", err)
		_, err = r.Open(text[:i]+"A"+text[i:], noon)
		if text[:i]+"A"+text[i:] != text {
			refused(t, "longer", err)
		}
	}
	_, err := r.Open(text+strings.Repeat("A", 1<<20), noon)
	refused(t, "much longer", err)
}

func TestStrangersTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := ring(t, key(t, "a", 1, noon))
	payload := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 16), uint64(noon.Add(time.Hour).Unix())))
	far := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 16), 1<<63))
	own := key(t, "a", 1, noon)
	signed := func(head string) string {
		return head + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(own.private, []byte(head)))
	}
	for name, text := range map[string]string{
		"nothing":             "",
		"random":              "3q2-7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWc",
		"unsigned":            "m1.a." + payload + ".",
		"no signature":        "m1.a." + payload,
		"zero signature":      "m1.a." + payload + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"another's key":       key(t, "a", 2, noon).sign(Claims{ExpiresAt: noon.Add(time.Hour)}),
		"an unknown key":      key(t, "z", 1, noon).sign(Claims{ExpiresAt: noon.Add(time.Hour)}),
		"another version":     signed("m2.a." + payload),
		"an end without end":  signed("m1.a." + far),
		"a short payload":     signed("m1.a.AAAA"),
		"a JWT without a key": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
	} {
		_, err := r.Open(text, noon)
		refused(t, name, err)
	}
}

func TestTheNewestKeyThatHasBegunSigns(t *testing.T) {
	t.Parallel()
	r := ring(t, key(t, "later", 3, noon.Add(time.Hour)), key(t, "old", 1, noon.Add(-time.Hour)), key(t, "new", 2, noon))
	for at, want := range map[time.Time]string{
		noon.Add(-2 * time.Hour): "old", noon.Add(-time.Minute): "old", noon: "new", noon.Add(time.Hour): "later",
	} {
		text := r.Sign(Claims{ExpiresAt: at.Add(time.Hour)}, at)
		if got := strings.Split(text, ".")[1]; got != want {
			t.Errorf("at %v: got key %q, want %q", at, got, want)
		}
		if _, err := r.Open(text, at); err != nil {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

func TestKeysAreExchangedWhileItRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a, b := key(t, "a", 1, now), key(t, "b", 2, now.Add(time.Second))
		var given atomic.Pointer[[]Key]
		given.Store(&[]Key{a})
		var broken atomic.Bool
		r, err := NewRing(t.Context(), func(context.Context) ([]Key, error) {
			if broken.Load() {
				return nil, errors.New("away")
			}
			return *given.Load(), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		var log strings.Builder
		go func() { done <- r.Run(ctx, slog.New(slog.NewTextHandler(&log, nil))) }()
		wait := func() { time.Sleep(reloadEvery + time.Second); synctest.Wait() }
		sign := func() string { return r.Sign(Claims{ExpiresAt: time.Now().Add(time.Hour)}, time.Now()) }
		check := func(what, text string, want error) {
			t.Helper()
			if _, err := r.Open(text, time.Now()); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", what, err, want)
			}
		}
		old := sign()
		given.Store(&[]Key{a, b})
		wait()
		fresh := sign()
		if !strings.HasPrefix(fresh, "m1.b.") {
			t.Errorf("got %s, want one of the new key", fresh)
		}
		check("the old key's, both there", old, nil)
		given.Store(&[]Key{b})
		wait()
		check("the old key's, which is gone", old, ErrRefused)
		check("the new key's", fresh, nil)
		broken.Store(true)
		wait()
		wait()
		check("while the keys can't be loaded", fresh, nil)
		if got := strings.Count(log.String(), "\n"); got != 1 {
			t.Errorf("got %d lines in the log, want 1: %s", got, log.String())
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestNoKeysNoRing(t *testing.T) {
	t.Parallel()
	if _, err := Fixed(); err == nil {
		t.Error("a ring without keys: got no error")
	}
	away := errors.New("away")
	if _, err := NewRing(t.Context(), func(context.Context) ([]Key, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("got %v, want %v", err, away)
	}
}

func TestKeysAreRead(t *testing.T) {
	t.Parallel()
	seed := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	keys, err := Parse("# the keys\nnew=" + seed + "  # since May\r\n\nold=" + strings.TrimRight(seed, "=") + ",older=" + seed)
	if err != nil || len(keys) != 3 {
		t.Fatalf("got %v, %v", keys, err)
	}
	r := ring(t, keys...)
	if text := r.Sign(Claims{ExpiresAt: noon}, noon.Add(-time.Hour)); !strings.HasPrefix(text, "m1.new.") {
		t.Errorf("got %s, want the first key to sign", text)
	}
	if !bytes.Equal(keys[1].Seed(), bytes.Repeat([]byte{7}, 32)) {
		t.Errorf("got seed %x", keys[1].Seed())
	}
	for name, text := range map[string]string{
		"none": "", "comment": "# a=" + seed, "no id": "=" + seed, "bad id": "a.b=" + seed, "long id": strings.Repeat("a", 17) + "=" + seed,
		"short": "a=AAAA", "no base64": "a=" + strings.Repeat("*", 43), "no seed": "a", "twice": "a=" + seed + " a=" + seed,
	} {
		if keys, err := Parse(text); err == nil {
			t.Errorf("%s: got %d keys and no error", name, len(keys))
		} else if strings.Contains(fmt.Sprint(err), seed) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, _ := Generate("a", noon)
	r, _ := Fixed(k)
	good := r.Sign(Claims{ExpiresAt: noon.Add(time.Hour)}, noon)
	f.Add(good)
	f.Add("m1.a..")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := r.Open(text, noon); err == nil && text != good {
			t.Errorf("%q is taken", text)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	k, _ := Generate("a", noon)
	r, _ := Fixed(k)
	text := r.Sign(Claims{ExpiresAt: noon.Add(time.Hour)}, noon)
	for b.Loop() {
		if _, err := r.Open(text, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTokensThatWereSeenEndWithTheirKeyAndTheirTime(t *testing.T) {
	t.Parallel()
	one, err := Generate("one", noon)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Generate("two", noon)
	if err != nil {
		t.Fatal(err)
	}
	keys := []Key{one}
	r, err := NewRing(t.Context(), func(context.Context) ([]Key, error) { return keys, nil })
	if err != nil {
		t.Fatal(err)
	}
	text := r.Sign(Claims{ExpiresAt: noon.Add(time.Hour)}, noon)
	opens := func(at time.Time, want bool) {
		t.Helper()
		for range 2 { // the second time it has been seen
			if _, err := r.Open(text, at); (err == nil) != want {
				t.Errorf("at %v: got %v, want it taken: %v", at, err, want)
			}
		}
	}
	opens(noon, true)
	opens(noon.Add(time.Hour), false)
	opens(noon, true)
	for _, changed := range []int{0, 1, len(text) - 1} {
		other := []byte(text)
		other[changed] ^= 1
		if _, err := r.Open(string(other), noon); err == nil {
			t.Errorf("taken with another byte %d", changed)
		}
	}
	keys = []Key{two, one}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	opens(noon, true)
	keys = []Key{two}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	opens(noon, false)
}

func TestManyTokensAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	k, err := Generate("one", noon)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Fixed(k)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				want := noon.Add(time.Duration(1+(i+n)%50) * time.Hour)
				c, err := r.Open(r.Sign(Claims{ExpiresAt: want}, noon), noon)
				if err != nil || !c.ExpiresAt.Equal(want) {
					t.Errorf("got %v and %v, want one until %v", c, err, want)
				}
			}
		})
	}
	all.Wait()
	var one seen
	keys := r.keys.Load()
	for n := range 20 * seenShards * seenMost / 10 {
		at, _, _ := one.get(keys, fmt.Sprint(n))
		one.put(keys, at, Claims{})
	}
	for i := range one {
		if got := len(one[i].of); got > seenMost {
			t.Errorf("shard %d remembers %d, want at most %d", i, got, seenMost)
		}
	}
}
