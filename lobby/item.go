package lobby

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/madang-games/madang/store"
)

// Gold is the item that players pay with: the gold of their account.
const Gold = store.Gold

// MaxCount is the most of an item that a player may own, and that one call is about.
const MaxCount = 1_000_000_000

// defaultPerPlayer is how many of an item a player may own when nothing is said.
const defaultPerPlayer = 1_000_000

// Item is a thing that players own in some number. Only ID is needed.
type Item struct {
	// ID is a word of 1 to 64 small letters, digits, '_', '-' and '.', beginning with a letter; not "gold". It is kept
	// with what players own: an item that is renamed is another item.
	ID string
	// Name is what people read, at most 64 characters. Default: ID.
	Name string
	// PerPlayer is the most that one player may own, 1 to MaxCount. Default: PerStack, or else 1,000,000. Who owns more when
	// it is lowered keeps it.
	PerPlayer int64
	// PerStack is how many lie in one stack of an inventory, 1 to PerPlayer. Default: PerPlayer.
	PerStack int64
	// Price is what one costs, in gold, 1 to MaxCount. Default: it is not for sale.
	Price int64
	// Bound items can't be transferred by players. Game code may.
	Bound bool
}

var itemID = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,63}$`)

// Item defines an item: it is listed by GET /v1/items, and may be bought, used up and transferred. Define items before
// [App.Serve]; a mistake panics.
func (a *App) Item(i Item) {
	call := fmt.Sprintf("app.Item(%q)", i.ID)
	wrong := func(format string, args ...any) { panic("lobby: " + call + ": " + fmt.Sprintf(format, args...)) }
	switch {
	case i.ID == Gold:
		wrong("gold is there already; give the item another ID")
	case !itemID.MatchString(i.ID):
		wrong("write an ID of 1 to 64 small letters, digits, '_', '-' and '.', that begins with a letter, such as \"iron-sword\"")
	case utf8.RuneCountInString(i.Name) > 64 || !utf8.ValidString(i.Name) || strings.ContainsFunc(i.Name, unicode.IsControl):
		wrong("write a Name of at most 64 characters on one line")
	case i.PerPlayer < 0 || i.PerPlayer > MaxCount:
		wrong("PerPlayer is %d; write 1 to %d, or leave it out", i.PerPlayer, int64(MaxCount))
	case i.PerStack < 0 || i.PerStack > MaxCount:
		wrong("PerStack is %d; write 1 to %d, or leave it out", i.PerStack, int64(MaxCount))
	case i.Price < 0 || i.Price > MaxCount:
		wrong("Price is %d; write 1 to %d, or leave it out for what is not for sale", i.Price, int64(MaxCount))
	}
	i = i.filled()
	if i.PerStack > i.PerPlayer {
		wrong("PerStack is %d and PerPlayer %d; write a PerStack of at most PerPlayer", i.PerStack, i.PerPlayer)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served {
		wrong("comes too late: define items before the app is served")
	}
	for _, other := range a.items {
		if other.ID == i.ID {
			wrong("is defined already; remove one of the two or give one another ID")
		}
	}
	a.items = append(a.items, i)
}

// filled is i with its defaults.
func (i Item) filled() Item {
	if i.Name == "" {
		i.Name = i.ID
	}
	if i.PerPlayer == 0 {
		i.PerPlayer = i.PerStack
	}
	if i.PerPlayer == 0 {
		i.PerPlayer = defaultPerPlayer
	}
	if i.PerStack == 0 {
		i.PerStack = i.PerPlayer
	}
	return i
}

// ItemLimits are the most that a player may own, by item: what a worker must know of the items to grant them.
func (a *App) ItemLimits() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	limits := make(map[string]int64, len(a.items))
	for _, i := range a.items {
		limits[i.ID] = i.PerPlayer
	}
	return limits
}

// shelf is the items of a lobby.
type shelf struct {
	items []Item // as they were defined
	byID  map[string]Item
}

func newShelf(items []Item) *shelf {
	s := &shelf{items: items, byID: make(map[string]Item, len(items))}
	for _, i := range items {
		s.byID[i.ID] = i
	}
	return s
}

// itemJSON is an item on the wire.
type itemJSON struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	PerPlayer int64  `json:"per_player"`
	PerStack  int64  `json:"per_stack"`
	Price     int64  `json:"price,omitempty"`
	Bound     bool   `json:"bound,omitempty"`
}

// listItems is GET /items.
func (s *Service) listItems(c *Context) error {
	items := make([]itemJSON, len(s.shelf.items))
	for n, i := range s.shelf.items {
		items[n] = itemJSON(i)
	}
	return c.JSON(http.StatusOK, struct {
		Items []itemJSON `json:"items"`
	}{items})
}
