package store

import (
	"context"
	"math"
	"time"
)

// RoomState is a room's place in its life.
type RoomState string

const (
	Open    RoomState = "open"    // takes players
	Playing RoomState = "playing" // has begun: not offered to strangers, a free seat can still be taken by its id
	Closed  RoomState = "closed"  // over
)

// Room is a room as the lobby shows it. Players, Spectators and Owner are derived from the seats.
type Room struct {
	ID        string
	Game      string
	Version   string
	State     RoomState
	Players   int
	Capacity  int
	CreatedAt time.Time // microseconds

	Spectators    int
	MaxSpectators int
	Private       bool   // not listed, and entered by the code or an invitation
	Code          string // of a private room; "" when it is closed
	// Owner is the player who made the room; when it leaves, the one who has sat there longest. "": the room has none, or
	// nobody sits there. See [Doors].
	Owner  string
	Labels Labels
	// Asleep is zero while somebody minds the room. Else it sleeps until then: that is when its next timer is due, or [Never].
	Asleep time.Time
}

// Never is when a room without timers wakes by itself.
var Never = time.UnixMicro(math.MaxInt64)

// Labels are what rooms of a game are found by, by name: texts (string) and numbers (int64). They stay as they are.
type Labels map[string]any

// RoomFilter chooses rooms; empty fields choose all.
type RoomFilter struct {
	Game    string
	Version string
	State   RoomState
	Free    bool          // with a free seat; of rooms that are not closed
	Labels  []LabelFilter // all of them; of rooms that are neither closed nor private. With Game only
	Private bool          // private ones too
}

// LabelFilter chooses rooms with a label of this Name: that is Text or, if Text is empty, that is a number Least to Most.
type LabelFilter struct {
	Name        string
	Text        string
	Least, Most int64
}

// Rooms keeps the rooms.
type Rooms interface {
	// CreateRoom keeps a new open room with its first memory, and a joining seat for user, if there is one. With an Owner, which
	// can only be user, the room will always have one. ErrCodeTaken.
	CreateRoom(ctx context.Context, r Room, memory []byte, user string) error
	// Room: ErrNotFound.
	Room(ctx context.Context, id string) (Room, error)
	// Rooms lists rooms, newest first, at most limit (1 to 100) from cursor on ("" begins); next is "" at the end.
	// Where f is seldom met a page may have fewer, or none, and yet a next one: so a call looks at a bounded number of rooms.
	// A malformed cursor is ErrNotFound.
	Rooms(ctx context.Context, f RoomFilter, cursor string, limit int) (rooms []Room, next string, err error)
	// LiveRooms lists ids of rooms that are neither closed nor asleep, of the given game and version, ordered by id, after the
	// id given, at most limit.
	LiveRooms(ctx context.Context, game, version, after string, limit int) ([]LiveRoom, error)
	// DueRooms lists rooms of the given game and version that sleep until before then, the first ones first, at most limit, after
	// the one given (zero begins).
	DueRooms(ctx context.Context, game, version string, before time.Time, after DueRoom, limit int) ([]DueRoom, error)
	// Unswept lists closed rooms whose server queue has not been reported deleted, at most limit.
	Unswept(ctx context.Context, limit int) ([]string, error)
	// Swept notes that the room's server queue is gone.
	Swept(ctx context.Context, room string) error
}

// LiveRoom is a room as workers share them out.
type LiveRoom struct {
	ID        string
	Wake      bool // it has a timer, or unpublished outputs, or players: it wants a worker even if nobody speaks to it
	CreatedAt time.Time
}

// DueRoom is a room that sleeps, and until when.
type DueRoom struct {
	ID string
	At time.Time
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

	Spectator bool   // sees what everybody in the room sees and has no say; does not count as a player
	Reason    string // why a leaving one is: a stable word, "": its user has left
}

// Seats keeps who sits where.
type Seats interface {
	// TakeSeat gives user a seat in the room; one it has already is given again (a leaving one joins again; a spectator
	// becomes a player). ErrNotFound, also of a private room to which user is not invited; ErrRoomClosed, ErrRoomFull, ErrBanned.
	TakeSeat(ctx context.Context, room, user string, now time.Time) (Seat, error)
	// TakeAnySeat gives user a seat in some open room of the game and version, not a private one, that has a free one and where it
	// does not sit and is not banned; the fullest first, and of those that are asleep only if no other has one, and then a bounded
	// number of the newest. ErrNotFound: there is none.
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
