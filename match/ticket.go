package match

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrTicket is what errors are that say what a ticket, or an opening, has that the rules do not allow. [errors.Unwrap] gives the
// reason alone, in words for players.
var ErrTicket = errors.New("match: the rules do not allow this")

type refusal struct{ reason error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

func (r refusal) Error() string        { return ErrTicket.Error() + ": " + r.reason.Error() }
func (r refusal) Is(target error) bool { return target == ErrTicket }
func (r refusal) Unwrap() error        { return r.reason }

// Player is one who plays.
type Player struct {
	User   string
	Rating float64
}

// Ticket is a party that waits for a match; a player alone is a party of one.
type Ticket struct {
	ID    string
	Party []Player // kept together in one team
	// Regions are those that the party accepts, best first. None: all.
	Regions []string
	// Properties are what it accepts of the game's.
	Properties map[string]Property
	// Since is when it began to wait, which is not in the future. Times count in whole milliseconds.
	Since time.Time
}

// CheckTicket says what the rules do not allow about a ticket: an [ErrTicket].
func (r Rules) CheckTicket(t Ticket) error {
	r = r.filled()
	switch {
	case t.ID == "" || len(t.ID) > MaxID:
		return refuse("an id has 1 to %d bytes", MaxID)
	case len(t.Party) == 0:
		return refuse("a party has at least one player")
	case len(t.Party) > r.Max:
		return refuse("a party of %d does not fit into a team of %d", len(t.Party), r.Max)
	}
	for i, p := range t.Party {
		if slices.ContainsFunc(t.Party[:i], func(q Player) bool { return q.User == p.User }) {
			return refuse("player %q is twice in the party", p.User)
		}
	}
	if err := checkPlayers(t.Party); err != nil {
		return err
	}
	return r.checkWishes(t.Regions, t.Properties)
}

func checkPlayers(players []Player) error {
	for _, p := range players {
		if p.User == "" || len(p.User) > MaxID {
			return refuse("a user's id has 1 to %d bytes", MaxID)
		}
		if !(math.Abs(p.Rating) <= MaxRating) {
			return refuse("a rating is from -%d to %d", MaxRating, MaxRating)
		}
	}
	return nil
}

func (r Rules) checkWishes(regions []string, properties map[string]Property) error {
	if len(regions) > len(r.Regions) {
		return refuse("the mode has %d regions", len(r.Regions))
	}
	for i, region := range regions {
		if !slices.Contains(r.Regions, region) || slices.Contains(regions[:i], region) {
			return refuse("region %q is none of the mode's, or there twice", region)
		}
	}
	for name, p := range properties {
		if !slices.Contains(r.Properties, name) {
			return refuse("the mode has no property %q", name)
		}
		if err := p.check(); err != nil {
			return refuse("property %q: %w", name, err)
		}
	}
	return nil
}

// Group is tickets that make a match, or that a running room takes.
type Group struct {
	Room string // that takes them; "": a new one
	// Teams are the tickets' ids by team; in the order of [Opening.Teams] for a room. A team may be empty if bots play, or in a
	// room's.
	Teams [][]string
	Bots  []int // by team, how many places bots have; nil: there are none
	// Region of a new match is one that all accept, the one that the oldest ticket likes best. "": the mode knows none.
	Region string
	// Properties of a new match are what all accept; one that nobody has is missing.
	Properties map[string]Property
}

// Opening is a running room that takes more players.
type Opening struct {
	Room  string
	Teams []OpenTeam // one for a room that sorts players into teams by itself
	// Regions, Properties and Since mean what they do for a ticket.
	Regions    []string
	Properties map[string]Property
	Since      time.Time
}

// OpenTeam is a team of a running room.
type OpenTeam struct {
	Free    int      // places
	Players []Player // who plays in it now. None in any team: ratings do not matter
}

// checkOpening says what the rules do not allow about an opening.
func (r Rules) checkOpening(o Opening) error {
	r = r.filled()
	switch {
	case !r.Backfill:
		return refuse("the mode's rooms do not ask for players")
	case o.Room == "" || len(o.Room) > MaxID:
		return refuse("a room's id has 1 to %d bytes", MaxID)
	case len(o.Teams) > MaxPlayers:
		return refuse("a room has at most %d teams", MaxPlayers)
	}
	for _, t := range o.Teams {
		if t.Free < 0 || t.Free > MaxPlayers || len(t.Players) > MaxPlayers {
			return refuse("a team has at most %d places and players", MaxPlayers)
		}
		if err := checkPlayers(t.Players); err != nil {
			return err
		}
	}
	return r.checkWishes(o.Regions, o.Properties)
}
