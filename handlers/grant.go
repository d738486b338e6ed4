package handlers

import "fmt"

// MaxGrant is how many of an item one Grant or Take is about at most, and each number of an Award; maxItem is how many bytes an item's id has.
const (
	MaxGrant = 1_000_000_000
	maxItem  = 64
)

// Grant gives user count of the item, 1 to [MaxGrant], in the same commit as the state: once, or not at all. What is over
// the most that a player may own of the item is not given; the player's ledger says how much was meant. Items are
// defined with lobby.App.Item; gold comes by [Room.Award].
func (r *Room) Grant(user, item string, count int64) {
	r.must("Grant")
	r.grant("Grant", user, item, count, 1)
}

// Take takes count of the item from user, 1 to [MaxGrant], in the same commit as the state: once, or not at all. It takes
// no more than there is, and the room does not learn how much that was: it is for what is lost or worn out. What must be paid
// for is sold by the lobby, before the room is told.
func (r *Room) Take(user, item string, count int64) {
	r.must("Take")
	r.grant("Take", user, item, count, -1)
}

func (r *Room) grant(verb, user, item string, count, sign int64) {
	wrong := func(what string) { panic(fmt.Sprintf("handlers.Room.%s: %s", verb, what)) }
	if user == "" {
		wrong("user is empty")
	}
	if err := checkWord("item", item); err != nil {
		wrong(err.Error())
	}
	if len(item) > maxItem {
		wrong(fmt.Sprintf("item has %d bytes, at most %d are allowed", len(item), maxItem))
	}
	if item == "gold" {
		wrong("gold is no item; write room.Award(handlers.Award{User: user, Gold: n})")
	}
	if count < 1 || count > MaxGrant {
		wrong(fmt.Sprintf("count is %d; write 1 to %d", count, MaxGrant))
	}
	r.grants = append(r.grants, Grant{user, item, sign * count})
}
