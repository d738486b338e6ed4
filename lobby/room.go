package lobby

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// roomJSON is a room on the wire.
type roomJSON struct {
	ID        string          `json:"id"`
	Game      string          `json:"game"`
	Version   string          `json:"version"`
	State     store.RoomState `json:"state"`
	Players   int             `json:"players"`
	Capacity  int             `json:"capacity"`
	CreatedAt time.Time       `json:"created_at"`

	Spectators    int          `json:"spectators,omitempty"`
	MaxSpectators int          `json:"max_spectators,omitempty"`
	Private       bool         `json:"private,omitempty"`
	Owner         string       `json:"owner,omitempty"` // user
	Labels        store.Labels `json:"labels,omitempty"`
}

func roomOf(r store.Room) roomJSON {
	return roomJSON{
		r.ID, r.Game, r.Version, r.State, r.Players, r.Capacity, r.CreatedAt.UTC(),
		r.Spectators, r.MaxSpectators, r.Private, r.Owner, r.Labels,
	}
}

// seatJSON is a seat on the wire.
type seatJSON struct {
	User  string          `json:"user"`
	Name  string          `json:"name"`
	State store.SeatState `json:"state"`

	Spectator bool `json:"spectator,omitempty"`
}

func seatOf(s *store.Seat) *seatJSON { return &seatJSON{s.User, s.Name, s.State, s.Spectator} }

// stompJSON says where a room is spoken to and heard.
type stompJSON struct {
	URL   string `json:"url"`
	Topic string `json:"topic"`
	Queue string `json:"queue"`
}

func stompOf(gateway, room string) stompJSON {
	return stompJSON{gateway, "/topic/room." + room, "/queue/room." + room}
}

// placeJSON is a room as one player finds it.
type placeJSON struct {
	Room  roomJSON  `json:"room"`
	Seat  *seatJSON `json:"seat,omitempty"` // the player's own; none: it does not sit there
	Stomp stompJSON `json:"stomp"`
	Code  string    `json:"code,omitempty"` // of a private room, for its players
}

// satJSON is a room where the player sits, in one object.
type satJSON struct {
	roomJSON
	Seat  seatJSON  `json:"seat"`
	Stomp stompJSON `json:"stomp"`
	Code  string    `json:"code,omitempty"`
}

func (c *Context) place(r store.Room, seat *store.Seat) placeJSON {
	p := placeJSON{Room: roomOf(r), Stomp: stompOf(c.gateway, r.ID)}
	if seat != nil {
		p.Seat = seatOf(seat)
		if !seat.Spectator {
			p.Code = r.Code
		}
	}
	return p
}

// findRoom reads the room that the path names.
func (s *Service) findRoom(c *Context) (store.Room, error) {
	id := c.Param("id")
	if !goodID.MatchString(id) {
		return store.Room{}, roomNotFound
	}
	room, err := s.config.Store.Room(c.ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return room, roomNotFound
	}
	return room, err
}

// getRoom is GET /rooms/:id.
func (s *Service) getRoom(c *Context) error {
	room, err := s.findRoom(c)
	if err != nil {
		return err
	}
	seat, err := s.config.Store.Seat(c.ctx, room.ID, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		if err := s.mayLookIn(c, room); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, c.place(room, nil))
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, c.place(room, &seat))
}

