package store

import (
	"context"
	"time"
)

// Account is a player.
type Account struct {
	ID        string
	Name      string // display name; unique without regard to case; 1 to 24 characters
	Guest     bool   // has no sign-in of a platform
	Level     int64  // from 1
	Exp       int64
	Gold      int64
	Win       int64
	Lose      int64
	Draw      int64
	CreatedAt time.Time
	// Look is what Name looks like to people, in a form in which names that look alike are the same; unique too. "": not known.
	Look    string
	About   string // a short text of the player's own
	Picture int64  // number of a picture of the game's
}

// Identity is how a platform knows a player. Subject is what the platform calls it; for "guest" the hex SHA-256 of
// the secret that the client keeps, or "" for a guest that can't come back.
type Identity struct {
	Platform string
	Subject  string
	// Secret is what the player's secret is checked against, where the platform asks for one. It is kept with the identity
	// and is no part of it: two that differ in nothing else are the same.
	Secret string
}

// Award is what a room's message adds to an account, in the same transaction as the room's state. Gold stays within 0 and
// [MaxBalance]: what is beyond is cut, as of a [Grant].
type Award struct {
	User                       string
	Exp, Gold, Win, Lose, Draw int64
}

// Accounts keeps the players.
type Accounts interface {
	// CreateAccount keeps a new account under a.ID, which the caller has made, with its identity (none when
	// Subject is ""). ErrNameTaken; and when the identity is known already, the account it belongs to and
	// created false.
	CreateAccount(ctx context.Context, a Account, id Identity) (account Account, created bool, err error)
	// AccountByIdentity: ErrNotFound.
	AccountByIdentity(ctx context.Context, id Identity) (Account, error)
	// Account: ErrNotFound.
	Account(ctx context.Context, id string) (Account, error)
}

// Session is a signed-in player. A user has at most one.
type Session struct {
	ID        string
	User      string
	Name      string // the account's
	ExpiresAt time.Time
	// FoundAt is when [Sessions].Session found it, by the database's one clock: less the time that the asking took, it
	// tells the newer of two connections, whatever the clocks of the processes that asked. StartSession does not look at it.
	FoundAt time.Time
}

// TokenHash is the SHA-256 of what names the session in its tokens; that itself is never kept.
type TokenHash [32]byte

// Sessions keeps who is signed in.
type Sessions interface {
	// StartSession makes s the user's one session; an older one ends. ErrNotFound; [BannedError].
	StartSession(ctx context.Context, s Session, token TokenHash) error
	// Session finds a session that has not expired at now. ErrNotFound.
	Session(ctx context.Context, token TokenHash, now time.Time) (Session, error)
	// ExtendSession moves the end of the user's session, if it is still session id. ErrNotFound.
	ExtendSession(ctx context.Context, user, id string, end time.Time) error
	// EndSession ends the user's session, if it is still session id. Ending none is no error.
	EndSession(ctx context.Context, user, id string) error
}
