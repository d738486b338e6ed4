package lobby

import (
	"errors"
	"net/http"

	"github.com/madang-games/madang/store"
)

const (
	maxAbout   = 160  // characters
	maxPicture = 9999 // pictures are the game's, 0 is none
)

// changeUser is PATCH /user: what is given changes. Rooms where the player sits call it by the old name until it comes
// to them anew.
func (s *Service) changeUser(c *Context) error {
	var in struct {
		Name    *string `json:"name"`
		About   *string `json:"about"`
		Picture *int64  `json:"picture"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	p := store.Profile{Picture: in.Picture}
	if in.Name != nil {
		name, err := cleanName(*in.Name)
		if err != nil {
			return err
		}
		looks := look(name)
		p.Name, p.Look = &name, &looks
	}
	if in.About != nil {
		about, err := cleanAbout(*in.About)
		if err != nil {
			return err
		}
		p.About = &about
	}
	if in.Picture != nil && (*in.Picture < 0 || *in.Picture > maxPicture) {
		return invalidProfile.because("A picture is a number from 0 to %d.", maxPicture)
	}
	account, err := s.config.Store.ChangeProfile(c.ctx, c.session.User, p)
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		User userJSON `json:"user"`
	}{userOf(account)})
}

// cleanAbout returns the text as it is kept: one line. The error is invalid_profile and says why.
func cleanAbout(text string) (string, error) {
	return cleanText(text, maxAbout, false, invalidProfile)
}
