package lobby

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

const (
	opsSecret     = "the-secret-of-ops-0123456789abcdef"
	supportSecret = "the-secret-of-support-0123456789ab"
)

// desk is a lobby on a database with its Admin.
type desk struct {
	*fixture
	db    store.Store
	admin *Admin
}

func newDesk(t *testing.T, db store.Store, change ...func(*App, *Config)) *desk {
	t.Helper()
	d := &desk{db: db}
	d.fixture = newFixture(t, append([]func(*App, *Config){func(app *App, c *Config) {
		bazaar(app)
		c.Store = db
	}}, change...)...)
	var err error
	d.admin, err = d.lobby.Admin(AdminConfig{Store: db, Keys: []AdminKey{{"ops", opsSecret}, {"support", supportSecret}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask sends a request to the Admin, by the key ops.
func (d *desk) ask(method, path, body string, edits ...func(*http.Request)) reply {
	d.t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = AdminPrefix + path
	var err error
	if r.URL, err = r.URL.Parse(r.RequestURI); err != nil {
		d.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+opsSecret)
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	d.admin.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

// is fails the test unless the reply has the status.
func (r reply) is(t *testing.T, status int) {
	t.Helper()
	if r.status != status {
		t.Errorf("got %s, want %d", r, status)
	}
}

func by(secret string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
}

// entries are the audit trail's, oldest first, each in a line.
func (d *desk) entries(query string) (lines []string) {
	d.t.Helper()
	var page auditPageJSON
	d.ask("GET", "/audit?limit=100"+query, "").into(d.t, 200, &page)
	for _, e := range slices.Backward(page.Entries) {
		lines = append(lines, fmt.Sprintf("%s %s user=%s target=%s %s %q", e.Actor, e.Action, e.User, e.Target, e.Params, e.Reason))
	}
	return lines
}

func onDesk(t *testing.T, test func(t *testing.T, d *desk)) {
	onBoth(t, func(t *testing.T, dsn string) { test(t, newDesk(t, database(t, dsn))) })
}

// returning is a guest that can come back.
func (d *desk) returning(secret string) (signedIn, func() reply) {
	d.t.Helper()
	login := func() reply {
		return d.do("POST", "/v1/login", "", `{"platform":"guest","token":"`+secret+`"}`)
	}
	var in signedIn
	login().into(d.t, 200, &in)
	d.broker.take()
	return in, login
}

func TestABannedPlayerIsOutAtOnceAndCantSignIn(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		in, login := d.returning("a secret-of-16-characters"[9:])
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		var ban bannedJSON
		d.ask("PUT", "/accounts/"+in.User.ID+"/ban", `{"until":"`+until.Format(time.RFC3339)+`","reason":"cheats"}`).into(t, 200, &ban)
		if ban.Ban == nil || !ban.Ban.Until.Equal(until) || ban.Ban.Reason != "cheats" {
			t.Errorf("got %+v", ban.Ban)
		}
		var moved []broker.SessionMoved
		_, notices := d.broker.take()
		for _, notice := range notices {
			if notice.Kind == broker.NoticeSession {
				var m broker.SessionMoved
				if err := json.Unmarshal(notice.Body, &m); err != nil {
					t.Fatal(err)
				}
				moved = append(moved, m)
			}
		}
		if want := []broker.SessionMoved{{User: in.User.ID}}; !slices.Equal(moved, want) {
			t.Errorf("gateways were told %+v, want %+v", moved, want)
		}
		d.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
		r := login()
		r.refused(t, 403, "banned")
		var p struct{ Until time.Time }
		if err := json.Unmarshal(r.body, &p); err != nil || !p.Until.Equal(until) {
			t.Errorf("got %s, %v; want until %v", r.body, err, until)
		}

		d.ask("PUT", "/accounts/"+in.User.ID+"/ban", `{"reason":"cheats again"}`, by(supportSecret)).into(t, 200, &ban)
		r = login()
		r.refused(t, 403, "banned")
		if strings.Contains(string(r.body), "until") {
			t.Errorf("banned for ever, got %s", r.body)
		}
		d.ask("DELETE", "/accounts/"+in.User.ID+"/ban", `{"reason":"a mistake"}`).is(t, 204)
		d.ask("DELETE", "/accounts/"+in.User.ID+"/ban", `{"reason":"a mistake"}`).refused(t, 404, "not_banned")
		login().into(t, 200, &signedIn{})

		want := []string{
			"ops account.ban user=" + in.User.ID + ` target= {"until":"` + until.Format(time.RFC3339) + `"} "cheats"`,
			"support account.ban user=" + in.User.ID + ` target= {"until":null} "cheats again"`,
			"ops account.unban user=" + in.User.ID + ` target= {} "a mistake"`,
		}
		if got := d.entries(""); !slices.Equal(got, want) {
			t.Errorf("audit: got  %q\nwant %q", got, want)
		}
		for query, n := range map[string]int{"&actor=support": 1, "&action=account.ban": 2, "&user=" + in.User.ID: 3, "&user=x": 0, "&target=x": 0, "&to=2020-01-01T00:00:00Z": 0, "&from=2020-01-01T00:00:00Z": 3} {
			if got := len(d.entries(query)); got != n {
				t.Errorf("audit %s: got %d entries, want %d", query, got, n)
			}
		}
	})
}

func TestAnOperatorsCallIsDoneAndKeptOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		one := newDesk(t, database(t, dsn))
		two := newDesk(t, database(t, dsn), func(_ *App, c *Config) { c.Tokens = one.lobby.config.Tokens })
		user := one.guest().User.ID
		path, body := "/accounts/"+user+"/ban", `{"reason":"cheats"}`
		first := one.ask("PUT", path, body, keyed("k1"))
		if again := two.ask("PUT", path, body, keyed("k1")); again.String() != first.String() || first.status != 200 {
			t.Errorf("got %s, then %s", first, again)
		}
		if got := one.entries(""); len(got) != 1 {
			t.Errorf("audit: got %q, want 1 entry", got)
		}
		two.ask("PUT", path, `{"reason":"another"}`, keyed("k1")).refused(t, 422, "idempotency_key_reused")
		two.ask("PUT", path, body, keyed("k1"), by(supportSecret)).into(t, 200, &bannedJSON{}) // its own key
		if got := one.entries(""); len(got) != 2 {
			t.Errorf("audit: got %q, want 2 entries", got)
		}
	})
}

func TestGrantsSentAtOnceAreMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		one := newDesk(t, database(t, dsn))
		two := newDesk(t, database(t, dsn), func(_ *App, c *Config) { c.Tokens = one.lobby.config.Tokens })
		user := one.guest().User.ID
		answers := make([]reply, 16)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				from, keys := []*desk{one, two}[i%2], [][]func(*http.Request){{keyed("k1")}, {by(supportSecret)}}[i/2%2]
				answers[i] = from.ask("POST", "/accounts/"+user+"/grants", `{"items":{"gold":7},"reference":"r","reason":"once"}`, keys...)
			})
		}
		all.Wait()
		for _, r := range answers {
			var got grantedJSON
			r.into(t, 200, &got)
			if got.Left[Gold] != 7 {
				t.Errorf("got %+v, want 7 gold", got)
			}
		}
		if have, err := one.db.Inventory(t.Context(), user); err != nil || have.Gold != 7 {
			t.Errorf("got %+v, %v; want 7 gold", have, err)
		}
		if got := one.entries(""); len(got) != 1 {
			t.Errorf("audit: got %q, want 1 entry", got)
		}
	})
}

// A trail that can't be kept keeps the deed from being done.
func TestNothingIsDoneThatIsNotAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		db := database(t, dsn)
		d := newDesk(t, db)
		d.admin.store = deaf{db}
		in := d.guest()
		d.ask("PUT", "/accounts/"+in.User.ID+"/ban", `{"reason":"cheats"}`).refused(t, 503, "unavailable")
		d.do("GET", "/v1/user", in.Token, "").into(t, 200, &struct{ User, Rooms any }{})
		if _, err := db.AccountBan(t.Context(), in.User.ID); err == nil {
			t.Error("the account is banned")
		}
	})
}

// deaf keeps no audit.
type deaf struct{ store.Store }

