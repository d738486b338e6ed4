package lobby

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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

// cleanAbout returns the text as it is kept: trimmed and in NFC. The error is invalid_profile and says why. It is one line
// of what can be seen, plus what joins and forms emoji and letters.
func cleanAbout(text string) (string, error) {
	if len(text) > 8*maxAbout || !utf8.ValidString(text) {
		return "", invalidProfile.because("The text has at most %d characters.", maxAbout)
	}
	text = norm.NFC.String(strings.Trim(text, " "))
	if utf8.RuneCountInString(text) > maxAbout {
		return "", invalidProfile.because("The text has at most %d characters.", maxAbout)
	}
	const zeroWidthNonJoiner, zeroWidthJoiner, emojiForm = '\u200c', '\u200d', '\ufe0f'
	marks := maxMarks // a text begins with no mark
	for _, r := range text {
		joins := r == zeroWidthNonJoiner || r == zeroWidthJoiner || r == emojiForm
		switch {
		case joins || unicode.IsMark(r):
			if marks++; marks > maxMarks {
				return "", invalidProfile.because("The text has too many marks on one character.")
			}
		case invisible(r) || !unicode.IsGraphic(r) || r == utf8.RuneError:
			return "", invalidProfile.because("The character U+%04X can't be in the text.", r)
		default:
			marks = 0
		}
	}
	return text, nil
}
