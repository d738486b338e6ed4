package store

import (
	"context"
	"time"
)

// Bounds of matching.
const (
	MaxTicketPlayers = MaxParty
	MaxTicketsAtOnce = 500 // of a page
	MaxTicketsKept   = 200 // of a player, with those that are over and not dropped yet
)

// TicketState is a ticket's place in its life. Waiting and Found are open; the others are for good.
type TicketState string

const (
	TicketWaiting   TicketState = "waiting"   // for others
	TicketFound     TicketState = "found"     // a group is there: its players are asked whether they accept
	TicketPlaced    TicketState = "placed"    // its players have seats in Room
	TicketDeclined  TicketState = "declined"  // a player of it did not accept
	TicketCancelled TicketState = "cancelled" // by a player of it, or by what one of them did
	TicketExpired   TicketState = "expired"   // nobody was found in time
)

// Ticket is one player, or a party, who waits for a match.
type Ticket struct {
	ID      string
	Game    string
	Mode    string
	Party   string // "" for a player alone
	Players []TicketPlayer
	// Wants is what the ticket asks of a match, and Gateway where its players will connect: the lobby's own words.
	Wants   []byte
	Gateway string
	Since   time.Time // when it began to wait
	State   TicketState
	Reason  string    // why it is over, where the state does not say: a stable word
	Offer   string    // Found: by which Offer
	Until   time.Time // Found: how long its players may take to accept
	Room    string    // Placed
	EndedAt time.Time // zero: it is open
}

// Open reports whether the ticket still waits for something.
func (t *Ticket) Open() bool { return t.State == TicketWaiting || t.State == TicketFound }

// Has reports whether user is one of the ticket's players.
func (t *Ticket) Has(user string) bool { return t.player(user) != nil }

// Accepted reports whether user has accepted what was found.
func (t *Ticket) Accepted(user string) bool {
	p := t.player(user)
	return p != nil && p.Accepted
}

func (t *Ticket) player(user string) *TicketPlayer {
	for i := range t.Players {
		if t.Players[i].User == user {
			return &t.Players[i]
		}
	}
	return nil
}

// TicketPlayer is a player of a ticket, with its skill as it was when the ticket began to wait.
type TicketPlayer struct {
	User     string
	Name     string // the account's
	Rating   float64
	Accepted bool // what was found
}

// Pool is the tickets of one game and mode in the hands of who pairs them.
type Pool struct {
	Game, Mode string
	Term       uint64 // rises each time somebody takes the pool
}

// Offer is a group whose players are asked whether they accept.
type Offer struct {
	ID    string
	Group []byte // the lobby's own words
	Until time.Time
}

// Placement is tickets that have become a match.
type Placement struct {
	Tickets []string
	Offer   string // "": they wait; else they were found by this offer, which ends, and all have accepted
	// Room is where their players get seats: a new room, with its first Memory, that is not offered to strangers (see Playing);
	// or, with Backfill, one that is there and has asked for players.
	Room     Room
	Memory   []byte
	Backfill bool
}

// TicketError is why a ticket could not be placed: ErrTicketOver, ErrSeated, ErrNotFound.
type TicketError struct {
	Err    error
	Ticket string
}

func (e *TicketError) Error() string { return "ticket " + e.Ticket + ": " + e.Err.Error() }

func (e *TicketError) Unwrap() error { return e.Err }

// Backfill is a running room that asks for more players.
type Backfill struct {
	Room  string
	Game  string
	Mode  string
	Wants []byte // of the room, in the words of a ticket's
	Size  int    // how many players it wants to have; 0: it asks for none any more
	Since time.Time
	// Players sit there now, with their skill. Derived, as Free is: how many more it takes, as far as there are seats.
	Players []TicketPlayer
	Free    int
}

