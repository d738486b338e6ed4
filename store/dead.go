package store

import (
	"context"
	"time"
)

// DeadLetter is a message that a room has given up: its handler failed each time it was tried, or ran too long. The room
// went on without it. It is kept until somebody drops it, also when the room is over.
type DeadLetter struct {
	ID       string // orders letters by their age (UUIDv7)
	Room     string
	Game     string
	Version  string
	Kind     string // what it was to the room: a broker.Kind, or "timer"
	Type     string
	User     string // who said it, or whom it is about
	Name     string
	Seq      uint64
	Conn     string
	ConnSeq  uint64
	Reason   string
	SentAt   time.Time // milliseconds
	Attempts int       // how often it was tried
	Error    string    // the last one's; at most MaxDeadError bytes
	Stack    string    // of a panic, or of where it hung; at most MaxDeadStack bytes
	GivenUp  time.Time // milliseconds

	ContentType string
	Body        []byte

	// Condemned: it was given up while it still ran, so it is not played and comes again. Condemned is then what the
	// worker knows it by; "" otherwise.
	Condemned string
}

// Bounds of what is kept of a failure.
const (
	MaxDeadError = 4 << 10
	MaxDeadStack = 16 << 10
)

// DeadFilter chooses dead letters; empty fields choose all.
type DeadFilter struct {
	Room string
	Game string
}

// DeadLetters keeps what rooms have given up. Letters come with a [Commit], all of it or nothing.
type DeadLetters interface {
	// DeadLetters lists letters without Body and Stack, newest first, at most limit (1 to 100) from cursor on (""
	// begins); next is "" at the end. A malformed cursor is ErrNotFound.
	DeadLetters(ctx context.Context, f DeadFilter, cursor string, limit int) (letters []DeadLetter, next string, err error)
	// DeadLetter: ErrNotFound.
	DeadLetter(ctx context.Context, id string) (DeadLetter, error)
	// DropDeadLetter forgets it. ErrNotFound.
	DropDeadLetter(ctx context.Context, id string) error
}
