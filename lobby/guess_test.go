package lobby

import (
	"net/http"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address + ":1" }
}

// guessing is a lobby where Mina's device is registered, at a time that the test moves.
func guessing(t *testing.T) (now *time.Time, login func(secret, address string) reply) {
	t.Helper()
	now = new(time.Time)
	*now = time.Now()
	f := newFixture(t, func(_ *App, c *Config) { c.Now, c.LoginRate = func() time.Time { return *now }, -1 })
	f.do("POST", "/v1/register", "", `{`+customMina+`}`).into(t, 201, &signedIn{})
	return now, func(secret, address string) reply {
		return f.do("POST", "/v1/login", "", `{"platform":"custom","token":"device-1:`+secret+`"}`, from(address))
	}
}

const rightSecret, wrongSecret = "0123456789abcdef", "0123456789abcdeX"

func TestWrongSecretsAreLimitedByAccountAndAddress(t *testing.T) {
	t.Parallel()
	now, login := guessing(t)
	for range 3 * guessesAtOnce {
		login(rightSecret, "192.0.2.1").into(t, 200, &signedIn{}) // right ones do not count
	}
	for range guessesAtOnce {
		login(wrongSecret, "192.0.2.1").refused(t, 401, "wrong_token")
	}
	for _, secret := range []string{wrongSecret, rightSecret} {
		r := login(secret, "192.0.2.1")
		r.refused(t, 429, "rate_limited")
		if got := r.header.Get("Retry-After"); got != "11" {
			t.Errorf("got Retry-After %q, want 11", got)
		}
	}
	login(rightSecret, "192.0.2.2").into(t, 200, &signedIn{}) // the player itself, whom nobody has locked out
	*now = now.Add(10 * time.Second)
	login(rightSecret, "192.0.2.1").into(t, 200, &signedIn{})
}

func TestWrongSecretsFromManyAddressesAreLimitedByAccount(t *testing.T) {
	t.Parallel()
	now, login := guessing(t)
	for i := range allGuessesAtOnce {
		login(wrongSecret, netAddress(i)).refused(t, 401, "wrong_token")
	}
	login(wrongSecret, "192.0.2.1").refused(t, 429, "rate_limited")
	*now = now.Add(time.Second)
	login(rightSecret, "192.0.2.1").into(t, 200, &signedIn{})
}

// Right secrets take nothing from others, also when more accounts are tried at once than have a bucket of their own.
func TestRightSecretsTakeNothingWhereBucketsAreShared(t *testing.T) {
	t.Parallel()
	g, now := newGuesses(), time.Now()
	id := func(i int) store.Identity { return store.Identity{Platform: "custom", Subject: netAddress(i)} }
	for i := range maxBuckets {
		if _, err := g.try(id(i), "192.0.2.1", now); err != nil {
			t.Fatal(err)
		}
	}
	right := id(maxBuckets)
	for range 20 * guessesAtOnce {
		giveBack, err := g.try(right, "192.0.2.1", now)
		if err != nil {
			t.Fatalf("a right one: %v", err)
		}
		giveBack()
	}
	for range guessesAtOnce {
		if _, err := g.try(right, "192.0.2.1", now); err != nil {
			t.Fatalf("a wrong one: %v", err)
		}
	}
	if _, err := g.try(right, "192.0.2.1", now); err == nil {
		t.Error("wrong ones are not limited")
	}
	refused := 0
	for i := range 100 {
		if _, err := g.try(id(2*maxBuckets+i), "192.0.2.1", now); err != nil {
			refused++
		}
	}
	if refused > 20 {
		t.Errorf("of 100 others %d are refused for the wrong ones of one", refused)
	}
}
