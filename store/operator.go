package store

import (
	"context"
	"time"
)

// Operators is what those who run a deployment ask for, and players may not.
type Operators interface {
	// AccountByName finds an account by its name, without regard to case. ErrNotFound.
	AccountByName(ctx context.Context, name string) (Account, error)
	// SessionOf is the user's session, also one that has expired. ErrNotFound: it has none.
	SessionOf(ctx context.Context, user string) (Session, error)
	// SeatsIn lists the seats in a room, leaving ones left out, those that were taken first first.
	SeatsIn(ctx context.Context, room string) ([]Seat, error)
	// PutOut gives up the seat of a user for the reason, a word, whoever owns the room. One that is leaving stays as it is.
	// ErrNotFound: there is no such room. ErrRoomClosed; ErrNotSeated.
	PutOut(ctx context.Context, room, user, reason string, now time.Time) (Seat, error)
}
