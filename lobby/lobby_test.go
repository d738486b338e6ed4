package lobby

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

// fixture is a lobby with everything that it stands on.
type fixture struct {
	t      *testing.T
	store  *mapStore
	broker *logBroker
	lobby  *Service
	log    *logText
}

type logText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// toys are the games of the tests.
func toys() []handlers.Definition {
	return []handlers.Definition{
		&toy{name: "pair", version: "1", policy: handlers.Policy{Keep: handlers.Durable{}, Capacity: 2, Queue: 77}},
		&toy{name: "talk", version: "1.10", policy: handlers.Policy{Keep: handlers.Ephemeral{}, Capacity: 3}},
		&toy{name: "talk", version: "1.9", policy: handlers.Policy{Keep: handlers.Ephemeral{}, Capacity: 3}},
		&toy{name: "race", version: "2", policy: handlers.Policy{Keep: handlers.Checkpointed{Every: time.Second}, Capacity: 200},
			open: func(options []byte) (handlers.Opening, error) {
				switch string(options) {
				case "":
					return handlers.Opening{Capacity: 200}, nil
				case `"panic"`:
					panic("the game is broken")
				case `"fail"`:
					return handlers.Opening{}, errors.New("a secret of the game")
				case `"own"`:
					return handlers.Opening{}, &handlers.Rejection{Code: "no_such_track", Text: "There is no such track."}
				case `"odd"`:
					return handlers.Opening{}, &handlers.Rejection{Code: "No Such Track"}
				}
				return handlers.Opening{}, fmt.Errorf("open: %w", &handlers.Rejection{Code: "bad_options", Text: "The track is unknown."})
			}},
	}
}

func newFixture(t *testing.T, change ...func(*App, *Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: newMapStore(), broker: newLogBroker(), log: &logText{}}
	app := New()
	c := Config{
		Store: f.store, Broker: f.broker, Games: toys(), Process: "l1",
		Log: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, fn := range change {
		fn(app, &c)
	}
	var err error
	if f.lobby, err = app.Serve(c); err != nil {
		t.Fatal(err)
	}
	return f
}

// reply is an answer of the lobby.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// code is the code of a problem; "" when the reply is none. A malformed problem fails the test.
func (r reply) code(t *testing.T) string {
	t.Helper()
	if r.header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	var p struct {
		Type, Title, Detail, Code, Request string
		Status                             int
	}
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("problem %s: %v", r.body, err)
	}
	if p.Status != r.status || p.Title == "" || p.Type != "urn:madang:problem:"+p.Code || p.Detail == "" {
		t.Errorf("got status %d and problem %s", r.status, r.body)
	}
	if (r.status >= 500) != (p.Request != "") {
		t.Errorf("a problem of status %d has request %q", r.status, p.Request)
	}
	return p.Code
}

// into decodes the body of a reply that must have this status.
func (r reply) into(t *testing.T, status int, v any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
	d := json.NewDecoder(strings.NewReader(string(r.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("decode %s: %v", r.body, err)
	}
}

func (r reply) refused(t *testing.T, status int, code string) {
	t.Helper()
	if got := r.code(t); r.status != status || got != code {
		t.Errorf("got %d %s %s, want %d %s", r.status, got, r.body, status, code)
	}
}

// do sends a request; edits change it first.
func (f *fixture) do(method, path, token, body string, edits ...func(*http.Request)) reply {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	f.lobby.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

type signedIn struct {
	User      userJSON  `json:"user"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Stomp     gatewayJSON
}

// guest signs a new guest in.
func (f *fixture) guest() signedIn {
	f.t.Helper()
	var in signedIn
	f.do("POST", "/v1/login", "", `{"platform":"guest"}`).into(f.t, 200, &in)
	f.broker.take()
	return in
}

// room makes a room of the game.
func (f *fixture) room(token, game string) placeJSON {
	f.t.Helper()
	var p placeJSON
	f.do("POST", "/v1/rooms", token, `{"game":"`+game+`"}`).into(f.t, 201, &p)
	f.broker.take()
	return p
}
