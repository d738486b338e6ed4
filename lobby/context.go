package lobby

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// User is the player who asks.
type User struct {
	ID   string
	Name string
}

// Context is one request in the hands of a [Handler]. It belongs to the handler's goroutine; what it returns may be
// kept after the handler has returned.
type Context struct {
	ctx     context.Context
	session store.Session
	secret  token.Secret // of the session
	seats   store.Seats
	ledger  store.Ledger
	shelf   *shelf
	clock   func() time.Time
	notify  func(context.Context, ...store.Note) error
	jobs    store.Jobs
	// jobsSoon has those who run jobs look for them
	jobsSoon func(context.Context)
	params   map[string]string
	query    url.Values
	body     []byte

	// see Service.once
	key   string // the request's Idempotency-Key; "" for none
	owner string // whose key it is; "": nobody's that is known
	call  string // what the request calls: method, path and query
	whole bool   // a transaction also without a key
	in    any    // the request, where the route has given it a type
	after []func(context.Context)

	// for the lobby's own routes
	address string // of the player
	gateway string // of the address that the player used: ws(s)://host/stomp

	// for the calls of an Admin
	operator string // the name of the key; "": it is a player's call
	request  string // the request's id

	answer *answer // nil: none given yet
}

// answer is what is sent back.
type answer struct {
	status      int
	contentType string
	body        []byte
	header      [][2]string
}

// Context ends when the player hangs up, after 15 s, or when the handler has returned. In a route that may change things (POST, PUT,
// PATCH, DELETE) it carries the request's transaction, and ends with that: see [Handler].
func (c *Context) Context() context.Context { return c.ctx }

// After has do called once the handler has returned nil and what it did is in the store, before the answer is sent; in the
// order of the calls, with a context that ends after 15 s. What is not the store's belongs there: the handler may be run
// several times, and what it did may be undone. A process that dies just then has not called do, and never will.
func (c *Context) After(do func(ctx context.Context)) { c.after = append(c.after, do) }

// User is the player who asks.
func (c *Context) User() User { return User{c.session.User, c.session.Name} }

// Seated reports whether the player has a seat in the room of this id, which may come from anybody. A spectator has none.
func (c *Context) Seated(room string) (bool, error) {
	if !goodID.MatchString(room) {
		return false, nil
	}
	seat, err := c.seats.Seat(c.ctx, room, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && !seat.Spectator, err
}

// Param is the value of the path's parameter: "id" for "/items/:id"; "" when the path has none of that name.
func (c *Context) Param(name string) string { return c.params[name] }

// Query is the first value of the query's parameter; "" when there is none.
func (c *Context) Query(name string) string { return c.query.Get(name) }

// Bind decodes the body, one JSON value of at most 64 KiB, into v. Fields that v does not have, anything after the
// value, a body that is not UTF-8 and an empty body are refused: the error is a [Problem], to be returned as it is.
func (c *Context) Bind(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return badRequest.because("The call needs a body.")
	}
	if !utf8.Valid(c.body) {
		return badRequest.because("The body is not UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest.because("The body goes on after the JSON value.")
	}
	return nil
}

// bindObject is Bind for a body that must be an object, as all of the lobby's own are; none counts as {}.
func (c *Context) bindObject(v any) error {
	body := bytes.TrimSpace(c.body)
	if len(body) == 0 {
		return nil
	}
	if body[0] != '{' {
		return badRequest.because("The body is not a JSON object.")
	}
	return c.Bind(v)
}

// badJSON says what is wrong with a body in words that give nothing of this program away.
func badJSON(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	field, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case unknown:
		return badRequest.because("The field %s is unknown.", field)
	case errors.As(err, &kind) && kind.Field != "":
		return badRequest.because("The field %q can't be a %s.", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return badRequest.because("The body can't be a %s.", kind.Value)
	case errors.As(err, &syntax):
		return badRequest.because("The body is not JSON: error at byte %d.", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest.because("The body is not JSON: it ends too early.")
	}
	return badRequest.because("The body does not decode.")
}

// JSON answers with v, encoded now, once the handler returns nil; a second call takes the place of the first. status
// is 200 to 599.
func (c *Context) JSON(status int, v any) error {
	if status < 200 || status > 599 {
		return fmt.Errorf("answer with status %d, which is not 200 to 599", status)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.answer = &answer{status: status, contentType: "application/json", body: body}
	return nil
}

// NoContent answers with 204 and no body once the handler returns nil.
func (c *Context) NoContent() error {
	c.answer = &answer{status: http.StatusNoContent}
	return nil
}
