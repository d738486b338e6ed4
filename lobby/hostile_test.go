package lobby

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/lobby/platform"
	"github.com/madang-games/madang/store"
)

// What a stranger may send to any call, and what may then never happen: a fault, or an answer that the description does not name. A
// call that needs longer than its 15 s is a fault, too. The calls are those of the description, so that new ones are among them.

// hostileValues stand, as JSON, in the place of each value of a body.
var hostileValues = []string{
	`null`, `true`, `0`, `-1`, `0.5`, `1e400`, `9007199254740993`, `9223372036854775808`, `-9223372036854775809`,
	`""`, `" "`, `"x"`, `"me"`, `"\u0000"`, `"a\u0000b"`, `"\ud800"`, `"\u202e\u2066"`, `"%00"`, `"../.."`, `"' OR 1=1 --"`, `"{{7*7}}"`, `"🧨🧨🧨"`, `"lobby-99999999999999999999"`,
	`"` + strings.Repeat("x", 65) + `"`, `"` + strings.Repeat("한", 300) + `"`, `"` + strings.Repeat("x", 60000) + `"`,
	`[]`, `[null]`, `[[[]]]`, `[` + strings.Repeat(`1,`, 5000) + `1]`, `{}`, `{"":{}}`, `{"a":{"b":{"c":[]}}}`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
}

// hostileBodies stand in the place of a whole body.
var hostileBodies = []string{
	``, ` `, `[]`, `null`, `7`, `"x"`, `{`, `{}`, `{} {}`, `{"`, `[}`, "\x00", "\xff\xfe", "{\"\xff\":1}", "{\"a\":\"\xc3\x28\"}", `{"a":1,"a":2}`, "\ufeff{}",
	`{"__proto__":{}}`, strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 12000), `{"x":` + strings.Repeat("9", 60000) + `}`,
}

// hostileTexts stand in the place of what paths and queries hold.
var hostileTexts = []string{
	"x", "-", "me", " ", "%", "%00", "\x00", "a\x00b", "\xff", "\u202e", "..", "../..", "a/b", "a,b,,c", ";", "'", "' OR 1=1 --", "한", "-1", "0", "1e9", "0.5",
	"99999999999999999999", "lobby-0", "lobby-99999999999999999999", "-60.1795348800000000.17", "9223372036854775807.9223372036854775807.9223372036854775807", "1.gold", "1.\x00",
	"day:9999-99-99", "season:", "MTc5NTM0ODgwMDAwMDAwMC4x", strings.Repeat("x", 65), strings.Repeat("9", 300), strings.Repeat("a,", 2000), strings.Repeat("x", 7000),
}

// hostage is a lobby on a database, with everything that ids may name.
type hostage struct {
	*fixture
	calls []*call
	ids   []string // of players, rooms, games, items, platforms; first a room of who attacks
	token string   // of who attacks
	sent  int      // requests
}

func newHostage(t *testing.T, s store.Store) *hostage {
	t.Helper()
	f := newFixture(t, func(app *App, c *Config) {
		app.Item(Item{ID: "potion", PerPlayer: 20, Price: 3})
		app.Item(Item{ID: "crown", PerPlayer: 1, Bound: true})
		gifts(app)
		c.Games = toys()[:3] // the fourth is broken on purpose
		c.Store, c.LoginRate = s, -1
		c.Platforms = map[string]platform.Platform{"steam": &vouching{}}
	})
	h := &hostage{fixture: f, calls: callsOf(t, describedBy(t, f))}
	other := f.guest()
	h.ids = []string{"", other.User.ID, f.room(other.Token, "pair").Room.ID, f.room(other.Token, "talk").Room.ID, "pair", "potion", "steam", "password", "guest"}
	h.enter()
	return h
}

