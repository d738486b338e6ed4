package lobby

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// platformGuest signs in without any platform's word.
const platformGuest = "guest"

// login is POST /login: a guest comes for the first time, or comes back with the secret it keeps.
func (s *Service) login(c *Context) error {
	var in struct {
		Platform string  `json:"platform"`
		Name     *string `json:"name"`
		Token    *string `json:"token"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if s.logins != nil {
		if wait, ok := s.logins.take(c.address, s.config.Now()); !ok {
			p := *rateLimited
			p.retryAfter = int(wait/time.Second) + 1
			return &p
		}
	}
	if in.Platform != platformGuest {
		return unknownPlatform
	}
	var name string
	if in.Name != nil {
		var err error
		if name, err = cleanName(*in.Name); err != nil {
			return err
		}
	}
	identity := store.Identity{Platform: platformGuest}
	if in.Token != nil {
		if !goodSecret(*in.Token) {
			return badRequest.because("A guest's token is 16 to 200 printable ASCII characters without spaces.")
		}
		sum := sha256.Sum256([]byte(*in.Token))
		identity.Subject = hex.EncodeToString(sum[:])
	}
	account, err := s.guest(c.ctx, identity, name)
	if err != nil {
		return err
	}
	return s.start(c, account, identity.Subject == "", http.StatusOK)
}

// gatewayJSON is where to connect before there is a room.
type gatewayJSON struct {
	URL string `json:"url"`
}

// goodSecret says whether a guest may be known by this secret.
func goodSecret(secret string) bool {
	if len(secret) < 16 || len(secret) > 200 {
		return false
	}
	for i := range len(secret) {
		if secret[i] <= ' ' || secret[i] > '~' {
			return false
		}
	}
	return true
}

// logout is POST /logout: the session ends everywhere.
func (s *Service) logout(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	if err := s.config.Store.EndSession(c.ctx, c.session.User, c.session.ID); err != nil {
		return err
	}
	s.moved(c.ctx, broker.SessionMoved{User: c.session.User})
	return c.NoContent()
}

// moved tells the gateways. The store has the change already, so a board that is out of reach fails nobody's request.
func (s *Service) moved(ctx context.Context, m broker.SessionMoved) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := s.post(ctx, broker.NoticeSession, m); err != nil {
		s.config.Log.Warn("gateways were not told of a session", "user", m.User, "error", err)
	}
}

// post puts a notice with this body on the board.
func (s *Service) post(ctx context.Context, kind string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.config.Broker.Post(ctx, broker.Notice{Kind: kind, From: s.config.Process, Body: text, Time: s.config.Now()})
}
