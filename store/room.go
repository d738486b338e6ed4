package store

import (
	"context"
	"time"
)

// RoomState is a room's place in its life.
type RoomState string

const (
	Open    RoomState = "open"    // takes players
	Playing RoomState = "playing" // has begun: not offered to strangers, a free seat can still be taken by its id
	Closed  RoomState = "closed"  // over
)

// Room is a room as the lobby shows it. Players is derived from the seats.
type Room struct {
	ID        string
	Game      string
	Version   string
	State     RoomState
	Players   int
	Capacity  int
	CreatedAt time.Time // microseconds
}

// RoomFilter chooses rooms; empty fields choose all.
type RoomFilter struct {
	Game    string
	Version string
	State   RoomState
}

// Rooms keeps the rooms.
type Rooms interface {
	// CreateRoom keeps a new open room with its first memory, and a joining seat for user, if there is one.
	CreateRoom(ctx context.Context, r Room, memory []byte, user string) error
	// Room: ErrNotFound.
	Room(ctx context.Context, id string) (Room, error)
	// Rooms lists rooms, newest first, at most limit (1 to 100) from cursor on ("" begins); next is "" at the end.
	// A malformed cursor is ErrNotFound.
	Rooms(ctx context.Context, f RoomFilter, cursor string, limit int) (rooms []Room, next string, err error)
	// LiveRooms lists ids of rooms that are not closed, of the given game and version, ordered by id, after the id
	// given, at most limit; wake says which have a timer set.
	LiveRooms(ctx context.Context, game, version, after string, limit int) ([]LiveRoom, error)
	// Unswept lists closed rooms whose server queue has not been reported deleted, at most limit.
	Unswept(ctx context.Context, limit int) ([]string, error)
	// Swept notes that the room's server queue is gone.
	Swept(ctx context.Context, room string) error
}

// LiveRoom is a room as workers share them out.
type LiveRoom struct {
	ID   string
	Wake bool // it has a timer, or unpublished outputs, or players: it wants a worker even if nobody speaks to it
}

// SeatState is a seat's place in its life. All but Leaving count against the room's capacity.
type SeatState string

const (
	Joining SeatState = "joining" // taken; the room has not heard of it yet
	Seated  SeatState = "seated"  // the room knows
	Leaving SeatState = "leaving" // given up; the room has not heard of it yet
)

// Seat is a user's place in a room.
type Seat struct {
	Room  string
	User  string
	Name  string // the account's
	State SeatState
	Since time.Time // of this state
}

// Seats keeps who sits where.
type Seats interface {
	// TakeSeat gives user a seat in the room; one it has already is given again (a leaving one joins again).
	// ErrNotFound, ErrRoomClosed, ErrRoomFull.
	TakeSeat(ctx context.Context, room, user string, now time.Time) (Seat, error)
	// TakeAnySeat gives user a seat in some open room of the game and version that has a free one and where it
	// does not sit; the fullest first. ErrNotFound: there is none.
	TakeAnySeat(ctx context.Context, game, version, user string, now time.Time) (Seat, error)
	// GiveUpSeat makes the seat leaving. ErrNotFound.
	GiveUpSeat(ctx context.Context, room, user string, now time.Time) error
	// Seat: ErrNotFound, also when it is leaving or the room is closed.
	Seat(ctx context.Context, room, user string) (Seat, error)
	// SeatsOf lists the seats of a user in rooms that are not closed, leaving ones left out, oldest first.
	SeatsOf(ctx context.Context, user string) ([]Seat, error)
	// PendingSeats lists seats that are joining or leaving since before then, in rooms that are not closed, at
	// most limit: their rooms may not have been told.
	PendingSeats(ctx context.Context, before time.Time, limit int) ([]Seat, error)
}
