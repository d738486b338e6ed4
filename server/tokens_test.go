package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// keyStore keeps keys as a store does.
type keyStore struct{ keys []store.TokenKey }

func (k *keyStore) TokenKeys(_ context.Context, fresh []store.TokenKey, oldest time.Time) ([]store.TokenKey, error) {
	all := append([]store.TokenKey(nil), fresh...)
	for _, old := range k.keys {
		if old.From.Before(oldest) {
			continue
		}
		known := false
		for i, f := range all {
			if f.ID == old.ID {
				all[i], known = old, true
			}
		}
		if !known {
			all = append(all, old)
		}
	}
	k.keys = all
	return all, nil
}

func ringAt(t *testing.T, kept *keyStore, now time.Time) *token.Ring {
	t.Helper()
	keys, err := storedKeys(t.Context(), kept, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := token.Fixed(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Two processes, one of which has last looked a while ago: each takes what the other signs, as long as that lives.
func TestStoredKeysRotateWithoutALapse(t *testing.T) {
	t.Parallel()
	kept := &keyStore{}
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const life = 30 * 24 * time.Hour
	type issued struct {
		text string
		end  time.Time
	}
	var all []issued
	stale := ringAt(t, kept, begin)
	used := map[string]bool{}
	for now := begin; now.Before(begin.Add(200 * 24 * time.Hour)); now = now.Add(36 * time.Hour) {
		fresh := ringAt(t, kept, now)
		text := fresh.Sign(token.Claims{ExpiresAt: now.Add(life)}, now)
		used[strings.Split(text, ".")[1]] = true
		all = append(all, issued{text, now.Add(life)})
		if _, err := stale.Open(text, now); err != nil {
			t.Fatalf("%v: the other process refuses a fresh token: %v", now, err)
		}
		for _, i := range all {
			if _, err := fresh.Open(i.text, now); (err == nil) != now.Before(i.end) {
				t.Fatalf("%v: a token that ends at %v: %v", now, i.end, err)
			}
		}
		stale = fresh
	}
	if len(used) < 6 {
		t.Errorf("got %d keys in 200 days", len(used))
	}
	if len(kept.keys) > 5 {
		t.Errorf("%d keys are kept, want the old ones to go", len(kept.keys))
	}
}

func TestTokenKeysAreGivenByFileOrThemselves(t *testing.T) {
	t.Parallel()
	seed := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("new="+seed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	open := func(given string) (*token.Ring, error) {
		return (&Server{config: Config{TokenKeys: given}}).openTokens(t.Context(), &keyStore{})
	}
	var texts []string
	for _, given := range []string{file, "new=" + seed, "new=" + seed + ", old=" + seed} {
		r, err := open(given)
		if err != nil {
			t.Fatalf("%s: %v", given, err)
		}
		texts = append(texts, r.Sign(token.Claims{ExpiresAt: now.Add(time.Hour)}, now))
	}
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("got %q, want the same from all", texts)
	}
	malformed := filepath.Join(t.TempDir(), "malformed")
	if err := os.WriteFile(malformed, []byte("new "+seed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut := seed[:len(seed)-8]
	for _, given := range []string{
		filepath.Join(t.TempDir(), "none"), malformed, "new=" + seed + " new=" + seed,
		"new=" + cut, "new = " + seed, "new:" + seed, "new:" + cut, cut, strings.TrimRight(seed, "=") + "\n", seed + "=new", "a new one=" + seed,
		strings.Repeat("sixteen and more", 2) + "=" + seed,
	} {
		if _, err := open(given); err == nil || strings.Contains(err.Error(), cut) || !strings.Contains(err.Error(), "--token-keys") {
			t.Errorf("%s: got %v", given, err)
		}
	}
}
