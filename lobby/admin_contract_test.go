package lobby

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// describedAdmin reads the description that an Admin serves.
func (d *desk) described() map[string]any {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.admin.ServeHTTP(w, httptest.NewRequest("GET", "/admin.yaml", nil)) // without a key
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/yaml" {
		d.t.Fatalf("got %d %v", w.Code, w.Header())
	}
	return descriptionOf(d.t, w.Body.Bytes())
}

func TestTheAdminDescriptionIsWhole(t *testing.T) {
	t.Parallel()
	d := newDesk(t, database(t, "sqlite:"+t.TempDir()+"/madang.db"))
	doc := d.described()
	if calls := callsOf(t, doc); len(calls) != len(d.admin.routes) {
		t.Errorf("%d calls are described, want %d", len(calls), len(d.admin.routes))
	}
	var got []string
	for _, c := range at(doc, "components", "schemas", "Problem", "properties", "code", "enum").([]any) {
		got = append(got, c.(string))
	}
	text := fmt.Sprint(at(doc, "components", "responses"))
	for _, code := range got {
		if problems[code] == nil && adminProblems[code] == nil {
			t.Errorf("%s is described, and no problem's code", code)
		}
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("no response names %s", code)
		}
	}
	for code := range adminProblems {
		if !slices.Contains(got, code) {
			t.Errorf("%s is not described", code)
		}
		if problems[code] != nil {
			t.Errorf("%s is a code of the lobby's, too", code)
		}
	}
	var walk func(where string, node any)
	walk = func(where string, node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok && resolve(doc, ref) == nil {
				t.Errorf("%s: %s leads nowhere", where, ref)
			}
			for k, v := range n {
				walk(where+"/"+k, v)
			}
		case []any:
			for i, v := range n {
				walk(fmt.Sprint(where, "/", i), v)
			}
		}
	}
	walk("", doc)
}

// adminExamples are bodies of calls that the schema alone does not give good ones for.
var adminExamples = map[string]map[string]any{
	"PUT /admin/v1/accounts/{id}/ban":     {"until": "2126-12-24T00:00:00Z"},
	"PATCH /admin/v1/accounts/{id}":       {"name": "Mina"},
	"POST /admin/v1/accounts/{id}/grants": {"items": map[string]any{"gold": 10, "potion": 1}, "reference": "ticket/1"},
	"PUT /admin/v1/maintenance":           {"text": "Soon.", "in": 2592000, "exempt": []any{"x"}},
}

// siege is a desk that gets what a stranger with a key may send.
type siege struct {
	*desk
	said map[string]bool
	sent int
}

func (s *siege) send(c *call, what, target, body string, edits ...func(*http.Request)) reply {
	s.t.Helper()
	s.sent++
	u, err := url.ParseRequestURI(target)
	if err != nil {
		s.t.Fatalf("%s: %v", target, err)
	}
	r := s.ask(c.method, "", body, append([]func(*http.Request){func(r *http.Request) { r.URL, r.RequestURI = u, target }}, edits...)...)
	if wrong := c.undeclared(s.t, r); wrong != "" && !s.said[c.String()+wrong] {
		s.said[c.String()+wrong] = true
		s.t.Errorf("%s with %s: %s: %.300s: got %s\n%.300s", c, what, wrong, target, r, body)
	}
	return r
}

// right is a path that leads somewhere: to a thing of its own for each request, as most are gone or changed afterwards.
func (s *siege) right(c *call) string {
	s.t.Helper()
	id := "lobby"
	switch strings.Split(c.path, "/")[3] {
	case "accounts":
		id = s.guest().User.ID
	case "rooms":
		id = s.room(s.guest().Token, "pair").Room.ID
	}
	return c.usual(id)
}

func TestNoAdminCallFailsWhateverItIsSent(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		now := time.Now()
		db := database(t, dsn)
		s := &siege{said: map[string]bool{}, desk: newDesk(t, db, func(_ *App, c *Config) {
			c.LoginRate = -1
			c.Now = func() time.Time { now = now.Add(time.Second); return now } // so that no call is limited
		})}
		every := 1
		if !strings.HasPrefix(dsn, "sqlite:") {
			every = 7 // each request is several round trips
		}
		tried := 0
		skip := func() bool { tried++; return tried%every > 0 }
		for _, c := range callsOf(t, s.described()) {
			good := map[string]any{}
			if c.body != nil {
				good["reason"] = "because"
				maps.Copy(good, adminExamples[c.String()])
				if s, ok := sample(c.doc, c.body).(map[string]any); ok && c.String() == "POST /admin/v1/rooms/{id}/kick" {
					good["user"] = s["user"]
				}
			}
			for _, key := range []string{"", "x", opsSecret + "x", strings.Repeat("x", 5000), "\x00"} {
				s.send(c, "no key", s.right(c), text(good), func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + key} }).refused(t, 401, "wrong_key")
			}
			for _, value := range hostileTexts {
				if !skip() {
					s.send(c, "odd path", c.usual(value), text(good))
				}
				for _, p := range append(c.in("query"), param{name: "unknown"}) {
					if skip() {
						continue
					}
					query := url.QueryEscape(p.name) + "=" + url.QueryEscape(value)
					s.send(c, p.name+" in the query", s.right(c)+"?"+query, "")
					s.send(c, p.name+" twice in the query", s.right(c)+"?"+query+"&"+query+"x", "")
				}
			}
			if !c.changes() {
				if r := s.send(c, "nothing", s.right(c), ""); r.status != 200 && r.status != 404 && c.path != AdminPrefix+"/accounts" {
					t.Errorf("%s: got %s", c, r)
				}
				continue
			}
			for _, body := range hostileBodies {
				if !skip() {
					s.send(c, "odd body", s.right(c), body)
					s.send(c, "odd body and a key", s.right(c), body, keyed(fmt.Sprint("key ", s.sent)))
				}
			}
			s.send(c, "no reason", s.right(c), "{}").refused(t, 400, "bad_request")
			for what, body := range changed(good, hostileValues, text) {
				if !skip() {
					s.send(c, what, s.right(c), body)
				}
			}
			good["nobody_knows"] = 1
			s.send(c, "unknown field", s.right(c), text(good)).refused(t, 400, "bad_request")
			s.send(c, "a form", s.right(c), "reason=x", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }).refused(t, 415, "unsupported_media_type")
			s.send(c, "a large body", s.right(c), `{"reason":"`+strings.Repeat("x", maxBody)+`"}`).refused(t, 413, "body_too_large")
		}
		if s.sent < 500 {
			t.Errorf("sent %d requests", s.sent)
		}
	})
}
