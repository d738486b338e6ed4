package lobby

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/store"
)

func TestBodiesAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	room := f.room(in.Token, "pair").Room.ID
	kind := func(k string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", k) }
	}
	for _, path := range []string{"/v1/login", "/v1/logout", "/v1/rooms", "/v1/rooms/random", "/v1/rooms/" + room + "/join", "/v1/rooms/" + room + "/leave"} {
		for name, c := range map[string]struct {
			body   string
			kind   string
			status int
			code   string
		}{
			"unknown field":  {`{"colour":1}`, "application/json", 400, "bad_request"},
			"no object":      {`[]`, "application/json", 400, "bad_request"},
			"null":           {`null`, "application/json", 400, "bad_request"},
			"two values":     {`{} {}`, "application/json", 400, "bad_request"},
			"cut":            {`{"game":`, "application/json", 400, "bad_request"},
			"no JSON":        {`{game}`, "application/json", 400, "bad_request"},
			"no UTF-8":       {"{\"game\":\"\xff\"}", "application/json", 400, "bad_request"},
			"deep":           {`{"game":` + strings.Repeat("[", 30000), "application/json", 400, "bad_request"},
			"too large":      {`{"game":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", 413, "body_too_large"},
			"a form":         {`game=pair`, "application/x-www-form-urlencoded", 415, "unsupported_media_type"},
			"no type":        {`{}`, "", 415, "unsupported_media_type"},
			"malformed type": {`{}`, "application/json;;=", 415, "unsupported_media_type"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				f.do("POST", path, in.Token, c.body, kind(c.kind)).refused(t, c.status, c.code)
				f.do("POST", path, in.Token, c.body, kind(c.kind), func(r *http.Request) { r.ContentLength = -1 }).refused(t, c.status, c.code)
			})
		}
	}
	f.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, kind("application/json; charset=utf-8")).into(t, 201, &placeJSON{})
	r := f.do("POST", "/v1/rooms", in.Token, `{"game":"pair","colour":1}`)
	if !strings.Contains(string(r.body), `colour`) {
		t.Errorf("the refusal %s does not name the field", r.body)
	}
}

func TestCallsThatAreNone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/rooms/", "/v1/rooms/a/b/c", "/", "/v2/login"} {
		f.do("GET", path, in.Token, "").refused(t, 404, "not_found")
	}
	f.do("POST", "/v1/rooms//join", in.Token, "").refused(t, 404, "not_found")
	for path, allow := range map[string]string{"/v1/login": "OPTIONS, POST", "/v1/games": "OPTIONS, GET", "/v1/rooms/r": "OPTIONS, GET", "/openapi.yaml": "OPTIONS, GET"} {
		r := f.do("DELETE", path, in.Token, "")
		r.refused(t, 405, "method_not_allowed")
		if got := r.header.Get("Allow"); got != allow {
			t.Errorf("%s: got Allow %q, want %q", path, got, allow)
		}
	}
}

func TestEveryCallButFourNeedsASession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, r := range f.lobby.builtIn() {
		if r.path == "/login" || r.path == "/register" || r.path == "/games" {
			continue
		}
		f.do(r.method, Prefix+strings.ReplaceAll(r.path, ":id", "x"), "", `{"colour":1}`).refused(t, 401, "not_signed_in")
	}
}

func TestStoreThatIsAway(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	room := f.room(in.Token, "pair").Room.ID
	f.store.fail(fmt.Errorf("read: %w", store.ErrUnavailable))
	for _, call := range []string{"POST /v1/login", "POST /v1/logout", "GET /v1/user", "GET /v1/rooms", "POST /v1/rooms", "POST /v1/rooms/random", "GET /v1/rooms/" + room, "POST /v1/rooms/" + room + "/join", "POST /v1/rooms/" + room + "/leave"} {
		method, path, _ := strings.Cut(call, " ")
		body := map[string]string{"/v1/login": `{"platform":"guest"}`, "/v1/rooms": `{"game":"pair"}`, "/v1/rooms/random": `{"game":"pair"}`}[path]
		r := f.do(method, path, in.Token, body)
		r.refused(t, 503, "unavailable")
		if r.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got Retry-After %q", call, r.header.Get("Retry-After"))
		}
	}
}

func TestGamesAreListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.do("GET", "/v1/games", "", "")
	const want = `{"games":[` +
		`{"name":"pair","version":"1","versions":["1"],"capacity":2,"policy":{"keep":"durable","grace_ms":0,"idle_ms":0,"retain":0,"queue":77,"spectators":0,"owner_closes":false},"boards":[],"modes":[],"labels":[]},` +
		`{"name":"race","version":"2","versions":["2"],"capacity":200,"policy":{"keep":"checkpointed","checkpoint_ms":1000,"grace_ms":0,"idle_ms":0,"retain":0,"queue":0,"spectators":0,"owner_closes":false},"boards":[],"modes":[],"labels":[]},` +
		`{"name":"talk","version":"1.10","versions":["1.10","1.9"],"capacity":3,"policy":{"keep":"ephemeral","grace_ms":0,"idle_ms":0,"retain":0,"queue":0,"spectators":0,"owner_closes":false},"boards":[],"modes":[],"labels":[]}]}`
	if string(r.body) != want {
		t.Errorf("got  %s\nwant %s", r.body, want)
	}
}

func TestVersionsAreOrderedAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	rising := []string{"", "1", "1.2", "1.2-rc", "1.9", "1.10", "2", "2026-01-02", "2026-1-3", "v1", "v2", "v10"}
	for i, a := range rising {
		for j, b := range rising {
			if got, want := compareVersions(a, b), sign(i-j); sign(got) != want {
				t.Errorf("%q to %q: got %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

func TestPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
	}
	for _, c := range []struct {
		origins []string
		origin  string
		allowed bool
	}{
		{nil, "https://a.example", false},
		{[]string{"https://a.example"}, "https://a.example", true},
		{[]string{"https://a.example"}, "https://b.example", false},
		{[]string{"*"}, "https://b.example", true},
	} {
		f := newFixture(t, func(_ *App, cfg *Config) { cfg.Origins = c.origins })
		want := map[bool]string{true: c.origin}[c.allowed]
		pre := f.do("OPTIONS", "/v1/login", "", "", from(c.origin))
		if got := pre.header.Get("Access-Control-Allow-Origin"); got != want || pre.status != 204 ||
			(pre.header.Get("Access-Control-Allow-Headers") != "") != c.allowed {
			t.Errorf("%+v: preflight got %d %v", c, pre.status, pre.header)
		}
		call := f.do("GET", "/v1/user", "", "", from(c.origin))
		call.refused(t, 401, "not_signed_in")
		if got := call.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%+v: call got %v", c, call.header)
		}
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := newFixture(t, func(app *App, c *Config) {
		c.Metrics = registry
		app.GET("/boom", func(*Context) error { panic("boom") })
	})
	if _, err := New().Serve(f.lobby.config); err != nil {
		t.Errorf("a second lobby on the same registry: %v", err)
	}
	in := f.guest()
	f.do("GET", "/v1/rooms/none", in.Token, "")
	f.do("GET", "/v1/boom", in.Token, "")
	f.do("GET", "/v1/none", in.Token, "")
	f.do("BREW", "/v1/login", in.Token, "")
	f.do("GET", "/openapi.yaml", "", "")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		if family.GetName() != "madang_lobby_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			line := fmt.Sprint(m.GetCounter().GetValue())
			for _, l := range m.GetLabel() { // ordered by name: method, route, status
				line += " " + l.GetValue()
			}
			got = append(got, line)
		}
	}
	want := []string{
		"1 GET  404", "1 GET /openapi.yaml 200", "1 GET /v1/boom 500", "1 GET /v1/rooms/:id 404", "1 POST /v1/login 200", "1 other  405",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
