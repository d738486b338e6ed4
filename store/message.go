package store

import (
	"context"
	"time"
)

// MaxMessages is how many messages between two players are kept: the newest.
const MaxMessages = 500

// Message is what one player has written to another.
type Message struct {
	N    uint64 // the messages of two are numbered 1, 2, 3... for both of them
	From string
	Text string
	At   time.Time // microseconds
}

// Talk is what a player and another one have written to each other, as that player sees it.
type Talk struct {
	User   string // the other
	Name   string
	Last   Message // the newest that is kept; without N: none
	Read   uint64  // what the player has read, up to this number
	Unread int     // messages of the other's above Read that are kept
	At     time.Time
}

// Messages keeps what players write to each other.
type Messages interface {
	// SendMessage keeps a message for both. They are friends, or to lets strangers write. ErrNotFound: one of them does not
	// exist; ErrBlocked: one blocks the other, or to wants messages of friends alone. Until the transaction ends the two can't
	// write to each other.
	SendMessage(ctx context.Context, from, to, text string, now time.Time) (Message, error)
	// Messages returns what user and other have written, less what user has thrown away, oldest first, at most limit (1 to 100):
	// the first with numbers above after, if that is not 0, else the last with numbers below before, if that is not 0, else the
	// last. read is up to where user has read.
	Messages(ctx context.Context, user, other string, before, after uint64, limit int) (some []Message, read uint64, err error)
	// Talks lists with whom user has written, those with the newest messages first, less those that were thrown away, at most
	// limit (1 to 100) from cursor on ("" begins). A malformed cursor is ErrNotFound.
	Talks(ctx context.Context, user, cursor string, limit int) (all []Talk, next string, err error)
	// MarkRead notes that user has read other's messages up to number n, at most the last; it never goes back. ErrNotFound:
	// they have not written.
	MarkRead(ctx context.Context, user, other string, n uint64) (read uint64, err error)
	// DropMessage throws user's copy of a message away. ErrNotFound: there is none of this number.
	DropMessage(ctx context.Context, user, other string, n uint64) error
	// DropTalk throws user's copies of all that the two have written away.
	DropTalk(ctx context.Context, user, other string) error
}