// Matching keeps who waits for a match, and makes matches. A player has one open ticket at most.
//
// Of those who pair the tickets of a pool only who has taken it last can change anything: see Pool.Term. Players change their own tickets
// at any time; whoever comes second finds the ticket changed.
type Matching interface {
	// AddTicket keeps a new ticket, waiting. ErrSearching: a player has an open one; ErrTooMany: or MaxTicketsKept;
	// ErrPartyChanged: the players are not the
	// members of the party, in their order; ErrSeated: a player has a seat in a room of the game; ErrNotFound: no such party or player.
	AddTicket(ctx context.Context, t Ticket) error
	// Ticket: ErrNotFound.
	Ticket(ctx context.Context, id string) (Ticket, error)
	// TicketsOf lists a player's tickets, newest first: an open one, and others until they are dropped; at most limit.
	TicketsOf(ctx context.Context, user string, limit int) ([]Ticket, error)
	// CancelTicket ends an open ticket of user's. ErrNotFound: no such ticket, or not one of user's; ErrTicketOver: it is
	// over already; it is returned then too.
	CancelTicket(ctx context.Context, id, user string, now time.Time) (Ticket, error)
	// AnswerOffer notes that user accepts what was found for its ticket, or not: then the ticket is declined. Accepting twice is
	// once. The errors are those of CancelTicket; ErrTicketOver also when the ticket waits again.
	AnswerOffer(ctx context.Context, id, user string, accept bool, now time.Time) (Ticket, error)
	// OpenTickets counts the open tickets of a game and mode, and the rooms that ask for players.
	OpenTickets(ctx context.Context, game, mode string) (tickets, rooms int, err error)
	// DropTickets forgets tickets that were over before then, at most limit, and returns how many.
	DropTickets(ctx context.Context, before time.Time, limit int) (int, error)

	// TakePool makes the caller the one who pairs: whoever did before can't change anything any more.
	TakePool(ctx context.Context, game, mode string) (Pool, error)
	// PoolTickets lists the pool's open tickets by their ids, after the id given, at most limit (1 to MaxTicketsAtOnce).
	PoolTickets(ctx context.Context, p Pool, after string, limit int) ([]Ticket, error)
	// PoolBackfill is a room that asks for players. ErrNotFound: it does not, or is closed.
	PoolBackfill(ctx context.Context, p Pool, room string) (Backfill, error)
	// PoolBackfills lists the pool's rooms that ask for players, by their ids, as PoolTickets does.
	PoolBackfills(ctx context.Context, p Pool, after string, limit int) ([]Backfill, error)
	// PoolOffers lists the pool's offers.
	PoolOffers(ctx context.Context, p Pool) ([]Offer, error)
	// OfferMatch makes waiting tickets found, by a new offer. ErrStaleTerm; a TicketError with ErrTicketOver: one does not wait.
	OfferMatch(ctx context.Context, p Pool, o Offer, tickets []string) error
	// WithdrawOffer ends an offer: the tickets that are still found by it wait again, as long as before. With silent, those whose players
	// have not all accepted are declined instead, with that reason; and when all players of all have accepted, nothing is
	// changed. It returns the tickets that were still found, as they are now. ErrStaleTerm.
	WithdrawOffer(ctx context.Context, p Pool, offer, silent string, now time.Time) ([]Ticket, error)
	// PlaceMatch gives all players of the tickets seats in the room, which it makes, and the tickets are placed. ErrStaleTerm;
	// ErrRoomFull, ErrRoomClosed, ErrNotFound where the room does not take them (any more). A TicketError says which ticket can't be
	// placed: with ErrTicketOver it is not as the Placement says, with ErrSeated a player of it has a seat in another room of the game.
	PlaceMatch(ctx context.Context, p Pool, m Placement, now time.Time) error
	// EndTicket ends an open ticket for a reason of who pairs: expired, or cancelled. ErrStaleTerm; ErrTicketOver.
	EndTicket(ctx context.Context, p Pool, id string, state TicketState, reason string, now time.Time) (Ticket, error)
}
