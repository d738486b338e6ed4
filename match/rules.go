// Package match pairs those who wait for a match: pure and deterministic, without a clock, goroutines or I/O of its own.
package match

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Bounds of rules and of a pool.
const (
	MaxPlayers    = 128       // of a match: Teams times Max
	MaxRegions    = 64        // of rules
	MaxProperties = 8         // of rules
	MaxName       = 32        // bytes of a region's or a property's name
	MaxText       = 64        // bytes of a property's text
	MaxID         = 64        // bytes of a ticket's, a user's or a room's id
	MaxRating     = 1_000_000 // and not below its negative
	MaxTickets    = 50_000    // of a pool
	MaxOpenings   = 5_000     // of a pool
	MaxTime       = 30 * 24 * time.Hour
)

// Rules say what a match of a mode is. The zero value pairs any two players.
//
// A group of tickets is valid at a moment when all of this holds:
//   - its parties, none of them split, fill Teams teams of equally many players, from Min to Max (see Full, Bots);
//   - the rating of each ticket, the mean of its party's, is no further from the rating of the group's oldest ticket than
//     that one's window is wide by then (see Skill);
//   - there is a region that all accept (see RegionWait), and for each property a value that all accept.
//
// So how long somebody has waited counts for the whole group: whoever has just come may be taken by one who has waited long. What
// is valid stays valid as time goes by. Of two tickets the older is the one with the earlier Since, or with the lesser ID.
type Rules struct {
	// Teams is how many teams play against each other. 0: 2. With 1 all play together, or each for itself.
	Teams int
	// Min and Max are how many players a team has. Min 0: 1; Max 0: Min.
	Min, Max int
	// Full is how long the oldest ticket of a group must have waited before teams may have fewer than Max players. The
	// largest teams that can be had are made. 0: at once.
	Full time.Duration
	// Skill is how far from the oldest ticket's rating the others may be. The zero value: anything goes.
	Skill Window
	// Regions are those that tickets may name. None: the mode knows no regions.
	Regions []string
	// RegionWait is how long a ticket must have waited before it accepts all of the Regions. 0: never.
	RegionWait time.Duration
	// Properties are the names of those that tickets may have.
	Properties []string
	// Bots may fill missing places.
	Bots Bots
	// Backfill says that rooms may ask for more players (see [Pool.Backfill]).
	Backfill bool
	// MaxWait is how long a ticket waits at most (see [Pool.Expired]). 0: as long as it takes.
	MaxWait time.Duration
	// Accept is how long players may take to accept what was found for them. 0: they are not asked. The pool does not look at it.
	Accept time.Duration
}

// Window is a distance between ratings that grows with waiting: From at first, PerSecond more each second, To at most.
type Window struct {
	From, PerSecond float64
	To              float64 // 0: no end, or From where PerSecond is 0
}

// Bots fill the places that are missing in teams of Rules.Min players. As few as possible are used.
type Bots struct {
	After  time.Duration // how long the oldest ticket of a group must have waited. From then on teams of Min are good, whatever Full says
	People int           // how many players a group must have at least. 0: there are no bots
}

const slowest = 0.001 // PerSecond, if any: below that an hour makes no difference

// filled is r with what its zero values stand for.
func (r Rules) filled() Rules {
	if r.Teams == 0 {
		r.Teams = 2
	}
	if r.Min == 0 {
		r.Min = 1
	}
	if r.Max == 0 {
		r.Max = r.Min
	}
	return r
}

// Check says what is wrong with the rules.
func (r Rules) Check() error {
	r = r.filled()
	switch {
	case r.Teams < 1 || r.Min < 1 || r.Max < r.Min:
		return errors.New("a match has at least one team, and teams have 1 to Max players, Min of them at least")
	case r.Teams > MaxPlayers || r.Max > MaxPlayers || r.Teams*r.Max > MaxPlayers:
		return fmt.Errorf("a match has at most %d players", MaxPlayers)
	case r.Bots.People < 0 || r.Bots.People > r.Teams*r.Min:
		return errors.New("Bots.People is at most the players of teams of Min")
	case len(r.Regions) > MaxRegions:
		return fmt.Errorf("there are at most %d regions", MaxRegions)
	case len(r.Properties) > MaxProperties:
		return fmt.Errorf("there are at most %d properties", MaxProperties)
	}
	for _, d := range []time.Duration{r.Full, r.RegionWait, r.Bots.After, r.MaxWait, r.Accept} {
		if d < 0 || d > MaxTime {
			return fmt.Errorf("times are from 0 to %s", MaxTime)
		}
	}
	for _, names := range [][]string{r.Regions, r.Properties} {
		if err := checkNames(names); err != nil {
			return err
		}
	}
	return r.Skill.check()
}

func (w Window) check() error {
	for _, v := range []float64{w.From, w.PerSecond, w.To} {
		if !(v >= 0 && v <= MaxRating) {
			return fmt.Errorf("a skill window's values are from 0 to %d", MaxRating)
		}
	}
	switch {
	case w.To > 0 && w.To < w.From:
		return errors.New("a skill window does not end below its beginning")
	case w.PerSecond > 0 && w.PerSecond < slowest:
		return fmt.Errorf("a skill window widens by at least %g a second, or not at all", slowest)
	}
	return nil
}

func checkNames(names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if name == "" || len(name) > MaxName {
			return fmt.Errorf("names of regions and properties have 1 to %d bytes, not %q", MaxName, name)
		}
		if seen[name] {
			return fmt.Errorf("%q is named twice", name)
		}
		seen[name] = true
	}
	return nil
}

// at is how wide the window is after a wait in milliseconds.
func (w Window) at(wait int64) float64 {
	if w == (Window{}) {
		return math.Inf(1)
	}
	width := w.From + w.PerSecond*float64(max(wait, 0))/1000
	if w.To > 0 {
		width = min(width, w.To)
	}
	return width
}

// widest is how wide the window gets.
func (w Window) widest() float64 {
	switch {
	case w == (Window{}), w.To == 0 && w.PerSecond > 0:
		return math.Inf(1)
	case w.PerSecond > 0:
		return w.To
	}
	return w.From
}

// reaches is the least wait in milliseconds after which the window is as wide as distance; never, if it does not get so wide.
func (w Window) reaches(distance float64) int64 {
	switch {
	case distance > w.widest():
		return never
	case distance <= w.at(0):
		return 0
	}
	wait := int64(math.Ceil((distance - w.From) / w.PerSecond * 1000))
	for w.at(wait) < distance { // rounding
		wait++
	}
	return wait
}
