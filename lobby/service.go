package lobby

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/madang-games/madang/broker"
)

// OpenAPI is the description of the lobby's own calls, served at GET /openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Service is a lobby at work. It keeps nothing that another one of the deployment would miss: any number of them may
// stand side by side. Safe for concurrent use.
type Service struct {
	config  Config
	games   catalog
	shelf   *shelf
	router  *echo.Echo
	logins  *limiter
	guesses guesses
	codes   codeGuesses
	invites *buckets[string] // by who invites
	hasher  *hasher
	meter   meter
	gates   map[string]chan struct{} // by game and version: see takeOrCreate
	roster  broker.Roster
	untold  atomic.Bool               // gateways have to be told that they have missed notes
	hearing atomic.Pointer[time.Time] // since when the board has been watched, or was silent last; nil: not yet
	modes   map[[2]string]*mode       // by game and name

}

// Serve makes the lobby of an app. It starts nothing: requests come by [Service.ServeHTTP], and [Service.Run] does what
// no request does. An error says what is wrong with the Config.
func (a *App) Serve(c Config) (*Service, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Service{config: c, gates: map[string]chan struct{}{}, guesses: newGuesses(), codes: newCodeGuesses(), invites: newBuckets[string](invitesPerSecond, invitesAtOnce), hasher: newHasher()}
	if s.games, err = newCatalog(c.Games); err != nil {
		return nil, err
	}
	if s.meter, err = newMeter(c.Metrics); err != nil {
		return nil, fmt.Errorf("lobby: register metrics: %w", err)
	}
	for key := range s.games.all {
		s.gates[key] = make(chan struct{}, 1)
	}
	if c.LoginRate > 0 {
		s.logins = newLimiter(c.LoginRate, c.LoginBurst)
	}
	s.router = echo.New()
	s.router.HTTPErrorHandler = s.unrouted
	own := a.take()
	s.shelf = newShelf(a.items)
	if s.modes, err = modesOf(a.modes, s.games); err != nil {
		return nil, err
	}
	builtIn := slices.DeleteFunc(s.builtIn(), func(b route) bool {
		return slices.ContainsFunc(own, func(r route) bool { return shape(r.method, r.path) == shape(b.method, b.path) })
	})
	for _, r := range builtIn {
		if r.method != http.MethodGet && !late[r.method+" "+r.path] {
			r.handle = s.onceOnly(r.handle, whole[r.method+" "+r.path])
		}
		s.router.Add(r.method, Prefix+r.path, s.handler(Prefix, r, s.enter))
	}
	for _, r := range own {
		if r.method != http.MethodGet {
			r.handle = s.onceOnly(r.handle, true)
		}
		if d, typed := a.details[shape(r.method, r.path)]; typed {
			handle := r.handle
			r.handle = func(c *Context) error {
				if err := d.read(c); err != nil {
					return err
				}
				return handle(c)
			}
		}
		s.router.Add(r.method, Prefix+r.path, s.handler(Prefix, r, s.enter))
	}
	description, err := describe(OpenAPI, Prefix, own, func(r route, path string) object {
		return gamesOperation(r.method, path, a.details[shape(r.method, r.path)])
	})
	if err != nil {
		return nil, fmt.Errorf("lobby: %w", err)
	}
	s.router.GET("/openapi.yaml", func(c echo.Context) error {
		e := exchangeOf(c)
		e.route = "/openapi.yaml"
		e.send(&answer{status: http.StatusOK, contentType: "application/yaml", body: description})
		return nil
	})
	return s, nil
}

// ServeHTTP answers everything under /v1/, and GET /openapi.yaml.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, func(e *exchange) {
		if !s.cors(e, r) {
			s.router.ServeHTTP(e, r)
		}
	})
}

// serve answers a request by route, whatever that does.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, route func(*exchange)) {
	began := s.config.Now()
	e := &exchange{ResponseWriter: w, id: s.requestID(r)}
	h := w.Header()
	h.Set("X-Request-Id", e.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.config.Log.Error("a request panicked", "request", e.id, "method", r.Method, "path", r.URL.Path,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			e.send(internal.answer(e.id))
		}
		took := s.config.Now().Sub(began)
		s.meter.request(r.Method, e.route, e.status, took)
		s.config.Log.Debug("request", "request", e.id, "method", r.Method, "path", r.URL.Path, "status", e.status, "took", took)
	}()
	route(e)
}

// exchange is one request's answer on its way out, and what the log says of it.
type exchange struct {
	http.ResponseWriter
	id     string // of the request
	route  string // the pattern that it met; "" for none
	status int    // sent; 0: nothing yet
}

