package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/madang-games/madang/store"
)

// How players come into rooms but by joining one of the list.

var (
	banned       = entry(403, "banned", "The player is banned from the room", "The room's owner has banned the player from it.")
	codeNotFound = entry(404, "code_not_found", "No room has this code", "No room has this code now.")
	notSeated    = entry(409, "not_seated", "The player has no seat there", "The player has no seat in the room.")
	playsThere   = entry(409, "plays_there", "The player plays in the room", "The player has a seat in the room: leave it, to watch.")
)

// mayLookIn refuses who sits not in the room, and may not know of it.
func (s *Service) mayLookIn(c *Context, room store.Room) error {
	if !room.Private {
		return nil
	}
	invited, err := s.config.Store.Invited(c.ctx, room.ID, c.session.User, s.config.Now())
	if err == nil && !invited {
		err = roomNotFound
	}
	return err
}

// findVisible is findRoom for who may know of the room.
func (s *Service) findVisible(c *Context) (store.Room, error) {
	room, err := s.findRoom(c)
	if err != nil || !room.Private {
		return room, err
	}
	_, err = s.config.Store.Seat(c.ctx, room.ID, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		err = s.mayLookIn(c, room)
	}
	return room, err
}

// codeGuesses limits how often codes may be guessed wrong, by player and by address, at this process.
type codeGuesses struct {
	players   *buckets[string]
	addresses *buckets[netip.Prefix]
}

// With these a thousand addresses that guess all the time find one of 10,000 rooms in a fortnight.
const (
	codesPerSecond   = 0.1
	codesAtOnce      = 10
	invitesPerSecond = 0.1
	invitesAtOnce    = 20
)

func newCodeGuesses() codeGuesses {
	return codeGuesses{newBuckets[string](codesPerSecond, codesAtOnce), newBuckets[netip.Prefix](codesPerSecond, 10*codesAtOnce)}
}

// try counts a guess before it is known whether it is right; right takes it back.
func (g codeGuesses) try(user, address string, now time.Time) (right func(), err error) {
	player, wait, ok := g.players.take(user, now)
	if !ok {
		return nil, rateLimited.after(wait).because("Too many wrong codes.")
	}
	right = func() { g.players.giveBack(player) }
	key, limited := limitKey(address)
	if !limited {
		return right, nil
	}
	home, wait, ok := g.addresses.take(key, now)
	if !ok {
		right()
		return nil, rateLimited.after(wait).because("Too many wrong codes from this address.")
	}
	return func() { g.players.giveBack(player); g.addresses.giveBack(home) }, nil
}

// joinByCode is POST /rooms/join.
func (s *Service) joinByCode(c *Context) error {
	var in struct {
		Code string `json:"code"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	right, err := s.codes.try(c.session.User, c.address, s.config.Now())
	if err != nil {
		return err
	}
	code, ok := parseCode(in.Code)
	if !ok {
		return codeNotFound
	}
	err = s.once(c, func() error {
		seat, err := s.config.Store.TakeSeatByCode(c.ctx, code, c.session.User, s.config.Now())
		if errors.Is(err, store.ErrNotFound) {
			return codeNotFound
		}
		if err != nil {
			return err
		}
		return s.joined(c, seat)
	})
	if err != nil && problemOf(err) != codeNotFound || err == nil && c.answer.status != http.StatusNotFound {
		right()
	}
	return err
}

// watchRoom is POST /rooms/:id/watch. Who watches already is given its place again.
func (s *Service) watchRoom(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	seat, err := s.config.Store.TakeSpectatorSeat(c.ctx, room.ID, c.session.User, s.config.Now())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return roomNotFound
	case errors.Is(err, store.ErrRoomFull):
		return roomFull.because("The room takes %d spectators, and no more.", room.MaxSpectators)
	case err != nil:
		return err
	}
	return s.joined(c, seat)
}

// moveToRoom is POST /rooms/:id/move: the seat in another room is given up for one in this. Who has moved already is given its
// seat again.
func (s *Service) moveToRoom(c *Context) error {
	var in struct {
		From string `json:"from"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	if in.From == "" {
		if in.From, err = s.onlySeat(c, room.ID); err != nil {
			return err
		}
	}
	if !goodID.MatchString(in.From) {
		return notSeated
	}
	taken, left, err := s.config.Store.MoveSeat(c.ctx, in.From, room.ID, c.session.User, s.config.Now())
	if errors.Is(err, store.ErrNotFound) {
		return roomNotFound
	}
	if err != nil {
		return err
	}
	if left.State == store.Leaving {
		before, err := s.config.Store.Room(c.ctx, left.Room)
		if err != nil {
			return err
		}
		c.After(func(ctx context.Context) { s.tell(ctx, before, left, false) })
	}
	return s.joined(c, taken)
}

// onlySeat is the one room where the player sits besides that; that itself, if there is none.
func (s *Service) onlySeat(c *Context, that string) (string, error) {
	seats, err := s.config.Store.SeatsOf(c.ctx, c.session.User)
	if err != nil {
		return "", err
	}
	from := that
	for _, seat := range seats {
		switch {
		case seat.Room == that:
		case from != that:
			return "", badRequest.because("The player sits in several rooms: say from which.")
		default:
			from = seat.Room
		}
	}
	return from, nil
}

// inviteTime is how long an invitation lives.
const inviteTime = time.Hour

const noteInvite = "$invite"

// invitationJSON is the body of a $invite.
type invitationJSON struct {
	Room  string    `json:"room"`
	Game  string    `json:"game"`
	From  fromJSON  `json:"from"`
	Until time.Time `json:"until"`
}

type fromJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// invite is POST /rooms/:id/invite.
func (s *Service) invite(c *Context) error {
	user, err := c.bindUser()
	if err != nil {
		return err
	}
	room, err := s.findVisible(c)
	if err != nil {
		return err
	}
	if blocked, err := s.config.Store.Blocked(c.ctx, c.session.User, user); err != nil {
		return err
	} else if blocked {
		return unreachable
	}
	now := s.config.Now().Truncate(time.Microsecond)
	if _, wait, ok := s.invites.take(c.session.User, now); !ok {
		return rateLimited.after(wait).because("Too many invitations.")
	}
	body, err := json.Marshal(invitationJSON{room.ID, room.Game, fromJSON{c.session.User, c.session.Name}, now.Add(inviteTime).UTC()})
	if err != nil {
		return err
	}
	err = s.transact(c.ctx, func(ctx context.Context) error {
		err := s.config.Store.Invite(ctx, store.Invitation{Room: room.ID, User: user, By: c.session.User, Until: now.Add(inviteTime)}, now)
		if err != nil {
			return err
		}
		return s.notify(ctx, store.Note{User: user, Type: noteInvite, Body: body, At: now})
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return userNotFound
	case errors.Is(err, store.ErrFull):
		return tooManyInvites
	case errors.Is(err, store.ErrBanned):
		return banned.because("That player is banned from the room.")
	}
	return err
}
