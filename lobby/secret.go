package lobby

import (
	"errors"

	"github.com/madang-games/madang/store"
)

// changeSecret is PUT /user/identities/:platform: another password, or another secret of a device. The old one counts as a
// sign-in does; the login name, or the device's id, stays.
func (s *Service) changeSecret(c *Context) error {
	var in struct {
		Token string `json:"token"` // as at sign-in
		New   string `json:"new"`   // the new one, too
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if err := s.throttle(c); err != nil {
		return err
	}
	name := c.Param("platform")
	if !keepsSecret(name) {
		return identityNotFound
	}
	old, err := s.prove(c, credentials{Platform: name, Token: &in.Token})
	if err != nil {
		return err
	}
	fresh, err := s.prove(c, credentials{Platform: name, Token: &in.New})
	if err != nil {
		return err
	}
	if fresh.id != old.id {
		return badRequest.because("Both tokens are for the same login name or device.")
	}
	account, kept, err := s.find(c.ctx, old)
	if errors.Is(err, userNotRegistered) || err == nil && account.ID != c.session.User {
		err = wrongToken // whoever's it is, it is not the player's
	}
	if errors.Is(err, wrongToken) { // unless this very call has changed it
		return s.once(c, func() error { return wrongToken })
	}
	if err != nil {
		return err
	}
	if err := s.seal(c.ctx, &fresh); err != nil {
		return err
	}
	return s.once(c, func() error {
		err := s.config.Store.SetSecret(c.ctx, fresh.id, kept)
		if errors.Is(err, store.ErrNotFound) {
			return wrongToken // unlinked, or given another secret, since it was checked
		}
		if err != nil {
			return err
		}
		return c.NoContent()
	})
}
