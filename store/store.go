// Package store says what is remembered: accounts, sessions, rooms with their seats and state.
//
// Every method is one transaction: on an error nothing of it has happened, unless the error is a context's or the
// connection's, when it may have. Everything is safe for concurrent use by any number of processes. store/sql has both
// back ends; store/storetest proves them.
package store

import (
	"context"
	"errors"
)

// Errors that every back end returns, wrapped or bare; test with errors.Is.
var (
	ErrNotFound       = errors.New("not found")                // no such account, session, room or seat
	ErrNameTaken      = errors.New("name is taken")            // another account has it
	ErrIdentityTaken  = errors.New("identity is taken")        // another account has it
	ErrPlatformLinked = errors.New("platform is linked")       // the account has another identity of it
	ErrLastIdentity   = errors.New("identity is the last one") // nobody could reach the account without it
	ErrRoomFull       = errors.New("room is full")             // no free seat
	ErrRoomClosed     = errors.New("room is closed")           // it takes nobody in and changes no more
	ErrStaleTerm      = errors.New("term is stale")            // a later worker has taken the room up: this one must drop it
	ErrUnavailable    = errors.New("store is unavailable")     // the database can't be reached or refuses work for now
	ErrNewerSchema    = errors.New("database is too new")      // migrated by a newer program
	ErrShort          = errors.New("balance is too small")     // an account has less than is to be taken
	ErrFull           = errors.New("balance is too large")     // an account would have more than it may
	ErrInParty        = errors.New("player is in a party")     // and can be in one only
	ErrPartyFull      = errors.New("party is full")            // it has as many members as it may
	ErrPartyChanged   = errors.New("party has changed")        // it has not the members that were named
	ErrNotLeader      = errors.New("player is not the leader") // of the party
	ErrCodeTaken      = errors.New("code is taken")            // another party, or room, has it
	ErrSearching      = errors.New("already searching")        // a ticket is open
	ErrTicketOver     = errors.New("ticket is over")           // or not in the state that was meant
	ErrSeated         = errors.New("player has a seat")        // in another room of the game
	ErrBlocked        = errors.New("player can't be reached")  // one of the two blocks the other, or wants friends alone
	ErrChanged        = errors.New("has changed meanwhile")    // it is not what was meant any more
	ErrTooMany        = errors.New("there are too many")       // a player has as many of them as may be
)

// Store is everything a back end has.
type Store interface {
	Accounts
	Sessions
	Rooms
	Seats
	Records
	Farewells
	DeadLetters
	TokenKeys
	Ledger
	Identities
	Profiles
	Deletions
	Transactor
	Answers
	Ranks
	Notes
	Parties
	Matching
	Doors
	Friends
	Contacts
	Presences
	Messages
	Jobs
	Maintenances
	AccountBans
	AuditTrail
	Operators
	// Ready reports whether the database answers now.
	Ready(ctx context.Context) error
	Close() error
}
