package handlers

import (
	"encoding/json"
	"fmt"
)

// Backfill is what a room asks of those who find players for its game.
type Backfill struct {
	// Mode is one for which the app finds players, and whose rules have Backfill: lobby.App.Match.
	Mode string
	// Size is how many players the room wants to have, with those who are there, 1 to MaxCapacity; 0: it asks for none any more. There are
	// never more than the room has seats.
	Size int
	// Regions and Properties are what a player's ticket may have: the room gets players whose tickets go together with them.
	Regions    []string
	Properties map[string]any // texts, numbers, and {"min":..,"max":..}
}

// Backfill asks for players, in the same commit as the state. The room goes on asking until it asks for something else, or is over: as long
// as it has fewer players than Size, whoever searches and suits it is given a seat, and the room is told of it by [Joined], as of
// everybody who comes. So ask when there are places, and ask for none when nobody is to come any more. Asking for the same again costs
// little, and has somebody look at once.
func (r *Room) Backfill(b Backfill) {
	r.must("Backfill")
	if b.Mode != "" && !boardWord.MatchString(b.Mode) {
		panic(fmt.Sprintf("handlers.Room.Backfill: mode %q; write 1 to 32 of a-z, 0-9, _ and -, or leave it out", b.Mode))
	}
	if b.Size < 0 || b.Size > MaxCapacity {
		panic(fmt.Sprintf("handlers.Room.Backfill: size is %d; write 0 to %d", b.Size, MaxCapacity))
	}
	if _, err := json.Marshal(b.Properties); err != nil {
		panic(fmt.Sprintf("handlers.Room.Backfill: properties: %v; write texts, numbers, and maps with min and max", err))
	}
	r.backfill = &b
}