// enter signs a new player in, who is rich and has a room.
func (h *hostage) enter() {
	h.t.Helper()
	in := h.guest()
	h.token, h.ids[0] = in.Token, h.room(in.Token, "talk").Room.ID
	_, err := h.lobby.config.Store.Post(h.t.Context(), store.Posting{Reference: "rich/" + in.User.ID, Reason: "rich", At: time.Now(), Entries: []store.Entry{
		{Account: in.User.ID, Item: Gold, Amount: 1000}, {Account: store.House, Item: Gold, Amount: -1000},
		{Account: in.User.ID, Item: "potion", Amount: 10}, {Account: store.House, Item: "potion", Amount: -10},
	}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// send sends one request and holds the answer against the description.
func (h *hostage) send(c *call, what, target, body string, edits ...func(*http.Request)) reply {
	h.t.Helper()
	h.sent++
	token := h.token
	if c.open {
		token = ""
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		h.t.Fatalf("%s: %v", target, err)
	}
	put := func(r *http.Request) { r.URL, r.RequestURI = u, target }
	r := h.do(c.method, "/", token, body, append([]func(*http.Request){put}, edits...)...)
	if wrong := c.undeclared(h.t, r); wrong != "" {
		h.t.Errorf("%s with %s: %s: %.300s: got %d %.300s\n%.300s", c, what, wrong, target, r.status, r.body, body)
	}
	if c.changes() && r.status < 300 && h.do("GET", Prefix+"/user", h.token, "").status != 200 {
		h.enter() // it has logged out, or is deleted
	}
	return r
}

// both sends a request without an Idempotency-Key, and each fourth with one, too: what is refused is then kept.
func (h *hostage) both(c *call, what, target, body string) {
	h.t.Helper()
	h.send(c, what, target, body)
	if c.changes() && h.sent%4 == 0 {
		h.send(c, what+" and a key", target, body, keyed(fmt.Sprint("the key of hostile call ", h.sent)))
	}
}

// usual are values for the path's parameters: each is the one text.
func (c *call) usual(text string) string {
	values := map[string]string{}
	for _, p := range c.in("path") {
		values[p.name] = text
	}
	return c.target(values)
}

// right is an address that leads somewhere: the path's parameters are ids that there are, of the right kind, if there are such.
func (h *hostage) right(c *call) string {
	h.t.Helper()
	good := ""
	if len(c.good) > 0 {
		good = text(c.good[0])
	}
	named := []map[string]string{{}}
	for _, p := range c.in("path") {
		var more []map[string]string
		for _, values := range named {
			for _, id := range h.ids {
				one := maps.Clone(values)
				one[p.name] = id
				more = append(more, one)
			}
		}
		named = more
	}
	for _, values := range named {
		if target := c.target(values); len(named) == 1 || h.send(c, "a good body", target, good).status != http.StatusNotFound {
			return target
		}
	}
	return c.target(named[0])
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// changed are bodies made of a good one: each value is replaced by each hostile one and each id, left out, and beside each stands a field that nobody knows.
func changed(good any, values []string, done func(any) string) (bodies map[string]string) {
	bodies = map[string]string{}
	switch g := good.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(g)) {
			with := func(v any) any {
				o := maps.Clone(g)
				o[name] = v
				return o
			}
			without := maps.Clone(g)
			delete(without, name)
			bodies["no "+name] = done(without)
			for i, v := range values {
				bodies[fmt.Sprint(name, " ", i)] = done(with(json.RawMessage(v)))
			}
			for what, body := range changed(g[name], values, func(v any) string { return done(with(v)) }) {
				bodies[name+"."+what] = body
			}
		}
	case []any:
		if len(g) > 0 {
			for what, body := range changed(g[0], values, func(v any) string { return done(append([]any{v}, g[1:]...)) }) {
				bodies["0."+what] = body
			}
		}
	}
	return bodies
}

func TestNoCallFailsWhateverItIsSent(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		h := newHostage(t, database(t, dsn))
		for _, c := range h.calls {
			h.attack(c)
		}
	})
}

func (h *hostage) attack(c *call) {
	h.t.Helper()
	target := h.right(c)
	if !c.open {
		for _, token := range []string{"", "x", "m1.x.y.z", h.token + "x", strings.Repeat("x", 5000), "\x00"} {
			h.send(c, "no session", target, "", func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + token} }).refused(h.t, 401, "not_signed_in")
		}
	}
	values := slices.Clone(hostileValues)
	for _, id := range h.ids {
		values = append(values, text(id))
	}
	if c.changes() {
		h.attackBody(c, target, values)
	}
	for _, p := range c.in("path") {
		for _, value := range slices.Concat(hostileTexts, h.ids) {
			for _, rest := range []string{h.ids[0], h.ids[1], h.ids[2], "pair"} {
				named := map[string]string{}
				for _, q := range c.in("path") {
					named[q.name] = rest
				}
				named[p.name] = value
				body := ""
				if len(c.good) > 0 {
					body = text(c.good[0])
				}
				h.both(c, p.name+" in the path", c.target(named), body)
				if len(c.in("path")) == 1 {
					break
				}
			}
		}
	}
	for _, p := range append(c.in("query"), param{name: "unknown"}) {
		for _, value := range slices.Concat(hostileTexts, h.ids) {
			query := url.QueryEscape(p.name) + "=" + url.QueryEscape(value)
			h.send(c, p.name+" in the query", target+"?"+query, "")
			h.send(c, p.name+" in the query twice", target+"?"+query+"&"+query+"x", "")
		}
		for _, query := range []string{p.name, "&&=", "%zz=1", p.name + "[]=1", p.name + "[a]=1", p.name + "[a][b]=1&" + p.name + "[=", ";", strings.Repeat(p.name+"=1&", 500)} {
			h.send(c, "an odd query", target+"?"+query, "")
		}
	}
}

