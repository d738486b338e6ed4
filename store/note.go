package store

import (
	"context"
	"encoding/json"
	"time"
)

// Note is something that a player is told outside of rooms.
type Note struct {
	User string
	N    uint64 // the user's notes are numbered 1, 2, 3... in the order in which they were kept; set by Notify
	Type string // 1 to 64 bytes; begins with $ when it is the lobby's own
	Body json.RawMessage
	At   time.Time // microseconds
}

// Bounds of what is kept for one user.
const (
	MaxNotes    = 200                // the newest
	NotesTime   = 7 * 24 * time.Hour // from At
	MaxNoteBody = 8 << 10            // bytes
)

// Notes keeps what players are told, so that nobody misses it who is away for a while.
type Notes interface {
	// Notify keeps notes and returns them with their numbers, by user, those of one user in the order given. Who does not exist, or was
	// deleted, is left out. A note that is too large is an error, and nothing is kept. Until the transaction ends nobody else can
	// notify the same users: tell all of them in one call, and late.
	Notify(ctx context.Context, notes ...Note) ([]Note, error)
	// Notes returns the user's notes with numbers above after that are still kept at now, the oldest first, at most limit (0 to
	// MaxNotes), and the highest number that the user has been given, 0 for none.
	Notes(ctx context.Context, user string, after uint64, now time.Time, limit int) (notes []Note, last uint64, err error)
	// LastNotes returns the highest number that each of these users has been given; who has none is left out.
	LastNotes(ctx context.Context, users []string) (map[string]uint64, error)
	// ForgetNotes drops at most limit notes that are over at now, and returns how many. Any number of processes may do so at once.
	ForgetNotes(ctx context.Context, now time.Time, limit int) (int, error)
}
