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

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby/platform"
	"github.com/madang-games/madang/match"
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
	ids   []string // of players, rooms, games, items, platforms and what else there is
	token string   // of who attacks
	own   []string // ids of what who attacks has made; nil: nothing yet
	sent  int      // requests
	every int      // of so many hostile values one is sent; 0: all are
	tried int      // hostile values
	said  map[string]bool
}

// examples are games of the names that the description's examples use.
func examples() (games []handlers.Definition) {
	for _, name := range []string{"othello", "relay", "arena"} {
		games = append(games, &toy{name: name, version: "1", policy: handlers.Policy{Keep: handlers.Durable{}, Capacity: 4, Boards: []handlers.Board{{Counts: handlers.Sum}}}})
	}
	return games
}

func newHostage(t *testing.T, s store.Store, change ...func(*App, *Config)) *hostage {
	t.Helper()
	f := newFixture(t, append(change, func(app *App, c *Config) {
		app.Item(Item{ID: "potion", PerPlayer: 20, Price: 3})
		app.Item(Item{ID: "crown", PerPlayer: 1, Bound: true})
		gifts(app)
		app.Match("othello", "", match.Rules{Teams: 2})
		app.Match("arena", "squads", match.Rules{Teams: 2, Max: 2, Regions: []string{"eu"}, Properties: []string{"map"}})
		c.Games = examples()
		c.Store, c.LoginRate = s, -1
		c.Platforms = map[string]platform.Platform{"steam": &vouching{}}
	})...)
	h := &hostage{fixture: f, said: map[string]bool{}, calls: callsOf(t, describedBy(t, f))}
	h.ids = []string{f.guest().User.ID, "othello", "potion", "steam", "password", "guest", "1"}
	h.enter()
	h.make()
	h.ids = append(h.ids, h.own...) // which are another's from now on
	h.enter()
	return h
}

// make has who attacks make one of each thing that can be made: each call that may answer 201 is sent its examples. Ids are what the
// answers call id.
func (h *hostage) make() {
	h.t.Helper()
	h.own = []string{}
	for _, c := range h.calls {
		if c.responses["201"] == nil || c.open || len(c.in("path")) > 0 {
			continue
		}
		for _, good := range c.good {
			var answer any
			_ = json.Unmarshal(h.send(c, "an example", c.path, text(good)).body, &answer)
			h.own = append(h.own, idsIn(answer)...)
		}
	}
}

// idsIn are the texts that are called id in an answer.
func idsIn(answer any) (ids []string) {
	switch a := answer.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(a)) {
			if id, ok := a[name].(string); ok && name == "id" {
				ids = append(ids, id)
			}
			ids = append(ids, idsIn(a[name])...)
		}
	case []any:
		for _, one := range a {
			ids = append(ids, idsIn(one)...)
		}
	}
	return ids
}

// enter signs a new player in, who is rich.
func (h *hostage) enter() {
	h.t.Helper()
	in := h.guest()
	h.token, h.own = in.Token, nil
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
	if wrong := c.undeclared(h.t, r); wrong != "" && !h.said[c.String()+wrong] {
		h.said[c.String()+wrong] = true // once is enough
		h.t.Errorf("%s with %s: %s: %.300s: got %d %.300s\n%.300s", c, what, wrong, target, r.status, r.body, body)
	}
	if r.status == http.StatusTooManyRequests { // another one goes on
		own := h.own
		h.enter()
		h.own = own
	}
	if c.changes() && r.status < 300 && h.do("GET", Prefix+"/user", h.token, "").status != 200 {
		h.enter() // it has logged out, or is deleted
	}
	return r
}

// both sends a request without an Idempotency-Key, and each fourth with one, too: what is refused is then kept.
func (h *hostage) both(c *call, what, target, body string) {
	h.t.Helper()
	if h.tried++; h.every > 0 && h.tried%h.every > 0 {
		return
	}
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

// right are values for the path's parameters that lead somewhere: ids that there are, of the right kind, if there are such. The
// attacker's own come first.
func (h *hostage) right(c *call) (values map[string]string, there bool) {
	h.t.Helper()
	good := ""
	if len(c.good) > 0 {
		good = text(c.good[0])
	}
	named := []map[string]string{{}}
	for _, p := range c.in("path") {
		var more []map[string]string
		for _, values := range named {
			for _, id := range h.all() {
				one := maps.Clone(values)
				one[p.name] = id
				more = append(more, one)
			}
		}
		named = more
	}
	for _, values := range named {
		if len(named) == 1 || h.send(c, "a good body", c.target(values), good).status != http.StatusNotFound {
			return values, true
		}
	}
	return named[0], false
}

// all are all ids that there are.
func (h *hostage) all() []string { return slices.Concat(h.own, h.ids) }

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
		if !strings.HasPrefix(dsn, "sqlite:") {
			h.every = 5 // each request is several round trips
		}
		for _, c := range h.calls {
			h.attack(c)
		}
	})
}

func (h *hostage) attack(c *call) {
	h.t.Helper()
	if h.own == nil {
		h.make()
	}
	right, there := h.right(c)
	target := c.target(right)
	if !c.open {
		for _, token := range []string{"", "x", "m1.x.y.z", h.token + "x", strings.Repeat("x", 5000), "\x00"} {
			h.send(c, "no session", target, "", func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + token} }).refused(h.t, 401, "not_signed_in")
		}
	}
	values := slices.Clone(hostileValues)
	for _, id := range h.all() {
		values = append(values, text(id))
	}
	if c.changes() {
		h.attackBody(c, target, there, values)
	}
	for _, p := range c.in("path") {
		for _, value := range slices.Concat(hostileTexts, h.all()) {
			named := maps.Clone(right)
			named[p.name] = value
			body := ""
			if len(c.good) > 0 {
				body = text(c.good[0])
			}
			h.both(c, p.name+" in the path", c.target(named), body)
		}
	}
	for _, p := range append(c.in("query"), param{name: "unknown"}) {
		for _, value := range slices.Concat(hostileTexts, h.all()) {
			query := url.QueryEscape(p.name) + "=" + url.QueryEscape(value)
			h.both(c, p.name+" in the query", target+"?"+query, "")
			h.both(c, p.name+" in the query twice", target+"?"+query+"&"+query+"x", "")
		}
		for _, query := range []string{p.name, "&&=", "%zz=1", p.name + "[]=1", p.name + "[a]=1", p.name + "[a][b]=1&" + p.name + "[=", ";", strings.Repeat(p.name+"=1&", 500)} {
			h.both(c, "an odd query", target+"?"+query, "")
		}
	}
}

// attackBody sends bodies to a target; there: it leads somewhere, so that a bad body is the first thing to be said of it.
func (h *hostage) attackBody(c *call, target string, there bool, values []string) {
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
			if r := h.send(c, "a body that is no object", target, body); there {
				r.refused(h.t, 400, "bad_request")
			}
		}
		if at(c.body, "additionalProperties") != false {
			h.t.Errorf("%s: the schema of its body lacks additionalProperties: false", c)
		}
		for _, example := range c.good {
			if o, ok := example.(map[string]any); ok {
				o = maps.Clone(o)
				o["nobody_knows"] = 1
				if r := h.send(c, "an unknown field", target, text(o)); there {
					r.refused(h.t, 400, "bad_request")
				}
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
