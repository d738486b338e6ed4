package lobby

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/madang-games/madang/store"
)

// Reasons of what players do by the lobby's own routes.
const (
	reasonPurchase = "purchase"
	reasonConsume  = "consume"
	reasonTransfer = "transfer"
)

// ownedJSON is how much a player has of an item.
type ownedJSON struct {
	ID     string `json:"id"`
	Count  int64  `json:"count"`
	Stacks int64  `json:"stacks"`
}

func (s *Service) ownedOf(item string, count int64) ownedJSON {
	per := max(s.shelf.byID[item].PerStack, 1) // of what is not defined any more, each is a stack
	return ownedJSON{item, count, (count + per - 1) / per}
}

// userItems is GET /user/items.
func (s *Service) userItems(c *Context) error {
	have, err := s.config.Store.Inventory(c.ctx, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return err
	}
	items := make([]ownedJSON, len(have.Items))
	for i, h := range have.Items {
		items[i] = s.ownedOf(h.Item, h.Count)
	}
	return c.JSON(http.StatusOK, struct {
		Gold  int64       `json:"gold"`
		Items []ownedJSON `json:"items"`
	}{have.Gold, items})
}

// entryJSON is a line of a player's ledger.
type entryJSON struct {
	Posting string    `json:"posting"` // entries of one posting came together
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Item    string    `json:"item"`
	Amount  int64     `json:"amount"`
	Asked   int64     `json:"asked"`
	Balance int64     `json:"balance"`
}

// userLedger is GET /user/ledger.
func (s *Service) userLedger(c *Context) error {
	cursor, limit, err := c.page()
	if err != nil {
		return err
	}
	lines, next, err := s.config.Store.Ledger(c.ctx, c.session.User, cursor, limit)
	if errors.Is(err, store.ErrNotFound) {
		return badCursor
	}
	if err != nil {
		return err
	}
	entries := make([]entryJSON, len(lines))
	for i, l := range lines {
		entries[i] = entryJSON{strconv.FormatInt(l.Posting, 10), l.At, l.Reason, l.Item, l.Amount, l.Asked, l.Balance}
	}
	return c.JSON(http.StatusOK, struct {
		Entries []entryJSON `json:"entries"`
		Next    string      `json:"next"` // the cursor of the next page; "" after the last
	}{entries, next})
}

// countJSON is how many a call is about: 1 when nothing is said.
type countJSON struct {
	Count *int64 `json:"count"`
}

func (j countJSON) count() (int64, error) {
	switch {
	case j.Count == nil:
		return 1, nil
	case *j.Count < 1 || *j.Count > MaxCount:
		return 0, badRequest.because("The count is 1 to %d.", int64(MaxCount))
	}
	return *j.Count, nil
}

// deal reads a call about an item: which one the path names, and how many the body, in, says.
func (s *Service) deal(c *Context, in interface{ count() (int64, error) }) (item Item, count int64, err error) {
	if err := c.bindObject(in); err != nil {
		return item, 0, err
	}
	item, ok := s.shelf.byID[c.Param("id")]
	if !ok {
		return item, 0, unknownItem
	}
	count, err = in.count()
	return item, count, err
}

// handled answers with what is left after a change.
func (s *Service) handled(c *Context, item Item, r Receipt) error {
	var gold *int64
	if left, ok := r.Left[Gold]; ok {
		gold = &left
	}
	return c.JSON(http.StatusOK, struct {
		Item ownedJSON `json:"item"`
		Gold *int64    `json:"gold,omitempty"` // where it has changed
	}{s.ownedOf(item.ID, r.Left[item.ID]), gold})
}

// purchase is POST /items/:id/purchase.
func (s *Service) purchase(c *Context) error {
	item, count, err := s.deal(c, &countJSON{})
	switch {
	case err != nil:
		return err
	case item.Price == 0:
		return notForSale
	case count > item.PerPlayer:
		return inventoryFull
	case count*item.Price > store.MaxBalance: // at most 10^18
		return notEnoughGold
	}
	r, err := c.Wallet(c.session.User).Change(reasonPurchase, "", Amount{Gold, -count * item.Price}, Amount{item.ID, count})
	if err != nil {
		return err
	}
	return s.handled(c, item, r)
}

// consume is POST /items/:id/consume.
func (s *Service) consume(c *Context) error {
	item, count, err := s.deal(c, &countJSON{})
	if err != nil {
		return err
	}
	r, err := c.Wallet(c.session.User).Change(reasonConsume, "", Amount{item.ID, -count})
	if err != nil {
		return err
	}
	return s.handled(c, item, r)
}

// transfer is POST /items/:id/transfer.
func (s *Service) transfer(c *Context) error {
	var in struct {
		countJSON
		To string `json:"to"`
	}
	item, count, err := s.deal(c, &in)
	switch {
	case err != nil:
		return err
	case item.Bound:
		return notTransferable
	case in.To == c.session.User:
		return badRequest.because("The item is the player's own already.")
	case !goodID.MatchString(in.To):
		return userNotFound
	}
	r, err := c.Wallet(c.session.User).Give(in.To, reasonTransfer, "", Amount{item.ID, count})
	if err != nil {
		return err
	}
	return s.handled(c, item, r)
}
