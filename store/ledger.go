package store

import (
	"context"
	"time"
)

// Gold is the item that is an account's gold. All other items are words of the deployment's own.
const Gold = "gold"

// House is the account that everything comes from and goes back to: the other side of what players are given, and of what
// they spend. Its balance is not kept, as it is what all players have, with the sign turned.
const House = ""

// Bounds of the ledger.
const (
	// MaxBalance is the most that an account has of anything: the largest integer that every JSON reader takes.
	MaxBalance = 1<<53 - 1
	// MaxEntries is the most entries of a Posting.
	MaxEntries = 64
	// MaxReference is the most bytes of a Posting's Reference, MaxWord of an item and of a Reason.
	MaxReference = 200
	MaxWord      = 64
)

// Entry is a change of what one account has of one item.
type Entry struct {
	Account string // or House
	Item    string // Gold, or 1 to MaxWord bytes
	Amount  int64  // not 0; at most MaxBalance in size
	// Limit is the most that the account may have of the item afterwards, where Amount is positive. 0: MaxBalance.
	Limit int64
}

// Posting is a change of the ledger, all of it or nothing. Of each item its entries sum to zero: what one account gets
// others give, be it the House.
type Posting struct {
	Reference string // what names it, 1 to MaxReference bytes; only one posting has it, ever
	Reason    string // what for, 1 to MaxWord bytes
	At        time.Time
	Entries   []Entry // 2 to MaxEntries, one for an account and an item
}

// LedgerLine is an entry as the ledger keeps it.
type LedgerLine struct {
	Posting   int64 // rises; of two postings of one account the later one has the higher
	Account   string
	Item      string
	Amount    int64 // may be 0 where Asked is not
	Asked     int64 // what a room has asked for, see [Grant]; else Amount
	Balance   int64 // what the account had of the item afterwards; 0 for House
	Reason    string
	Reference string
	At        time.Time
}

// Posted is what a Posting has become.
type Posted struct {
	Repeated bool         // there was a posting of that reference; it is in Lines, and nothing was done
	Lines    []LedgerLine // by account and item
}

// Inventory is what an account has.
type Inventory struct {
	Gold  int64
	Items []Holding // ordered by item
}

// Holding is how much there is of an item.
type Holding struct {
	Item  string
	Count int64 // positive
}

// Grant is what a room's message gives a player, or takes where Count is negative, in the same transaction as the room's
// state. It can't fail: what the account may not have more of is not given, what it has not is not taken, and the ledger
// says how much was asked for. Of several for the same account and item in one [Commit] the sum counts.
type Grant struct {
	User  string
	Item  string // not Gold
	Count int64
	Limit int64 // the most that the account may have of the item afterwards; 0: MaxBalance
}

// Ledger keeps what players have, by double entry: nobody's balance changes but by entries, and those of one posting sum
// to zero. A [Commit] with awards of gold, or with grants, leaves one posting with the reason "room", whose reference no
// other has. No balance is ever below zero.
type Ledger interface {
	// Post makes the change. A reference that is known changes nothing, whatever else p says, and gives the posting that
	// has it. ErrNotFound: no such account. ErrShort: an account has too little. ErrFull: it would have more than the
	// entry's limit. Both come as a [BalanceError], which says whose balance of what. Two that want the same accounts at
	// once wait for each other, in one order.
	Post(ctx context.Context, p Posting) (Posted, error)
	// Inventory: ErrNotFound.
	Inventory(ctx context.Context, account string) (Inventory, error)
	// Ledger lists the entries of an account, newest first, at most limit (1 to 100) from cursor on ("" begins); next is
	// "" at the end. An account that is not there has none. A malformed cursor is ErrNotFound.
	Ledger(ctx context.Context, account, cursor string, limit int) (lines []LedgerLine, next string, err error)
	// CheckLedger looks whether every posting sums to zero and every balance is what its entries say, and tells what
	// is not so, at most 100 sentences; none is good. It reads the whole ledger, and may run while others post.
	CheckLedger(ctx context.Context) (faults []string, err error)
}

// BalanceError says why a Posting was refused.
type BalanceError struct {
	Err     error // ErrShort or ErrFull
	Account string
	Item    string
}

func (e *BalanceError) Error() string { return e.Item + " of " + e.Account + ": " + e.Err.Error() }

func (e *BalanceError) Unwrap() error { return e.Err }
