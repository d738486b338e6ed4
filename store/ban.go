package store

import (
	"context"
	"errors"
	"time"
)

// ErrAccountBanned comes as a [BannedError].
var ErrAccountBanned = errors.New("account is banned")

// MaxBanReason is the most bytes of an AccountBan's Reason.
const MaxBanReason = 2000

// AccountBan keeps a player from signing in.
type AccountBan struct {
	User   string
	At     time.Time // microseconds
	Until  time.Time // microseconds; zero: for ever
	Reason string    // for those who run the deployment
}

// AccountBans keeps who may not sign in. When a ban is over the database's clock says, for all processes the same.
type AccountBans interface {
	// BanAccount ends the user's session, and lets StartSession start none until the ban is over: from its commit on no
	// session of the user's is found, however a sign-in meets it. It takes the place of a ban that is there. ErrNotFound.
	BanAccount(ctx context.Context, b AccountBan) error
	// UnbanAccount ends a ban before its time. ErrNotFound: the user is not banned, or not there.
	UnbanAccount(ctx context.Context, user string) error
	// AccountBan is the user's ban. ErrNotFound: there is none, or it is over.
	AccountBan(ctx context.Context, user string) (AccountBan, error)
}

// BannedError says until when a user is banned who wanted to sign in.
type BannedError struct {
	Until time.Time // zero: for ever
}

func (e *BannedError) Error() string {
	if e.Until.IsZero() {
		return ErrAccountBanned.Error() + " for ever"
	}
	return ErrAccountBanned.Error() + " until " + e.Until.UTC().Format(time.RFC3339)
}

func (e *BannedError) Unwrap() error { return ErrAccountBanned }
