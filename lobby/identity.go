package lobby

import (
	"errors"
	"net/http"
	"time"

	"github.com/madang-games/madang/store"
)

// linkedJSON is an identity on the wire.
type linkedJSON struct {
	Platform string    `json:"platform"`
	LinkedAt time.Time `json:"linked_at"`
}

// identities is GET /user/identities.
func (s *Service) identities(c *Context) error { return s.listIdentities(c) }

func (s *Service) listIdentities(c *Context) error {
	linked, err := s.config.Store.IdentitiesOf(c.ctx, c.session.User)
	if err != nil {
		return err
	}
	list := make([]linkedJSON, len(linked))
	for i, l := range linked {
		list[i] = linkedJSON{l.Platform, l.LinkedAt.UTC()}
	}
	return c.JSON(http.StatusOK, struct {
		Identities []linkedJSON `json:"identities"`
	}{list})
}

// link is POST /user/identities: one more way to sign in to the account. Linking what is linked already changes nothing.
func (s *Service) link(c *Context) error {
	var in credentials
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if err := s.throttle(c); err != nil {
		return err
	}
	p, err := s.prove(c, in)
	if err != nil {
		return err
	}
	if p.id.Subject == "" {
		return badRequest.because("Give the token of the platform.")
	}
	if keepsSecret(p.id.Platform) {
		owner, err := s.config.Store.AccountByIdentity(c.ctx, p.id)
		switch {
		case err == nil && owner.ID != c.session.User:
			return identityTaken
		case err == nil: // its own: with the same secret, or not at all
			if _, _, err := s.find(c.ctx, p); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrNotFound):
			return err
		default:
			if err := s.seal(c.ctx, &p); err != nil {
				return err
			}
		}
	}
	return s.once(c, func() error {
		_, err := s.config.Store.LinkIdentity(c.ctx, c.session.User, p.id, s.config.Now())
		if errors.Is(err, store.ErrNotFound) {
			return notSignedIn // deleted a moment ago
		}
		if err != nil {
			return err
		}
		return s.listIdentities(c)
	})
}

// unlink is DELETE /user/identities/:platform.
func (s *Service) unlink(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	name := c.Param("platform")
	if !goodPlatform.MatchString(name) {
		return identityNotFound
	}
	_, err := s.config.Store.UnlinkIdentity(c.ctx, c.session.User, name)
	if errors.Is(err, store.ErrNotFound) {
		return identityNotFound
	}
	if err != nil {
		return err
	}
	return c.NoContent()
}
