package lobby

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

type refreshed struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

func TestARefreshedSessionLivesOn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := newFixture(t, func(_ *App, c *Config) { c.Now = func() time.Time { return now } })
	in := f.guest()
	now = now.Add(SessionLife / 2)
	var again refreshed
	f.do("POST", "/v1/session/refresh", in.Token, "").into(t, 200, &again)
	if want := now.Add(SessionLife); !again.ExpiresAt.Equal(want) || again.Token == in.Token {
		t.Errorf("got a token until %v, want a new one until %v", again.ExpiresAt, want)
	}
	if _, notices := f.broker.take(); len(notices) != 0 {
		t.Errorf("gateways are told %+v, want nothing: the session is the same", notices)
	}
	for _, text := range []string{in.Token, again.Token} {
		if got := f.do("GET", "/v1/user", text, "").status; got != 200 {
			t.Errorf("got %d, want both tokens to be good", got)
		}
	}
	now = now.Add(SessionLife/2 + time.Second)
	f.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
	f.do("POST", "/v1/session/refresh", in.Token, "").refused(t, 401, "not_signed_in")
	if got := f.do("GET", "/v1/user", again.Token, "").status; got != 200 {
		t.Errorf("the refreshed token gets %d", got)
	}
	f.do("POST", "/v1/logout", again.Token, "").into204(t)
	f.do("GET", "/v1/user", again.Token, "").refused(t, 401, "not_signed_in")
}

// What is no living token of ours is refused without a look at the store.
func TestFalseTokensDoNotReachTheStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	strange, err := newRing()
	if err != nil {
		t.Fatal(err)
	}
	over := f.lobby.config.Tokens.Sign(token.Claims{ExpiresAt: time.Now().Add(-time.Second)}, time.Now())
	f.store.fail(store.ErrUnavailable)
	for name, text := range map[string]string{
		"a stranger's": strange.Sign(token.Claims{ExpiresAt: time.Now().Add(time.Hour)}, time.Now()),
		"over":         over,
		"changed":      in.Token[:len(in.Token)-2] + "zz",
		"unsigned":     in.Token[:strings.LastIndexByte(in.Token, '.')+1],
		"random":       "3q2-7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWc",
	} {
		t.Run(name, func(t *testing.T) { f.do("GET", "/v1/user", text, "").refused(t, 401, "not_signed_in") })
	}
	f.do("GET", "/v1/user", in.Token, "").refused(t, 503, "unavailable")
}

// into204 wants a reply without a body.
func (r reply) into204(t *testing.T) {
	t.Helper()
	if r.status != http.StatusNoContent || len(r.body) != 0 {
		t.Errorf("got %d %s, want 204", r.status, r.body)
	}
}
