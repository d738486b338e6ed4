package lobby

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

func TestGuestGetsANameAndASession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	if _, err := cleanName(in.User.Name); err != nil || in.User.ID == "" || !in.User.Guest || in.User.Level != 1 {
		t.Errorf("got user %+v (%v)", in.User, err)
	}
	if want := "ws://example.com/stomp"; in.Stomp.URL != want {
		t.Errorf("gateway: got %q, want %q", in.Stomp.URL, want)
	}
	if days := time.Until(in.ExpiresAt).Hours() / 24; len(in.Token) < 100 || days < 29.9 || days > 30.1 {
		t.Errorf("got token %q for %v days", in.Token, days)
	}
	var me struct {
		User  userJSON  `json:"user"`
		Rooms []satJSON `json:"rooms"`
	}
	f.do("GET", "/v1/user", in.Token, "").into(t, 200, &me)
	if me.User != in.User || me.Rooms == nil || len(me.Rooms) != 0 {
		t.Errorf("got %+v, want user %+v and no rooms", me, in.User)
	}
}

func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do("POST", "/v1/login", "", `{"platform":"guest","name":"Mina"}`).into(t, 200, &signedIn{})
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"no body":          {``, 400, "unknown_platform"},
		"other platform":   {`{"platform":"steam"}`, 400, "unknown_platform"},
		"taken name":       {`{"platform":"guest","name":"mINA"}`, 409, "name_taken"},
		"empty name":       {`{"platform":"guest","name":""}`, 400, "invalid_name"},
		"reserved name":    {`{"platform":"guest","name":"A.d-m_i'n"}`, 400, "invalid_name"},
		"short token":      {`{"platform":"guest","token":"123456789012345"}`, 400, "bad_request"},
		"long token":       {`{"platform":"guest","token":"` + strings.Repeat("x", 201) + `"}`, 400, "bad_request"},
		"token with space": {`{"platform":"guest","token":"12345678 12345678"}`, 400, "bad_request"},
		"name of a number": {`{"platform":"guest","name":7}`, 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) { f.do("POST", "/v1/login", "", c.body).refused(t, c.status, c.code) })
	}
}

func TestGuestComesBackWithItsTokenAndEndsTheOlderSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const body = `{"platform":"guest","token":"a-secret-of-mine-0001"}`
	var first, second signedIn
	f.do("POST", "/v1/login", "", body).into(t, 200, &first)
	f.broker.take()
	f.do("POST", "/v1/login", "", body).into(t, 200, &second)
	if first.User != second.User || first.Token == second.Token {
		t.Errorf("got %+v, then %+v", first, second)
	}
	f.do("GET", "/v1/user", first.Token, "").refused(t, 401, "not_signed_in")
	if got := f.do("GET", "/v1/user", second.Token, "").status; got != 200 {
		t.Errorf("the new session gets %d", got)
	}
	_, notices := f.broker.take()
	var moved broker.SessionMoved
	if len(notices) != 1 || notices[0].Kind != broker.NoticeSession || notices[0].From != "l1" || json.Unmarshal(notices[0].Body, &moved) != nil {
		t.Fatalf("got notices %+v", notices)
	}
	if moved.User != first.User.ID || moved.Session == "" {
		t.Errorf("got %+v", moved)
	}
}

func TestLogoutEndsTheSessionEverywhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	if r := f.do("POST", "/v1/logout", in.Token, ""); r.status != 204 || len(r.body) != 0 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	_, notices := f.broker.take()
	if len(notices) != 1 || string(notices[0].Body) != `{"user":"`+in.User.ID+`","session":""}` {
		t.Errorf("got notices %+v", notices)
	}
	r := f.do("POST", "/v1/logout", in.Token, "")
	r.refused(t, 401, "not_signed_in")
	if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="madang"` {
		t.Errorf("got WWW-Authenticate %q", got)
	}
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := newFixture(t, func(_ *App, c *Config) { c.Now = func() time.Time { return now } })
	in := f.guest()
	now = now.Add(SessionLife - time.Second)
	if got := f.do("GET", "/v1/user", in.Token, "").status; got != 200 {
		t.Errorf("a second before its end the session gets %d", got)
	}
	now = now.Add(2 * time.Second)
	f.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
}

func TestAuthorizationOfAnyOtherFormIsNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + in.Token, in.Token, "Bearer x" + in.Token, "Bearer " + strings.Repeat("x", 5000)} {
		f.do("GET", "/v1/user", "", "", func(r *http.Request) { r.Header.Set("Authorization", header) }).refused(t, 401, "not_signed_in")
	}
	if got := f.do("GET", "/v1/user", "", "", func(r *http.Request) { r.Header.Set("Authorization", "bearer "+in.Token) }).status; got != 200 {
		t.Errorf("the scheme in lower case gets %d", got)
	}
}

func TestAccountThatIsGoneIsNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	f.store.accounts = map[string]store.Account{}
	f.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
}

func TestLoginIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := newFixture(t, func(_ *App, c *Config) {
		c.LoginRate, c.LoginBurst, c.Now = 0.5, 3, func() time.Time { return now }
	})
	login := func(address string) reply {
		return f.do("POST", "/v1/login", "", `{"platform":"guest"}`, func(r *http.Request) { r.RemoteAddr = address })
	}
	for range 3 {
		login("192.0.2.1:1000").into(t, 200, &signedIn{})
	}
	r := login("192.0.2.1:2000")
	r.refused(t, 429, "rate_limited")
	if got := r.header.Get("Retry-After"); got != "3" {
		t.Errorf("got Retry-After %q, want 3: 2 s to the next, rounded up", got)
	}
	login("192.0.2.2:1000").into(t, 200, &signedIn{})
	for range 9 {
		login("127.0.0.1:1000").into(t, 200, &signedIn{})
		login("[::1]:1000").into(t, 200, &signedIn{})
	}
	now = now.Add(2 * time.Second)
	login("192.0.2.1:1000").into(t, 200, &signedIn{})
	login("192.0.2.1:1000").refused(t, 429, "rate_limited")
}

func TestLimiterKeepsHouseholdsApartAndItsMemoryBounded(t *testing.T) {
	t.Parallel()
	l := newLimiter(1, 1)
	now := time.Now()
	for _, c := range []struct {
		address string
		ok      bool
	}{{"2001:db8::1", true}, {"2001:db8::2", false}, {"2001:db8:0:1::1", true}, {"::ffff:192.0.2.9", true}, {"192.0.2.9", false}, {"@", true}, {"nonsense", false}} {
		if _, ok := l.take(c.address, now); ok != c.ok {
			t.Errorf("%s: got %v, want %v", c.address, ok, c.ok)
		}
	}
	for i := range maxBuckets + 100 {
		l.take(netAddress(i), now)
	}
	if len(l.due) > maxBuckets {
		t.Errorf("got %d addresses", len(l.due))
	}
	l.take("203.0.113.1", now)
	if _, ok := l.take("203.0.113.1", now); ok {
		t.Error("an address beyond the bound is not limited")
	}
	if _, ok := l.take("203.0.113.1", now.Add(2*time.Second)); !ok || len(l.due) > 2 {
		t.Errorf("after the rest of all others: got %v with %d addresses", ok, len(l.due))
	}
}

func TestProxyIsBelievedOnlyWhereItIsTrusted(t *testing.T) {
	t.Parallel()
	for _, trust := range []bool{true, false} {
		f := newFixture(t, func(_ *App, c *Config) { c.TrustProxy, c.LoginRate, c.LoginBurst = trust, 0.001, 1 })
		proxied := func(r *http.Request) {
			r.RemoteAddr = "198.51.100.7:1"
			r.Header.Set("X-Forwarded-For", "10.9.9.9, 192.0.2.1")
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Request-Id", "abc-1")
			r.Host = "play.example.org"
		}
		login := func(edit func(*http.Request)) reply {
			return f.do("POST", "/v1/login", "", `{"platform":"guest"}`, proxied, edit)
		}
		var in signedIn
		r := login(func(*http.Request) {})
		r.into(t, 200, &in)
		if got := r.header.Get("X-Request-Id") == "abc-1"; got != trust {
			t.Errorf("trust %v: the proxy's request id is kept: %v", trust, got)
		}
		other := login(func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.9.9.9, 192.0.2.2") })
		if got := other.status == 200; got != trust {
			t.Errorf("trust %v: another player gets %d", trust, other.status)
		}
		var p placeJSON
		f.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, proxied).into(t, 201, &p)
		want := map[bool]string{true: "wss://play.example.org/stomp", false: "ws://play.example.org/stomp"}[trust]
		if p.Stomp.URL != want {
			t.Errorf("trust %v: got %s, want %s", trust, p.Stomp.URL, want)
		}
	}
}

func netAddress(i int) string {
	return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
}