// createRoom is POST /rooms.
func (s *Service) createRoom(c *Context) error {
	var in struct {
		Game    string          `json:"game"`
		Options json.RawMessage `json:"options"`
		Private bool            `json:"private"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	game := s.versionFor(in.Game, c.session.User)
	if game == nil {
		return unknownGame
	}
	if string(in.Options) == "null" {
		in.Options = nil
	}
	if ofMatching(in.Options) {
		return badOptions.because("The option %q is the lobby's own.", handlers.MatchOption)
	}
	room, seat, err := s.create(c, game, in.Options, maker{owns: true, private: in.Private})
	if err != nil {
		return err
	}
	c.After(func(ctx context.Context) { s.tell(ctx, room, seat, true) })
	return c.JSON(http.StatusCreated, c.place(room, &seat))
}

// maker is what the one who makes a room is to it.
type maker struct {
	owns    bool
	private bool // it is for those alone who have its code or an invitation
}

// create keeps a new room with a seat for who asks. The room has not been told yet.
func (s *Service) create(c *Context, game handlers.Definition, options []byte, by maker) (store.Room, store.Seat, error) {
	if err := s.pausedFor(c.session.User); err != nil {
		return store.Room{}, store.Seat{}, err
	}
	now := s.config.Now().Truncate(time.Microsecond)
	room, memory, err := openRoom(game, options, now)
	if err != nil {
		return store.Room{}, store.Seat{}, err
	}
	room.Players, room.Private = 1, by.private
	if by.owns {
		room.Owner = c.session.User
	}
	for try := 1; ; try++ {
		if by.private {
			room.Code = newCode()
		}
		err := s.config.Store.CreateRoom(c.ctx, room, memory, c.session.User)
		if err == nil {
			break
		}
		if errors.Is(err, store.ErrNotFound) {
			err = notSignedIn // deleted a moment ago
		}
		if !errors.Is(err, store.ErrCodeTaken) || try == codeTries {
			return store.Room{}, store.Seat{}, err
		}
	}
	return room, store.Seat{
		Room: room.ID, User: c.session.User, Name: c.session.Name, State: store.Joining, Since: now,
	}, nil
}

// openRoom has the game open a room, which is not kept yet. The error is a problem where the game refuses the options.
func openRoom(game handlers.Definition, options []byte, now time.Time) (room store.Room, memory []byte, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return room, nil, fmt.Errorf("make a room id: %w", err)
	}
	opening, err := game.Open(id.String(), options, now)
	if rejection := (*handlers.Rejection)(nil); errors.As(err, &rejection) {
		p := *badOptions
		if goodCode.MatchString(rejection.Code) {
			p.code = rejection.Code
		}
		if rejection.Text != "" {
			p.detail = rejection.Text
		}
		return room, nil, &p
	}
	if err != nil {
		return room, nil, fmt.Errorf("game %q opens a room: %w", game.Name(), err)
	}
	return store.Room{
		ID: id.String(), Game: game.Name(), Version: game.Version(), State: store.Open, Capacity: opening.Capacity, CreatedAt: now,
		MaxSpectators: game.Policy().Spectators, Labels: opening.Labels,
	}, opening.Memory, nil
}

// joinRoom is POST /rooms/:id/join. Who sits there already is given its seat again.
func (s *Service) joinRoom(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	id := c.Param("id")
	if !goodID.MatchString(id) {
		return roomNotFound
	}
	seat, err := s.config.Store.TakeSeat(c.ctx, id, c.session.User, s.config.Now())
	if errors.Is(err, store.ErrNotFound) {
		return roomNotFound
	}
	if err != nil {
		return err
	}
	return s.joined(c, seat)
}

// joined tells the room of a seat that was taken in it, and answers with both.
func (s *Service) joined(c *Context, seat store.Seat) error {
	room, err := s.config.Store.Room(c.ctx, seat.Room)
	if err != nil {
		return err
	}
	if seat.State == store.Joining {
		c.After(func(ctx context.Context) { s.tell(ctx, room, seat, false) })
	}
	return c.JSON(http.StatusOK, c.place(room, &seat))
}

// randomRoom is POST /rooms/random: a seat in an open room of the game, or in a new one.
func (s *Service) randomRoom(c *Context) error {
	var in struct {
		Game string `json:"game"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	game := s.versionFor(in.Game, c.session.User)
	if game == nil {
		return unknownGame
	}
	// joins gives a seat in a room that is there; errNoSeat.
	joins := func() error {
		seat, err := s.config.Store.TakeAnySeat(c.ctx, game.Name(), game.Version(), c.session.User, s.config.Now())
		if errors.Is(err, store.ErrNotFound) {
			return errNoSeat
		}
		if err != nil {
			return err
		}
		return s.joined(c, seat)
	}
	if err := s.once(c, joins); !errors.Is(err, errNoSeat) {
		return err
	}
	// One request at a time looks once more for a seat and else makes a room: players who come at the same moment find each
	// other's room instead of each making one. (Those at two lobbies may still do that; whoever comes next fills the fuller
	// room.) Whoever is in a transaction must not wait for one who needs one.
	gate := s.gates[gameKey(game.Name(), game.Version())]
	select {
	case gate <- struct{}{}:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	defer func() { <-gate }()
	return s.once(c, func() error {
		if err := joins(); !errors.Is(err, errNoSeat) {
			return err
		}
		room, seat, err := s.create(c, game, nil, maker{})
		if err != nil {
			return err
		}
		c.After(func(ctx context.Context) { s.tell(ctx, room, seat, true) })
		return c.JSON(http.StatusCreated, c.place(room, &seat))
	})
}

var errNoSeat = errors.New("no open room of the game has a free seat")

// leaveRoom is POST /rooms/:id/leave. Who does not sit there has left.
func (s *Service) leaveRoom(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	room, err := s.findRoom(c)
	if err != nil {
		return err
	}
	now := s.config.Now()
	err = s.config.Store.GiveUpSeat(c.ctx, room.ID, c.session.User, now)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrRoomClosed):
		return c.NoContent()
	case err != nil:
		return err
	}
	seat := store.Seat{Room: room.ID, User: c.session.User, State: store.Leaving, Since: now}
	c.After(func(ctx context.Context) { s.tell(ctx, room, seat, false) })
	return c.NoContent()
}

// reasonLeft is why a player leaves who asks the lobby to.
const reasonLeft = "left"

// message is what a room is told of a seat.
func (s *Service) message(seat store.Seat) *broker.Message {
	m := &broker.Message{Room: seat.Room, Kind: broker.Join, User: seat.User, Name: seat.Name, Time: s.config.Now()}
	switch {
	case seat.State == store.Leaving:
		m.Kind, m.Name, m.Reason = broker.Leave, "", cmp.Or(seat.Reason, reasonLeft)
	case seat.Spectator:
		m.Reason = broker.ReasonSpectator
	}
	return m
}

// tell tells a room of a seat and the workers of the room. The store has the seat already, so a broker that does not
// answer in time fails nobody's request: Run tells the room again.
func (s *Service) tell(ctx context.Context, room store.Room, seat store.Seat, fresh bool) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := s.deliver(ctx, room, s.message(seat), fresh); err != nil {
		s.meter.late()
		s.config.Log.Warn("a room was not told of a seat, it will be again", "room", room.ID, "user", seat.User,
			"seat", seat.State, "error", err)
	}
}