func (h *hostage) attackBody(c *call, target string, values []string) {
	h.t.Helper()
	good := `{}`
	if len(c.good) > 0 {
		good = text(c.good[0])
	}
	kind := func(k ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Content-Type"] = k }
	}
	for _, k := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json;;=", "application/xml", "\x00", strings.Repeat("x", 5000)} {
		h.send(c, "another kind of body", target, good, kind(k)).refused(h.t, 415, "unsupported_media_type")
	}
	large := `{"x":"` + strings.Repeat("x", maxBody) + `"}`
	h.send(c, "a large body", target, large).refused(h.t, 413, "body_too_large")
	h.send(c, "a large body of no length", target, large, func(r *http.Request) { r.ContentLength = -1 }).refused(h.t, 413, "body_too_large")
	for _, key := range [][]string{{""}, {"a", "b"}, {"\x00"}, {"é"}, {strings.Repeat("x", 256)}} {
		h.send(c, "an odd key", target, good, func(r *http.Request) { r.Header["Idempotency-Key"] = key }).refused(h.t, 400, "bad_request")
	}
	for _, body := range hostileBodies {
		h.both(c, "an odd body", target, body)
	}
	if c.body != nil {
		for _, body := range []string{`[]`, `null`, `7`, `{`, `{"a":1`} {
			h.send(c, "a body that is no object", target, body).refused(h.t, 400, "bad_request")
		}
		if at(c.body, "additionalProperties") != false {
			h.t.Errorf("%s: the schema of its body lacks additionalProperties: false", c)
		}
		for _, example := range c.good {
			if o, ok := example.(map[string]any); ok {
				o = maps.Clone(o)
				o["nobody_knows"] = 1
				h.send(c, "an unknown field", target, text(o)).refused(h.t, 400, "bad_request")
			}
		}
	}
	examples := append([]any{}, c.good...)
	if c.body != nil {
		examples = append(examples, sample(h.calls[0].doc, c.body))
	}
	for _, example := range examples {
		bodies := changed(example, values, text)
		for _, what := range slices.Sorted(maps.Keys(bodies)) {
			h.both(c, what, target, bodies[what])
		}
	}
}

func FuzzRoutes(f *testing.F) {
	folder, err := os.MkdirTemp("", "madang")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(folder) })
	s := database(f, "sqlite:"+filepath.Join(folder, "madang.db"))
	for i, c := range callsOf(f, descriptionOf(f, OpenAPI)) {
		f.Add(i, "x", "limit=1&cursor=x", "application/json", "", "")
		for _, good := range c.good {
			f.Add(i, "pair", "game=pair&limit=x", "application/json", "k", text(good))
		}
	}
	for i, body := range hostileBodies {
		f.Add(i, hostileTexts[i], hostileTexts[i], "application/json", "a key of sixteen", body)
	}
	var first *hostage
	f.Fuzz(func(t *testing.T, n int, id, query, kind, key, body string) {
		if first == nil {
			first = newHostage(t, s)
		}
		h, of := *first, *first.fixture
		h.fixture, of.t = &of, t
		h.enter()
		n %= len(h.calls)
		c := h.calls[max(n, -n)]
		h.send(c, "fuzz", c.usual(id), body, func(r *http.Request) {
			r.URL.RawQuery = query
			r.Header["Content-Type"] = []string{kind}
			if key != "" {
				r.Header["Idempotency-Key"] = []string{key}
			}
		})
	})
}
