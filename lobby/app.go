// Package lobby is the REST side of a deployment: accounts, sessions, rooms and seats, and the game's own routes.
package lobby

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// Handler answers one request of a signed-in player. What it gave to [Context.JSON] is sent when it returns nil; with
// no answer given the player gets 204. An error from [Problem] is sent as it says; any other error, and a panic, is
// logged and sent as 500 internal. In both cases what was given to JSON is forgotten.
//
// A route that may change things (POST, PUT, PATCH, DELETE) is one transaction of the store: what the handler did by its
// Context is kept when it returns nil, and undone when it returns an error or panics. So it may be run again from the start, when
// the database has undone it because of others: what else is to happen belongs into [Context.After]. It has 2 s, and while it
// runs others may wait for it. The same request sent again with its Idempotency-Key is answered without running it again.
type Handler func(*Context) error

// App is what a game adds to the lobby: its own REST routes, its items, and the modes for which players are found. Register them before [App.Serve]; the routes
// are served under /v1, to signed-in players only, with the same limits and errors as the lobby's own. A mistake in a
// registration panics.
type App struct {
	mu      sync.Mutex
	routes  []route
	details map[string]details // of those with types, by shape
	items   []Item
	jobs    map[string]*jobFunc // by name
	modes   []*mode
	served  bool
}

// New returns an App without routes: the lobby's own are always served.
func New() *App { return &App{} }

// GET serves h at GET /v1 + path. A path is made of plain segments and parameters: "/items/:id".
func (a *App) GET(path string, h Handler) { a.add(http.MethodGet, path, h) }

// POST serves h at POST /v1 + path.
func (a *App) POST(path string, h Handler) { a.add(http.MethodPost, path, h) }

// PUT serves h at PUT /v1 + path.
func (a *App) PUT(path string, h Handler) { a.add(http.MethodPut, path, h) }

// PATCH serves h at PATCH /v1 + path.
func (a *App) PATCH(path string, h Handler) { a.add(http.MethodPatch, path, h) }

// DELETE serves h at DELETE /v1 + path.
func (a *App) DELETE(path string, h Handler) { a.add(http.MethodDelete, path, h) }

// Prefix is where the routes of the lobby and of the game are.
const Prefix = "/v1"

// route is one call that the lobby answers.
type route struct {
	method   string
	path     string // below Prefix
	signedIn bool   // only for players who are
	handle   Handler
}

var pathSegment = regexp.MustCompile(`^(:[A-Za-z][A-Za-z0-9_]*|[A-Za-z0-9._~-]+)$`)

func (a *App) add(method, path string, h Handler) {
	call := "app." + method + "(\"" + path + "\", ...)"
	if h == nil {
		panic("lobby: " + call + " has no handler: give it a func(*lobby.Context) error")
	}
	if path == Prefix || strings.HasPrefix(path, Prefix+"/") {
		panic(fmt.Sprintf("lobby: %s: routes are under %s already; write %q", call, Prefix, "/"+strings.TrimPrefix(path[len(Prefix):], "/")))
	}
	if !strings.HasPrefix(path, "/") || path == "/" {
		panic("lobby: " + call + ": a path begins with a slash and names something, such as \"/user/items\"")
	}
	params := map[string]bool{}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if !pathSegment.MatchString(segment) {
			panic(fmt.Sprintf("lobby: %s: segment %q is neither a plain word nor a parameter; write paths such as \"/items/:id\"", call, segment))
		}
		if strings.HasPrefix(segment, ":") {
			if params[segment] {
				panic(fmt.Sprintf("lobby: %s: parameter %s is there twice; give each its own name", call, segment))
			}
			params[segment] = true
		}
	}
	if taken[shape(method, path)] && shape(method, path) != replaceable {
		panic(fmt.Sprintf("lobby: %s: %s %s%s belongs to the lobby itself; choose another path, such as \"/game%s\"", call, method, Prefix, path, path))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served {
		panic("lobby: " + call + " comes too late: register routes before the app is served")
	}
	for _, r := range a.routes {
		if shape(r.method, r.path) == shape(method, path) {
			panic(fmt.Sprintf("lobby: %s: %s %s is registered already; remove one of the two or give one another path", call, r.method, r.path))
		}
	}
	a.routes = append(a.routes, route{method, path, true, h})
}

// take returns the routes; from now on none can be added.
func (a *App) take() []route {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.served = true
	return a.routes
}

var paramName = regexp.MustCompile(`:[A-Za-z0-9_]+`)

// shape is what two routes have in common that answer the same requests.
func shape(method, path string) string {
	return method + " " + paramName.ReplaceAllString(path, ":")
}

// replaceable is the one route of the lobby's own that a game may answer in its place.
var replaceable = shape(http.MethodGet, "/user/items")

// taken holds the shapes of the lobby's own routes.
var taken = func() map[string]bool {
	all := map[string]bool{}
	for _, r := range (&Service{}).builtIn() {
		all[shape(r.method, r.path)] = true
	}
	return all
}()
