package store

import (
	"context"
	"time"
)

// Relation is how a player stands to another one.
type Relation string

const (
	Stranger Relation = ""        // nothing is between them
	Asked    Relation = "asked"   // it has asked the other to be friends
	Asking   Relation = "asking"  // the other has asked
	Friend   Relation = "friends" // they are friends
	Blocking Relation = "blocked" // it blocks the other, which sees nothing of that
)

// Bounds of what one player has.
const (
	MaxFriends = 500
	MaxAsked   = 100  // requests of its own that wait
	MaxAsking  = 200  // requests of others that wait
	MaxBlocked = 1000 // players that it blocks
)

// Related is another player as one sees it.
type Related struct {
	User     string
	Name     string
	Relation Relation
	Since    time.Time // microseconds
}

// Friends keeps who is whose friend, and who blocks whom. Each change is of both sides at once.
type Friends interface {
	// Befriend has user ask other; when other has asked already they are friends at once. Asking again, and asking a friend,
	// changes nothing. With agree it asks nobody: it is ErrNotFound then unless other has asked, or is a friend. ErrNotFound: one
	// of them does not exist; ErrBlocked: one of the two blocks the other; ErrTooMany: one of them has as many friends, or
	// requests, as may be.
	Befriend(ctx context.Context, user, other string, agree bool, now time.Time) (r Related, changed bool, err error)
	// Unfriend ends a friendship, a request of user's, or one of other's, and returns what it was: Stranger when there was none.
	Unfriend(ctx context.Context, user, other string) (was Relation, err error)
	// Block ends what is between them, as Unfriend does, and lets nothing come about as long as it stands. ErrNotFound,
	// ErrTooMany.
	Block(ctx context.Context, user, other string, now time.Time) (was Relation, err error)
	// Unblock takes user's block of other away; there need not be one.
	Unblock(ctx context.Context, user, other string) error
	// Relations lists players to whom user stands like this, Stranger for all of them, by id, at most limit (1 to 100) from
	// cursor on ("" begins); next is "" at the end. A malformed cursor is ErrNotFound.
	Relations(ctx context.Context, user string, r Relation, cursor string, limit int) (all []Related, next string, err error)
	// Blocked reports whether one of the two blocks the other.
	Blocked(ctx context.Context, user, other string) (bool, error)
	// UserNamed is the id of the player of this name, without regard to case. ErrNotFound.
	UserNamed(ctx context.Context, name string) (string, error)
}

// Contact is what a player says of how it may be reached.
type Contact struct {
	Hidden    bool // shown as offline to friends
	Strangers bool // those who are no friends may send messages
}

// Contacts keeps how players may be reached.
type Contacts interface {
	// Contact is the zero one for who has said nothing.
	Contact(ctx context.Context, user string) (Contact, error)
	// SetContact: nil leaves a field as it is. It returns what was and what is. ErrNotFound.
	SetContact(ctx context.Context, user string, hidden, strangers *bool) (was, is Contact, err error)
	// TakeTurn counts something that user does to others: one each so long in the long run, burst at once, over all processes.
	// wait is 0 when it was its turn; else nothing was counted, and wait is how long it takes. ErrNotFound.
	TakeTurn(ctx context.Context, user string, now time.Time, each time.Duration, burst int) (wait time.Duration, err error)
}
