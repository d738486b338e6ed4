package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/store"
)

type roomsQueryJSON struct {
	Game  string `json:"game" check:"max=32"`
	State string `json:"state" check:"oneof=open|playing|closed"`
	pageJSON
}

type roomPageJSON struct {
	Rooms []roomJSON `json:"rooms" doc:"Private ones too."`
	Next  string     `json:"next" doc:"The cursor of the next page; empty after the last. A page may be short, and yet have a next."`
}

// roomViewJSON is a room as operators see it.
type roomViewJSON struct {
	Room  roomJSON       `json:"room"`
	Code  string         `json:"code" doc:"Of a private room; else empty."`
	Seats []roomSeatJSON `json:"seats" doc:"The first to come first."`
}

type roomSeatJSON struct {
	User      string          `json:"user"`
	Name      string          `json:"name"`
	State     store.SeatState `json:"state"`
	Since     time.Time       `json:"since"`
	Spectator bool            `json:"spectator"`
}

type kickJSON struct {
	User string `json:"user" check:"required,min=1,max=64"`
	because
}

// reasonClosedByOperator is why a room ends that an operator ends.
const reasonClosedByOperator = "closed_by_operator"

func (a *Admin) addRooms() {
	adminGet(a, "/rooms", "Rooms, newest first", a.rooms)
	adminGet(a, "/rooms/:id", "A room and who sits there", a.room)
	adminDo(a, "POST", "/rooms/:id/close", "room.close", "End a room", a.closeRoom, a.tellClosed)
	adminDo(a, "POST", "/rooms/:id/kick", "room.kick", "Take a player's or a spectator's seat away", a.kick, nil)
}

func (a *Admin) rooms(c *Context, in roomsQueryJSON) (out roomPageJSON, err error) {
	cursor, limit, err := in.page()
	if err != nil {
		return out, err
	}
	if in.Game != "" && !goodID.MatchString(in.Game) {
		return roomPageJSON{Rooms: []roomJSON{}}, nil
	}
	found, next, err := a.store.Rooms(c.ctx, store.RoomFilter{Game: in.Game, State: store.RoomState(in.State), Private: true}, cursor, limit)
	if err != nil {
		return out, orNotFound(err, badCursor)
	}
	out = roomPageJSON{Rooms: make([]roomJSON, len(found)), Next: next}
	for i, r := range found {
		out.Rooms[i] = roomOf(r)
	}
	return out, nil
}

func (a *Admin) room(c *Context, _ struct{}) (out roomViewJSON, err error) {
	room, err := a.service.findRoom(c)
	if err != nil {
		return out, err
	}
	seats, err := a.store.SeatsIn(c.ctx, room.ID)
	if err != nil {
		return out, err
	}
	out = roomViewJSON{Room: roomOf(room), Code: room.Code, Seats: make([]roomSeatJSON, len(seats))}
	for i, s := range seats {
		out.Seats[i] = roomSeatJSON{s.User, s.Name, s.State, s.Since.UTC(), s.Spectator}
	}
	return out, nil
}

func (a *Admin) closeRoom(c *Context, _ because) (_ struct{}, _ deed, err error) {
	room, err := a.service.findRoom(c)
	if err == nil && room.State == store.Closed {
		err = roomClosed
	}
	return struct{}{}, deed{target: room.ID}, err
}

// tellClosed tells a room that it ends.
func (a *Admin) tellClosed(c *Context, _ because) error {
	room, err := a.service.findRoom(c)
	if err != nil || room.State == store.Closed {
		return err
	}
	return a.service.endRoom(c.ctx, room, reasonClosedByOperator)
}

func (a *Admin) kick(c *Context, in kickJSON) (_ struct{}, _ deed, err error) {
	room, err := a.service.findRoom(c)
	if err != nil {
		return struct{}{}, deed{}, err
	}
	if !goodID.MatchString(in.User) {
		return struct{}{}, deed{}, notSeated
	}
	seat, err := a.store.PutOut(c.ctx, room.ID, in.User, store.ReasonKicked, c.now())
	if errors.Is(err, store.ErrNotFound) {
		err = roomNotFound
	}
	if err != nil {
		return struct{}{}, deed{}, err
	}
	c.After(func(ctx context.Context) { a.service.tell(ctx, room, seat, false) })
	return struct{}{}, deed{user: in.User, target: room.ID}, nil
}