// WriteHeader notes the status of what is sent.
func (e *exchange) WriteHeader(status int) {
	if e.status == 0 {
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

// send sends a, unless something has been sent.
func (e *exchange) send(a *answer) {
	if e.status != 0 {
		return
	}
	for _, h := range a.header {
		e.Header().Set(h[0], h[1])
	}
	if a.contentType != "" {
		e.Header().Set("Content-Type", a.contentType)
	}
	e.WriteHeader(a.status)
	_, _ = e.Write(a.body) // a player who has hung up gets nothing: nobody to tell
}

// exchangeOf is the exchange that ServeHTTP has put into the router.
func exchangeOf(c echo.Context) *exchange { return c.Response().Writer.(*exchange) }

// handler makes a route's function one of the router's, below prefix. enter says who asks, or refuses; routes that are open to
// all do without.
func (s *Service) handler(prefix string, rt route, enter func(*Context, *http.Request) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, e := c.Request(), exchangeOf(c)
		e.route = prefix + rt.path
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		in := &Context{
			seats:  s.config.Store,
			ledger: s.config.Store,
			shelf:  s.shelf,
			clock:  s.config.Now,
			notify: s.notify,
			jobs:   s.config.Store, jobsSoon: s.jobsSoon,
			query:   r.URL.Query(),
			address: s.addressOf(r),
			gateway: s.gatewayFor(r),
			request: e.id,
		}
		in.ctx = context.WithValue(ctx, afterKey{}, in)
		out, err := s.play(c, rt, in, enter)
		if err != nil {
			out = s.refusal(err, e, r)
		}
		e.send(out)
		return nil
	}
}

// play does a route's work up to its answer.
func (s *Service) play(c echo.Context, rt route, in *Context, enter func(*Context, *http.Request) error) (*answer, error) {
	r := c.Request()
	var err error
	if in.params, err = paramsOf(c); err != nil {
		return nil, err
	}
	if rt.signedIn {
		if err = enter(in, r); err != nil {
			return nil, err
		}
	}
	if rt.method != http.MethodGet {
		if in.body, err = readBody(r); err != nil {
			return nil, err
		}
		if in.key, err = keyOf(r); err != nil {
			return nil, err
		}
		in.call = r.Method + " " + r.URL.RequestURI()
	}
	if err = rt.handle(in); err != nil {
		return nil, err
	}
	if len(in.after) > 0 {
		// It is done: a player who hangs up changes nothing about that.
		for _, do := range in.after {
			now(in.ctx, do)
		}
	}
	if in.answer == nil {
		_ = in.NoContent()
	}
	return in.answer, nil
}

// refusal makes an error the answer, and a line in the log where it is not the player's doing.
func (s *Service) refusal(err error, e *exchange, r *http.Request) *answer {
	p := problemOf(err)
	if p.status >= 500 {
		level, word := s.config.Log.Error, "a request failed"
		switch p.code {
		case unavailable.code:
			level, word = s.config.Log.Warn, "a request could not be answered"
		case underMaintenance.code:
			level, word = s.config.Log.Debug, "a player was not let in"
		}
		if r.Context().Err() != nil {
			level, word = s.config.Log.Debug, "a player hung up"
		}
		level(word, "request", e.id, "method", r.Method, "route", e.route, "error", err)
	}
	return p.answer(e.id)
}

// unrouted answers what the router has no route for.
func (s *Service) unrouted(err error, c echo.Context) {
	p := internal
	switch {
	case errors.Is(err, echo.ErrMethodNotAllowed):
		p = methodNotAllowed // the router has set Allow
	case errors.Is(err, echo.ErrNotFound):
		p = notFound
	}
	e := exchangeOf(c)
	e.send(p.answer(e.id))
}

// paramsOf copies the path's parameters. One that is empty or spans segments is no match.
func paramsOf(c echo.Context) (map[string]string, error) {
	names, values := c.ParamNames(), c.ParamValues()
	if len(names) == 0 {
		return nil, nil
	}
	params := make(map[string]string, len(names))
	for i, name := range names {
		value := values[i]
		if value == "" || strings.Contains(value, "/") {
			return nil, notFound
		}
		if c.Request().URL.RawPath != "" { // the router has matched the escaped form
			plain, err := url.PathUnescape(value)
			if err != nil {
				return nil, notFound
			}
			value = plain
		}
		params[name] = value
	}
	return params, nil
}

// readBody reads a bounded JSON body; none is empty.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, bodyTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest.because("The body could not be read.")
	}
	if len(body) > maxBody {
		return nil, bodyTooLarge
	}
	if len(body) > 0 {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return nil, unsupportedMedia
		}
	}
	return body, nil
}

// requestID names a request in logs and in answers.
func (s *Service) requestID(r *http.Request) string {
	if given := r.Header.Get("X-Request-Id"); s.config.TrustProxy && goodID.MatchString(given) {
		return given
	}
	return uuid.NewString()
}

// gatewayFor is the address of the gateway for who sent r.
func (s *Service) gatewayFor(r *http.Request) string {
	base := s.config.PublicURL
	if base == "" {
		scheme := "http"
		if r.TLS != nil || s.config.TrustProxy && r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		base = scheme + "://" + r.Host
	}
	return "ws" + strings.TrimPrefix(base, "http") + "/stomp"
}

// Run does what no request does: it tells rooms again of seats that they have not heard of. It returns nil when ctx
// ends.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	sweeper := newSweeper(s)
	deletions := time.NewTicker(deletionsEvery)
	defer deletions.Stop()
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	for _, m := range s.modes {
		watching.Go(func() { s.pair(ctx, m) })
	}
	watching.Go(func() { s.remind(ctx) })
	watching.Go(func() { s.endRooms(ctx) })
	defer watching.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.forget()
			sweeper.sweep(ctx)
			s.tellMissed(ctx)
		case <-deletions.C:
			s.finishDeletions(ctx)
			s.forgetAnswers(ctx)
			s.dropBoards(ctx)
			s.forgetNotes(ctx)
			s.dropSearches(ctx)
		}
	}
}
