package lobby

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/madang-games/madang/store"
)

// What the owner of a room may do. Who owns it the store decides, in the transaction that does what it asks for.

var (
	notOwner    = entry(403, "not_owner", "Only the owner may", "Only the owner of the room may do this.")
	mayNotClose = entry(403, "may_not_close", "The game does not allow it", "Rooms of this game are not closed by their owners.")
	notPrivate  = entry(409, "not_private", "The room is not private", "The room is open to all: it has no code.")
	tooManyBans = entry(409, "too_many_bans", "Many are banned", "As many players are banned from the room as it can be.")
)

// kick is POST /rooms/:id/kick.
func (s *Service) kick(c *Context) error { return s.putOut(c, false) }

// ban is POST /rooms/:id/bans.
func (s *Service) ban(c *Context) error { return s.putOut(c, true) }

// putOut has a player leave the room, and with ban keeps it out.
func (s *Service) putOut(c *Context, ban bool) error {
	user, err := c.bindUser()
	if err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	if user == c.session.User {
		return badRequest.because("Leave the room yourself.")
	}
	seat, err := s.config.Store.Kick(c.ctx, room.ID, c.session.User, user, ban, s.config.Now())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return userNotFound
	case errors.Is(err, store.ErrFull):
		return tooManyBans
	case err != nil:
		return err
	}
	if seat.State == store.Leaving {
		c.After(func(ctx context.Context) { s.tell(ctx, room, seat, false) })
	}
	return c.NoContent()
}

// banJSON is who may not come into a room.
type banJSON struct {
	User     string    `json:"user"`
	Name     string    `json:"name"`
	BannedAt time.Time `json:"banned_at"`
}

// listBans is GET /rooms/:id/bans.
func (s *Service) listBans(c *Context) error {
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	found, err := s.config.Store.Bans(c.ctx, room.ID, c.session.User)
	if err != nil {
		return err
	}
	bans := make([]banJSON, len(found))
	for i, b := range found {
		bans[i] = banJSON{b.User, b.Name, b.At.UTC()}
	}
	return c.JSON(http.StatusOK, struct {
		Bans []banJSON `json:"bans"`
	}{bans})
}

// unban is DELETE /rooms/:id/bans/:user. Who is not banned may come in already.
func (s *Service) unban(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	user := c.Param("user")
	if !goodID.MatchString(user) {
		user = "-" // nobody's id
	}
	return s.config.Store.Unban(c.ctx, room.ID, c.session.User, user)
}

// passRoom is POST /rooms/:id/owner.
func (s *Service) passRoom(c *Context) error {
	user, err := c.bindUser()
	if err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	return s.config.Store.PassRoom(c.ctx, room.ID, c.session.User, user)
}

// renewCode is POST /rooms/:id/code.
func (s *Service) renewCode(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		code := newCode()
		err := s.config.Store.RenewCode(c.ctx, room.ID, c.session.User, code)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return notPrivate
		case errors.Is(err, store.ErrCodeTaken) && try < codeTries:
			continue
		case err != nil:
			return err
		}
		return c.JSON(http.StatusOK, struct {
			Code string `json:"code"`
		}{code})
	}
}

// reasonClosedByOwner is why a room ends that its owner closes.
const reasonClosedByOwner = "closed_by_owner"

// closeRoom is POST /rooms/:id/close. The room ends when it comes to it in its queue. Being told twice does it no harm, so it is
// told in any case before the owner hears that it has been.
func (s *Service) closeRoom(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	var room store.Room
	err := s.once(c, func() (err error) {
		if room, err = s.findVisible(c); err != nil {
			return err
		}
		game := s.games.all[gameKey(room.Game, room.Version)]
		switch {
		case room.Owner != c.session.User:
			return notOwner
		case room.State == store.Closed:
			return roomClosed
		case game == nil || !game.Policy().OwnerCloses:
			return mayNotClose
		}
		return c.NoContent()
	})
	if err != nil || c.answer.status != http.StatusNoContent {
		return err
	}
	if room.ID == "" { // the answer was kept
		if room, err = s.findRoom(c); err != nil || room.State == store.Closed {
			return err
		}
	}
	return s.endRoom(c.ctx, room, reasonClosedByOwner)
}
