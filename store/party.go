package store

import (
	"context"
	"time"
)

// Bounds of parties.
const (
	MaxParty        = 32 // members of one, the most that may be asked for
	MaxPartyInvites = 50 // that one party has open, and that a player is shown
)

// Party is players who want to play together. A player is in one at most. Who has been in it longest leads it, so that
// leadership passes on by itself.
type Party struct {
	ID      string
	Code    string   // who knows it may join; unique among parties
	Size    int      // at most so many members, 1 to MaxParty
	Members []Member // in the order in which they came: the first one leads
}

// Leader is who leads the party.
func (p *Party) Leader() string { return p.Members[0].User }

// Member is a player in a party.
type Member struct {
	User  string
	Name  string // the account's
	Since time.Time
}

// PartyInvite is a party to which a player may come without knowing its code.
type PartyInvite struct {
	Party string
	By    string // who has invited
	Name  string // its account's
	At    time.Time
}

// Parties keeps the parties. A party ends with its last member, or when it has been left alone for long: see DropParties.
//
// Leaving a party, by whatever way, cancels the open ticket with which it waits for a match; while it has one, nobody joins it.
type Parties interface {
	// CreateParty keeps a new party with user alone. ErrInParty; ErrCodeTaken; ErrNotFound: no such user.
	CreateParty(ctx context.Context, p Party, user string, now time.Time) (Party, error)
	// Party: ErrNotFound.
	Party(ctx context.Context, id string) (Party, error)
	// PartyOf is the party where user is. ErrNotFound.
	PartyOf(ctx context.Context, user string) (Party, error)
	// InviteToParty lets user join without the code; by is a member. An invitation again is a new one. ErrNotFound: no such
	// party or user, or by is none of its members; ErrInParty: user is in this party already; ErrFull: MaxPartyInvites.
	InviteToParty(ctx context.Context, party, by, user string, now time.Time) error
	// PartyInvites lists where user is invited, newest first, at most MaxPartyInvites.
	PartyInvites(ctx context.Context, user string) ([]PartyInvite, error)
	// DropPartyInvite takes an invitation back, or declines it. Dropping none is no error.
	DropPartyInvite(ctx context.Context, party, user string) error
	// JoinParty takes user in, if it is invited. Who is in it already stays there. ErrNotFound: no such party, or user is not
	// invited; ErrInParty: in another one; ErrPartyFull; ErrSearching: the party waits for a match.
	JoinParty(ctx context.Context, party, user string, now time.Time) (Party, error)
	// JoinPartyByCode takes user in. The errors are those of JoinParty.
	JoinPartyByCode(ctx context.Context, code, user string, now time.Time) (Party, error)
	// LeaveParty takes user out, and returns those who stay (none: the party has ended) and the ticket that it has
	// cancelled, if there was one. ErrNotFound: user is not in this party.
	LeaveParty(ctx context.Context, party, user string, now time.Time) (left Party, cancelled *Ticket, err error)
	// KickFromParty is LeaveParty for another, by the leader. ErrNotFound: one of the two is not in the party; ErrNotLeader.
	KickFromParty(ctx context.Context, party, leader, user string, now time.Time) (left Party, cancelled *Ticket, err error)
	// DropParties ends parties in which nothing has changed since before and that don't wait for a match, at most limit, and
	// returns how many.
	DropParties(ctx context.Context, before time.Time, limit int) (int, error)
}
