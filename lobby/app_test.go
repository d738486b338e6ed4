package lobby

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/store"
)

func TestGamesOwnRoutes(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string `json:"name"`
		N    int    `json:"n"`
	}
	f := newFixture(t, func(app *App, _ *Config) {
		app.GET("/user/items", func(c *Context) error {
			return c.JSON(200, []item{{c.User().Name, len(c.User().ID)}, {c.Query("q"), 0}})
		})
		app.POST("/rooms/:id/bot", func(c *Context) error { return c.JSON(202, item{Name: c.Param("id")}) })
		app.PUT("/items/:item", func(c *Context) error {
			var in item
			if err := c.Bind(&in); err != nil {
				return err
			}
			return c.JSON(200, in)
		})
		app.PATCH("/items/:item", func(c *Context) error {
			_ = c.JSON(200, "not to be seen")
			return Problem(409, "inventory_full", "The bag is full.")
		})
		app.DELETE("/items/:item", func(c *Context) error { return nil })
		app.GET("/bad/problem", func(*Context) error { return Problem(200, "fine", "") })
		app.GET("/bad/code", func(*Context) error { return fmt.Errorf("wrap: %w", Problem(400, "Not A Word", "")) })
		app.GET("/bad/error", func(*Context) error { return errors.New("the password is swordfish") })
		app.GET("/bad/panic", func(*Context) error { panic("swordfish") })
		app.GET("/bad/status", func(c *Context) error { return c.JSON(99, nil) })
		app.GET("/bad/json", func(c *Context) error { return c.JSON(200, func() {}) })
		app.GET("/bad/store", func(*Context) error { return fmt.Errorf("read: %w", store.ErrUnavailable) })
	})
	in := f.guest()
	var items []item
	f.do("GET", "/v1/user/items?q=a%20b", in.Token, "").into(t, 200, &items)
	if len(items) != 2 || items[0] != (item{in.User.Name, len(in.User.ID)}) || items[1].Name != "a b" {
		t.Errorf("got %+v", items)
	}
	f.do("GET", "/v1/user/items", "", "").refused(t, 401, "not_signed_in")
	var bot item
	f.do("POST", "/v1/rooms/r1/bot", in.Token, "").into(t, 202, &bot)
	if bot.Name != "r1" {
		t.Errorf("got %+v", bot)
	}
	var put item
	f.do("PUT", "/v1/items/7", in.Token, `{"name":"hat","n":3}`).into(t, 200, &put)
	if put != (item{"hat", 3}) {
		t.Errorf("got %+v", put)
	}
	f.do("PUT", "/v1/items/7", in.Token, `{"name":"hat","m":3}`).refused(t, 400, "bad_request")
	f.do("PUT", "/v1/items/7", in.Token, ``).refused(t, 400, "bad_request")
	f.do("PUT", "/v1/items/7/8", in.Token, `{}`).refused(t, 404, "not_found")
	f.do("PATCH", "/v1/items/7", in.Token, `{}`).refused(t, 409, "inventory_full")
	if r := f.do("DELETE", "/v1/items/7", in.Token, ""); r.status != 204 || len(r.body) != 0 {
		t.Errorf("no answer: got %d %s", r.status, r.body)
	}
	for _, bad := range []string{"problem", "code", "error", "panic", "status", "json"} {
		r := f.do("GET", "/v1/bad/"+bad, in.Token, "")
		r.refused(t, 500, "internal")
		if id := r.header.Get("X-Request-Id"); strings.Contains(string(r.body), "swordfish") || !strings.Contains(f.log.String(), id) {
			t.Errorf("%s: got %s; the log has request %s: %v", bad, r.body, id, strings.Contains(f.log.String(), id))
		}
	}
	r := f.do("GET", "/v1/bad/store", in.Token, "")
	r.refused(t, 503, "unavailable")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("got Retry-After %q", r.header.Get("Retry-After"))
	}
}

func TestContextOfARequestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var kept *Context
		f := newFixture(t, func(app *App, _ *Config) {
			app.GET("/slow", func(c *Context) error {
				kept = c
				<-c.Context().Done()
				return c.Context().Err()
			})
		})
		in := f.guest()
		began := time.Now()
		f.do("GET", "/v1/slow", in.Token, "").refused(t, 503, "unavailable")
		if took := time.Since(began); took != requestTimeout || kept.Context().Err() == nil || kept.User().ID != in.User.ID {
			t.Errorf("after %v: %v, %+v", took, kept.Context().Err(), kept.User())
		}
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		before := f.log.String()
		f.do("GET", "/v1/slow", in.Token, "", func(r *http.Request) { *r = *r.WithContext(ctx) })
		if line := strings.TrimPrefix(f.log.String(), before); strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			t.Errorf("a player who hangs up is worth no more than debug: %s", line)
		}
	})
}

func TestMistakesInRegistrationPanicWithWhatToDo(t *testing.T) {
	t.Parallel()
	h := func(*Context) error { return nil }
	for want, register := range map[string]func(a *App){
		"has no handler":       func(a *App) { a.GET("/x", nil) },
		`write "/user/items"`:  func(a *App) { a.GET("/v1/user/items", h) },
		"begins with a slash":  func(a *App) { a.GET("items", h) },
		"names something":      func(a *App) { a.GET("/", h) },
		"neither a plain word": func(a *App) { a.GET("/items/*", h) },
		`segment ""`:           func(a *App) { a.GET("/items/", h) },
		"there twice":          func(a *App) { a.GET("/a/:x/b/:x", h) },
		"belongs to the lobby": func(a *App) { a.POST("/rooms/:room/join", h) },
		"choose another path":  func(a *App) { a.POST("/register", h) },
		"registered already":   func(a *App) { a.GET("/a/:x", h); a.GET("/a/:y", h) },
		"comes too late": func(a *App) {
			if _, err := a.Serve(Config{Store: newMapStore(), Broker: newLogBroker()}); err != nil {
				t.Error(err)
			}
			a.GET("/x", h)
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "lobby: app.") || !strings.Contains(got, want) {
					t.Errorf("got panic %q, want one with %q", got, want)
				}
			}()
			register(New())
		}()
	}
	a := New() // what is no mistake
	a.GET("/a/:x", h)
	a.POST("/a/:x", h)
	a.DELETE("/rooms/:id", h)
	a.GET("/a/b.c-d_e~f", h)
}

func TestServeRefusesAConfigThatCantWork(t *testing.T) {
	t.Parallel()
	good := Config{Store: newMapStore(), Broker: newLogBroker()}
	for name, change := range map[string]func(*Config){
		"no store":          func(c *Config) { c.Store = nil },
		"no broker":         func(c *Config) { c.Broker = nil },
		"URL without host":  func(c *Config) { c.PublicURL = "play.example.org" },
		"URL of WebSocket":  func(c *Config) { c.PublicURL = "wss://play.example.org" },
		"origin with path":  func(c *Config) { c.Origins = []string{"https://a.example/"} },
		"origin of no form": func(c *Config) { c.Origins = []string{"*.example"} },
		"game twice":        func(c *Config) { c.Games = append(toys(), &toy{name: "pair", version: "1"}) },
	} {
		c := good
		change(&c)
		if _, err := New().Serve(c); err == nil || !strings.HasPrefix(err.Error(), "lobby: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
