package handlers

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// Game is a game whose rooms have a state of type S: its name, its policy, its functions. Register everything before it
// is played; mistakes in what is registered panic with a sentence that says what to write instead. Once it is played
// nothing can be registered any more, and it is safe for concurrent use.
type Game[S any] struct{ rules }

// rules is a Game without its type: what the engine works with. States are *S in an any.
type rules struct {
	name    string
	version string
	policy  Policy // with its defaults

	fresh  func() any
	decode func(data []byte) (any, error)
	// fragile: a state may refuse to be encoded.
	fragile bool

	on         map[string]Handler
	onAny      Handler
	timers     map[string]Handler
	jobs       map[string]func(*Room, *Event) error // by name: what takes their results
	tick       func(*Room) error
	tickEvery  time.Duration
	joined     hook
	left       hook
	suspended  hook
	resumed    hook
	watched    hook
	unwatched  hook
	snapshot   func(*Room, string) (any, error)
	open       func(*Opener, any, []byte) error
	middleware []Middleware
	latest     []string // types of which only the newest matters

	seal   sync.Once
	sealed atomic.Bool
}

type hook func(*Room, Player) error

var _ Definition = (*Game[struct{}])(nil)

var (
	gameName    = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	versionName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
)

// New begins a game. Name is what players and operators call it: 1 to 32 of a-z, 0-9, _ and -. S is a struct that
// comes back from JSON as it was; fresh makes the state of a new room.
func New[S any](name string, fresh func() *S) *Game[S] {
	if !gameName.MatchString(name) {
		panic(fmt.Sprintf("handlers.New: game name %q; write 1 to 32 of a-z, 0-9, _ and -", name))
	}
	fragile, err := checkState(reflect.TypeFor[S]())
	if err != nil {
		panic(fmt.Sprintf("handlers.New(%q): %v", name, err))
	}
	if fresh == nil {
		panic(fmt.Sprintf("handlers.New(%q): fresh is nil; write func() *S that makes the state of a new room", name))
	}
	g := &Game[S]{rules{
		name:    name,
		version: "1",
		fresh: func() any {
			if s := fresh(); s != nil {
				return s
			}
			panic(fmt.Sprintf("game %q: fresh returned nil; return a state", name))
		},
		decode: func(data []byte) (any, error) {
			s := new(S)
			return s, json.Unmarshal(data, s)
		},
		fragile: fragile,
		on:      map[string]Handler{},
		timers:  map[string]Handler{},
	}}
	g.policy, _ = Policy{}.filled()
	data, err := json.Marshal(g.fresh())
	if err == nil {
		_, err = g.decode(data)
	}
	if err != nil {
		panic(fmt.Sprintf("handlers.New(%q): the fresh state does not go through JSON and back: %v", name, err))
	}
	return g
}

// WithPolicy says what the game asks of its rooms; without it the zero Policy holds. It returns g.
func (g *Game[S]) WithPolicy(p Policy) *Game[S] {
	g.mayRegister("WithPolicy")
	p, err := p.filled()
	if err != nil {
		panic(fmt.Sprintf("game %q: policy: %v", g.name, err))
	}
	if _, durable := p.Keep.(Durable); durable && g.tick != nil {
		panic(g.durableTick())
	}
	g.policy = p
	return g
}

// WithVersion names the version of the game's functions and state, by default "1": 1 to 32 letters, digits, dots, _
// and -. A room stays with the version it was made with, so give a new one whenever the state's type changes. It
// returns g.
func (g *Game[S]) WithVersion(version string) *Game[S] {
	g.mayRegister("WithVersion")
	if !versionName.MatchString(version) {
		panic(fmt.Sprintf("game %q: version %q; write 1 to 32 letters, digits, dots, _ and -", g.name, version))
	}
	g.version = version
	return g
}

// Use wraps the handlers of players' messages, those of [On] and [OnAny], in m; the first one used is the outermost. What
// m returns is taken as the handler's own result. Timers, ticks and hooks are not wrapped.
func (g *Game[S]) Use(m Middleware) {
	g.mayRegister("Use")
	if m == nil {
		panic(fmt.Sprintf("game %q: Use(nil); give a func(handlers.Handler) handlers.Handler", g.name))
	}
	g.middleware = append(g.middleware, m)
}

// Name is what New was given.
func (r *rules) Name() string { return r.name }

// Version is what WithVersion was given.
func (r *rules) Version() string { return r.version }

// Policy is what WithPolicy was given, with its defaults filled in.
func (r *rules) Policy() Policy { return r.policy }

// mayRegister panics when the game is being played already.
func (r *rules) mayRegister(what string) {
	if r.sealed.Load() {
		panic(fmt.Sprintf("game %q: %s after the game was first played; register everything before server.Main", r.name, what))
	}
}

// ready wraps the handlers in the middleware, once, and closes the registration.
func (r *rules) ready() {
	r.seal.Do(func() {
		r.sealed.Store(true)
		wrap := func(h Handler) Handler {
			for i := len(r.middleware) - 1; i >= 0; i-- {
				h = r.middleware[i](h)
			}
			return h
		}
		for typ, h := range r.on {
			r.on[typ] = wrap(h)
		}
		if r.onAny != nil {
			r.onAny = wrap(r.onAny)
		}
	})
}
