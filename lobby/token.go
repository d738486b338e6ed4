package lobby

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// SessionLife is how long a session lives after its sign-in or its last refresh.
const SessionLife = 30 * 24 * time.Hour

// maxToken bounds a session's token in a header.
const maxToken = token.MaxLength

// newRing is a ring of one key that nobody else knows.
func newRing() (*token.Ring, error) {
	key, err := token.Generate("own", time.Time{})
	if err != nil {
		return nil, err
	}
	return token.Fixed(key)
}

// signedInJSON is the answer to a sign-in.
type signedInJSON struct {
	User      userJSON    `json:"user"`
	Token     string      `json:"token"`
	ExpiresAt time.Time   `json:"expires_at"`
	Stomp     gatewayJSON `json:"stomp"`
}

// start makes a new session of the account, the only one, and answers with it. fresh says that the account is new: then
// nobody has to be told of the end of an older one.
func (s *Service) start(c *Context, account store.Account, fresh bool, status int) error {
	var secret token.Secret
	_, _ = rand.Read(secret[:]) // never fails
	session := store.Session{
		ID: uuid.NewString(), User: account.ID, Name: account.Name, ExpiresAt: s.sessionEnd(),
	}
	err := s.config.Store.StartSession(c.ctx, session, secret.Hash())
	if errors.Is(err, store.ErrNotFound) {
		return userNotRegistered // deleted a moment ago
	}
	if err != nil {
		return err
	}
	if !fresh {
		c.After(func(ctx context.Context) {
			s.moved(ctx, broker.SessionMoved{User: account.ID, Session: session.ID})
		})
	}
	return c.JSON(status, signedInJSON{
		userOf(account), s.config.Tokens.Sign(token.Claims{Secret: secret, ExpiresAt: session.ExpiresAt}, s.config.Now()),
		session.ExpiresAt, gatewayJSON{c.gateway},
	})
}

// sessionEnd is when a session ends that begins now: a token tells whole seconds.
func (s *Service) sessionEnd() time.Time {
	return s.config.Now().Add(SessionLife).UTC().Truncate(time.Second)
}

// refresh is POST /session/refresh: the session lives on, with a new token. The old one stays good until its own end,
// so that an answer that got lost locks nobody out.
func (s *Service) refresh(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	end := s.sessionEnd()
	if c.session.ExpiresAt.After(end) { // by another lobby's clock
		end = c.session.ExpiresAt.UTC().Truncate(time.Second)
	}
	err := s.config.Store.ExtendSession(c.ctx, c.session.User, c.session.ID, end)
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}{s.config.Tokens.Sign(token.Claims{Secret: c.secret, ExpiresAt: end}, s.config.Now()), end})
}

// enter has the player enter whose session a request names.
func (s *Service) enter(c *Context, r *http.Request) (err error) {
	c.session, c.secret, err = s.authenticate(c.ctx, r)
	c.owner = "user " + c.session.User
	return err
}

// authenticate finds the session of a request by its bearer token. What is no living token of ours does not reach
// the store.
func (s *Service) authenticate(ctx context.Context, r *http.Request) (store.Session, token.Secret, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, "Bearer") || len(text) > maxToken {
		return store.Session{}, token.Secret{}, notSignedIn
	}
	claims, err := s.config.Tokens.Open(text, s.config.Now())
	if err != nil {
		return store.Session{}, token.Secret{}, notSignedIn
	}
	session, err := s.config.Store.Session(ctx, claims.Secret.Hash(), s.config.Now())
	if errors.Is(err, store.ErrNotFound) {
		return store.Session{}, token.Secret{}, notSignedIn
	}
	return session, claims.Secret, err
}
