package lobby

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// arrival is a player who signs in or registers.
type arrival struct {
	proof
	name  string // the name it asks for
	named bool   // it does
}

// arrive does what login and register begin with: it reads the call, counts it for the address, and finds out who it is. counted,
// which is not nil, counts how the call ended.
func (s *Service) arrive(c *Context) (a arrival, counted func(error), err error) {
	var in struct {
		credentials
		Name *string `json:"name"`
	}
	if err := c.bindObject(&in); err != nil {
		return a, func(error) {}, err
	}
	counted = func(err error) { s.count(in.Platform, c, err) }
	if err := s.throttle(c); err != nil {
		return a, counted, err
	}
	if err := s.letIn(); err != nil {
		return a, counted, err
	}
	if in.Name != nil {
		a.named = true
		if a.name, err = cleanName(*in.Name); err != nil {
			return a, counted, err
		}
	}
	if a.proof, err = s.prove(c, in.credentials); err == nil {
		err = s.letInKnown(c.ctx, a.proof.id)
	}
	return a, counted, err
}

// login is POST /login. A guest comes for the first time, or comes back with the secret it keeps; everybody else has
// registered.
func (s *Service) login(c *Context) (err error) {
	p, counted, err := s.arrive(c)
	defer func() { counted(err) }()
	if err != nil {
		return err
	}
	if p.id.Platform != platformGuest {
		if p.named {
			return badRequest.because("A name is given to POST /v1/register.")
		}
		account, _, err := s.find(c.ctx, p.proof)
		if err != nil {
			return err
		}
		c.signsIn(p.id)
		return s.once(c, func() error { return s.start(c, account, false, http.StatusOK) })
	}
	c.signsIn(p.id)
	return s.once(c, func() error {
		account, _, err := s.account(c.ctx, p.id, p.name)
		if err != nil {
			return err
		}
		return s.start(c, account, p.id.Subject == "", http.StatusOK)
	})
}

// register is POST /register: an account for who has none.
func (s *Service) register(c *Context) (err error) {
	p, counted, err := s.arrive(c)
	defer func() { counted(err) }()
	if err != nil {
		return err
	}
	c.signsIn(p.id)
	known := false
	if p.id.Subject != "" {
		_, err := s.config.Store.AccountByIdentity(c.ctx, p.id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		known = err == nil
	}
	if !known {
		if err := s.seal(c.ctx, &p.proof); err != nil {
			return err
		}
	}
	return s.once(c, func() error {
		if known { // unless it was this very call
			return alreadyRegistered
		}
		account, created, err := s.account(c.ctx, p.id, p.name)
		if err != nil {
			return err
		}
		if !created { // a moment ago
			return alreadyRegistered
		}
		return s.start(c, account, true, http.StatusCreated)
	})
}

// count counts a sign-in and how it ended. A client's own words are no labels.
func (s *Service) count(platform string, c *Context, err error) {
	if !slices.Contains(s.platforms(), platform) {
		platform = "other"
	}
	result := "ok"
	if err != nil {
		result = problemOf(err).code
	} else if c.answer != nil && c.answer.status >= 400 { // a refusal that was kept
		result = "refused"
	}
	s.meter.signIn(platform, result)
}

// throttle counts one sign-in for the address.
func (s *Service) throttle(c *Context) error {
	if s.logins == nil {
		return nil
	}
	if wait, ok := s.logins.take(c.address, s.config.Now()); !ok {
		return rateLimited.after(wait)
	}
	return nil
}

// after returns the problem with the time after which it is worth trying again.
func (p *problem) after(wait time.Duration) *problem {
	q := *p
	q.retryAfter = int(wait/time.Second) + 1
	return &q
}

// logout is POST /logout: the session ends everywhere.
func (s *Service) logout(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	if err := s.config.Store.EndSession(c.ctx, c.session.User, c.session.ID); err != nil {
		return err
	}
	c.After(func(ctx context.Context) { s.moved(ctx, broker.SessionMoved{User: c.session.User}) })
	return c.NoContent()
}
