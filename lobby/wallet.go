package lobby

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

var (
	unknownItem     = entry(404, "unknown_item", "There is no such item", "This deployment has no such item: GET /v1/items lists them.")
	userNotFound    = entry(404, "user_not_found", "There is no such player", "There is no such player.")
	notEnoughGold   = entry(409, "not_enough_gold", "There is not enough gold", "The player has not enough gold.")
	notEnoughItems  = entry(409, "not_enough_items", "There are not enough items", "The player has not as many of this item.")
	inventoryFull   = entry(409, "inventory_full", "The inventory is full", "The player can't own as many of this item.")
	notForSale      = entry(409, "not_for_sale", "The item is not for sale", "This item can't be bought.")
	notTransferable = entry(409, "not_transferable", "The item can't be transferred", "This item stays with the player who has it.")
)

// ledgerProblem is what a player sees of a posting that was refused; nil: err is of another kind.
func ledgerProblem(err error) *problem {
	var refused *store.BalanceError
	switch {
	case !errors.As(err, &refused):
		return nil
	case errors.Is(err, store.ErrFull):
		return inventoryFull
	case refused.Item == Gold:
		return notEnoughGold
	}
	return notEnoughItems
}

// Amount is so much of an item, or of [Gold].
type Amount struct {
	Item  string
	Count int64
}

// Wallet is the gold and the items of one player, in the hands of a game's own route. Each change is one posting of the ledger:
// all of it happens or nothing.
//
// A change has a reason, a word of at most 64 bytes that the player sees in the ledger, and a reference, which names it:
// a change of a reference that was used before is not made again, and the [Receipt] says so. So a route that may be called
// again gives what it does a name that is the same each time, such as "quest/7/" + the player's id: text of at most 195
// bytes. An empty reference names nothing: the change is made each time.
//
// An error of a change that can't be made is the problem not_enough_gold, not_enough_items, inventory_full (over the
// item's PerPlayer) or, where a player is not there, user_not_found, and may be returned from the route as it is.
type Wallet struct {
	c    *Context
	user string
}

// Wallet is what the player of this id owns. It asks nothing of the store yet.
func (c *Context) Wallet(user string) *Wallet { return &Wallet{c, user} }

// Receipt is what a change has done.
type Receipt struct {
	// Repeated: the reference was used before, and nothing was done now.
	Repeated bool
	// Left is what the wallet had of each item in question, and of gold, after the change (of that time, when Repeated).
	Left map[string]int64
}

// Balance is how much the player has, by item, and of [Gold]; what is not in it there is none of.
func (w *Wallet) Balance() (map[string]int64, error) {
	have, err := w.c.ledger.Inventory(w.c.ctx, w.user)
	if errors.Is(err, store.ErrNotFound) {
		return nil, userNotFound
	}
	if err != nil {
		return nil, err
	}
	balance := map[string]int64{Gold: have.Gold}
	for _, h := range have.Items {
		balance[h.Item] = h.Count
	}
	return balance, nil
}

// Change gives the player what has a positive Count, and takes what has a negative one: a reward, a fee, a recipe that makes
// two of one thing into another. At most 32 amounts, each of another item.
func (w *Wallet) Change(reason, reference string, amounts ...Amount) (Receipt, error) {
	return w.post(reason, reference, store.House, amounts)
}

// Give gives another player what this one has; counts are positive.
func (w *Wallet) Give(to, reason, reference string, amounts ...Amount) (Receipt, error) {
	if to == w.user || to == store.House {
		return Receipt{}, fmt.Errorf("give from %q to %q: want another player", w.user, to)
	}
	taken := make([]Amount, len(amounts))
	for i, a := range amounts {
		if a.Count < 1 {
			return Receipt{}, fmt.Errorf("give %d %s: want at least 1", a.Count, a.Item)
		}
		taken[i] = Amount{a.Item, -a.Count}
	}
	return w.post(reason, reference, to, taken)
}

// post changes the wallet by amounts, and the other account by their opposite.
func (w *Wallet) post(reason, reference, other string, amounts []Amount) (Receipt, error) {
	if reference == "" {
		fresh, err := uuid.NewV7()
		if err != nil {
			return Receipt{}, fmt.Errorf("make a reference: %w", err)
		}
		reference = reason + "/" + fresh.String()
	} else {
		reference = "game/" + reference // apart from those that are made here
	}
	p := store.Posting{Reference: reference, Reason: reason, At: w.c.now()}
	for _, a := range amounts {
		both, ok := w.c.shelf.entries(w.user, other, a)
		if !ok {
			return Receipt{}, fmt.Errorf("%s: item %q is not defined: define it with app.Item", reason, a.Item)
		}
		p.Entries = append(p.Entries, both...)
	}
	posted, err := w.c.ledger.Post(w.c.ctx, p)
	if errors.Is(err, store.ErrNotFound) {
		return Receipt{}, userNotFound
	}
	if refused := (*store.BalanceError)(nil); errors.As(err, &refused) && refused.Account == other && errors.Is(err, store.ErrFull) {
		return Receipt{}, inventoryFull.because("The other player can't own as many of this item.")
	}
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Repeated: posted.Repeated, Left: map[string]int64{}}
	for _, l := range posted.Lines {
		if l.Account == w.user {
			r.Left[l.Item] = l.Balance
		}
	}
	return r, nil
}

// entries give a user an amount that another gives, within the item's limit; !ok: the item is not defined.
func (s *shelf) entries(user, other string, a Amount) (both []store.Entry, ok bool) {
	limit := int64(0)
	if a.Item != Gold {
		item, ok := s.byID[a.Item]
		if !ok {
			return nil, false
		}
		limit = item.PerPlayer
	}
	return []store.Entry{
		{Account: user, Item: a.Item, Amount: a.Count, Limit: limit}, {Account: other, Item: a.Item, Amount: -a.Count, Limit: limit},
	}, true
}

// now is the service's clock, in the microseconds that the store keeps.
func (c *Context) now() time.Time { return c.clock().Truncate(time.Microsecond) }
