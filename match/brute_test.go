package match

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// world is a pool's content as the tests know it. It decides what is valid from the words of the documentation alone, the slow way.
type world struct {
	rules   Rules
	tickets map[string]Ticket
	rooms   map[string]*Opening
}

func newWorld(rules Rules) *world {
	return &world{rules: rules.filled(), tickets: map[string]Ticket{}, rooms: map[string]*Opening{}}
}

// ordered are the tickets, oldest first.
func (w *world) ordered() []Ticket {
	var list []Ticket
	for _, t := range w.tickets {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Ticket) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

func mean(players []Player) float64 {
	sum := 0.0
	for _, p := range players {
		sum += p.Rating
	}
	return sum / float64(len(players))
}

// width is the window of who has waited since then.
func (w *world) width(since, now time.Time) float64 {
	s := w.rules.Skill
	if s == (Window{}) {
		return math.Inf(1)
	}
	width := s.From + s.PerSecond*max(now.Sub(since), 0).Seconds()
	if s.To > 0 {
		width = min(width, s.To)
	}
	return width
}

// agree says whether there is a region, and for each property a value, that all accept. regions and properties are lists of what
// each accepts.
func (w *world) agree(all []Ticket, now time.Time) bool {
	if len(w.rules.Regions) > 0 && !slices.ContainsFunc(w.rules.Regions, func(region string) bool {
		return !slices.ContainsFunc(all, func(t Ticket) bool {
			widened := w.rules.RegionWait > 0 && now.Sub(t.Since) >= w.rules.RegionWait
			return !widened && len(t.Regions) > 0 && !slices.Contains(t.Regions, region)
		})
	}) {
		return false
	}
	for _, name := range w.rules.Properties {
		for i := range all {
			for j := range i {
				p, has := all[i].Properties[name]
				q, both := all[j].Properties[name]
				if !has || !both {
					continue
				}
				pText, text := p.Text()
				if qText, other := q.Text(); text != other || pText != qText {
					return false
				}
				pLow, pHigh, _ := p.Range()
				if qLow, qHigh, _ := q.Range(); !text && (pHigh < qLow || qHigh < pLow) {
					return false // ranges that meet two by two all meet
				}
			}
		}
	}
	return true
}

// valid says why tickets, the oldest first, are no valid group; "": they are one.
func (w *world) valid(all []Ticket, now time.Time) string {
	oldest := all[0]
	for _, t := range all {
		if d := math.Abs(mean(t.Party) - mean(oldest.Party)); d > w.width(oldest.Since, now) {
			return fmt.Sprintf("%s is %g from %s, whose window is %g", t.ID, d, oldest.ID, w.width(oldest.Since, now))
		}
	}
	if !w.agree(all, now) {
		return "they do not agree"
	}
	var sizes []int
	players := 0
	for _, t := range all {
		sizes = append(sizes, len(t.Party))
		players += len(t.Party)
	}
	wait := now.Sub(oldest.Since)
	for size := w.rules.Min; size <= w.rules.Max; size++ {
		missing := w.rules.Teams*size - players
		full := missing == 0 && (size == w.rules.Max || wait >= w.rules.Full)
		bots := missing >= 0 && size == w.rules.Min && w.rules.Bots.People > 0 && wait >= w.rules.Bots.After && players >= w.rules.Bots.People
		if (full || bots) && fits(sizes, make([]int, w.rules.Teams), size) {
			return ""
		}
	}
	return fmt.Sprintf("%v do not fill teams", sizes)
}

// fits says whether parties fit into teams, some of whose places are taken.
func fits(parties, taken []int, size int) bool {
	if len(parties) == 0 {
		return true
	}
	for i := range taken {
		if taken[i]+parties[0] <= size {
			taken[i] += parties[0]
			ok := fits(parties[1:], taken, size)
			taken[i] -= parties[0]
			if ok {
				return true
			}
		}
	}
	return false
}

// group finds a valid group whose oldest ticket is that one; nil: there is none.
func (w *world) group(list []Ticket, oldest int, now time.Time) []Ticket {
	younger := list[oldest+1:]
	for chosen := range 1 << len(younger) {
		all := []Ticket{list[oldest]}
		for i, t := range younger {
			if chosen&(1<<i) != 0 {
				all = append(all, t)
			}
		}
		if w.valid(all, now) == "" {
			return all
		}
	}
	return nil
}

// takes says whether a room takes a ticket.
func (w *world) takes(o *Opening, t Ticket, now time.Time) bool {
	var players []Player
	place := false
	for _, team := range o.Teams {
		place = place || team.Free >= len(t.Party)
		players = append(players, team.Players...)
	}
	since := t.Since
	if o.Since.Before(since) {
		since = o.Since
	}
	if len(players) > 0 && math.Abs(mean(players)-mean(t.Party)) > w.width(since, now) {
		return false
	}
	asTicket := Ticket{Regions: o.Regions, Properties: o.Properties, Since: o.Since}
	return place && w.agree([]Ticket{asTicket, t}, now)
}
