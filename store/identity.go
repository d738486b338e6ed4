package store

import (
	"context"
	"time"
)

// Linked is one of an account's identities, as the player may see it.
type Linked struct {
	Platform string
	LinkedAt time.Time // microseconds; the account's CreatedAt for the first one
}

// Identities keeps how players are known to platforms. An account has at most one identity of a platform, an identity
// at most one account.
type Identities interface {
	// Credentials is the account of an identity, and the Secret that was kept with it. ErrNotFound.
	Credentials(ctx context.Context, id Identity) (a Account, secret string, err error)
	// LinkIdentity gives the account one more identity; one that it has already changes nothing, not even its Secret. It
	// returns the account, which is no guest any more if the platform is not "guest". ErrNotFound: no such account;
	// ErrIdentityTaken; ErrPlatformLinked.
	LinkIdentity(ctx context.Context, user string, id Identity, now time.Time) (Account, error)
	// UnlinkIdentity takes the account's identity of a platform away and returns the account, which is a guest again if
	// nothing but "guest" is left. ErrNotFound; ErrLastIdentity: nobody could reach the account any more.
	UnlinkIdentity(ctx context.Context, user, platform string) (Account, error)
	// IdentitiesOf lists an account's identities by platform; none is no error.
	IdentitiesOf(ctx context.Context, user string) ([]Linked, error)
	// SetSecret replaces an identity's Secret. ErrNotFound: there is no such identity, or its Secret is not old any more.
	SetSecret(ctx context.Context, id Identity, old string) error
}

// Profile is what a player changes of an account; nil leaves a field as it is.
type Profile struct {
	Name, Look *string // together: Look is of Name, see [Account]
	About      *string
	Picture    *int64
}

// Profiles changes accounts at their players' wish.
type Profiles interface {
	// ChangeProfile returns the account as it is then. ErrNotFound, ErrNameTaken.
	ChangeProfile(ctx context.Context, user string, p Profile) (Account, error)
}

// Deletions takes accounts away, completely. That has two steps, since rooms know their players: at once the account is
// nobody's any more and has nothing left but its id and its seats, which are leaving; and when the rooms have let it go,
// the rest goes.
type Deletions interface {
	// DeleteAccount does the first step, and the second if the account has no seats; it returns the seats that are leaving,
	// whose rooms have to be told. From then on no method finds the account, its identities or its session, and its name is
	// free. ErrNotFound.
	DeleteAccount(ctx context.Context, user string, now time.Time) (left []Seat, err error)
	// FinishDeletions does the second step for at most limit accounts whose rooms have let them go, those that were deleted
	// first; it returns how many these were. A seat that such an account has got meanwhile becomes leaving. Any number of
	// processes may do so at once.
	FinishDeletions(ctx context.Context, now time.Time, limit int) (gone int, err error)
}