func (deaf) KeepAudit(context.Context, store.AuditEntry) error { return store.ErrUnavailable }

func TestAdminKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t, database(t, "sqlite:"+t.TempDir()+"/madang.db"))
	for _, key := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + opsSecret, "Bearer " + opsSecret + "x", "Bearer " + opsSecret[1:], "Bearer " + strings.Repeat("x", 5000), opsSecret} {
		d.ask("GET", "/audit", "", func(r *http.Request) {
			r.Header["Authorization"] = []string{key}
			r.RemoteAddr = "192.0.2." + fmt.Sprint(len(key)%250) + ":1"
		}).refused(t, 401, "wrong_key")
	}
	for _, secret := range []string{opsSecret, supportSecret} {
		d.ask("GET", "/audit", "", by(secret)).into(t, 200, &auditPageJSON{})
	}
	limited := false
	for range 2 * wrongAtOnce {
		limited = d.ask("GET", "/audit", "", by("x")).status == 429
	}
	if !limited {
		t.Error("wrong keys were never limited")
	}
	d.ask("GET", "/audit", "").into(t, 200, &auditPageJSON{}) // a right one is not kept out by that
	d.ask("GET", "/audit", "", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }).into(t, 200, &auditPageJSON{})
	if strings.Contains(d.log.String(), opsSecret) {
		t.Error("the log has a secret")
	}
}

func TestCallsByAKeyAreLimited(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := newDesk(t, database(t, "sqlite:"+t.TempDir()+"/madang.db"), func(_ *App, c *Config) { c.Now = func() time.Time { return now } })
	for range adminAtOnce {
		d.ask("GET", "/audit", "").into(t, 200, &auditPageJSON{})
	}
	d.ask("GET", "/audit", "").refused(t, 429, "rate_limited")
	d.ask("GET", "/audit", "", by(supportSecret)).into(t, 200, &auditPageJSON{})
	now = now.Add(time.Second)
	d.ask("GET", "/audit", "").into(t, 200, &auditPageJSON{})
}

func TestAdminKeysAreParsed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 43) + "="
	for text, want := range map[string]string{
		"a=" + long:                   "a",
		"a=" + long + ",b.2=y" + long: "a b.2",
		"# comment\na=" + long + " # more\n\nb=z" + long: "a b",
		"":                              "!",
		"# nothing":                     "!",
		"a":                             "!",
		"a=short":                       "!",
		"a b=" + long:                   "!",
		"=" + long:                      "!",
		"a=" + long + " a=y" + long:     "!",
		"a=" + long + " b=" + long:      "!",
		"a=é" + long:                    "!",
		"a=" + strings.Repeat("x", 201): "!",
	} {
		keys, err := ParseAdminKeys(text)
		got := []string{}
		for _, k := range keys {
			got = append(got, k.Name)
		}
		if err != nil {
			got = []string{"!"}
			if strings.Contains(err.Error(), "xxxx") {
				t.Errorf("%.20q: the error shows a secret: %v", text, err)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.40q: got %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := newFixture(t).lobby.Admin(AdminConfig{}); err == nil {
		t.Error("an Admin without keys: got no error")
	}
}

// The lobby that players reach has none of the calls, whatever key they give.
func TestPlayersReachNoAdmin(t *testing.T) {
	t.Parallel()
	d := newDesk(t, database(t, "sqlite:"+t.TempDir()+"/madang.db"))
	for _, r := range d.admin.routes {
		path := strings.NewReplacer(":id", d.guest().User.ID).Replace(AdminPrefix + r.path)
		for _, path := range []string{path, Prefix + path, Prefix + strings.TrimPrefix(path, AdminPrefix)} {
			got := d.do(r.method, path, opsSecret, `{"reason":"x"}`)
			if got.status != 404 && got.status != 405 && got.status != 401 {
				t.Errorf("%s %s: got %s", r.method, path, got)
			}
		}
	}
	d.do("GET", "/admin.yaml", "", "").refused(t, 404, "not_found")
	if lines := d.entries(""); len(lines) > 0 {
		t.Errorf("audit: got %q", lines)
	}
}
