package match

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// What a pool refuses beside what its rules do not allow.
var (
	ErrFull = errors.New("match: the pool is full")
	ErrHere = errors.New("match: the ticket is in the pool already")
)

// Pool is who waits for a match of one mode. It belongs to one goroutine at a time. What it answers depends on nothing but its
// rules, what is in it, and the times that it is given.
type Pool struct {
	rules   Rules
	tickets map[string]*ticket
	byAge   []*ticket // oldest first
	rooms   []*opening
}

// never is a time that does not come. Times are milliseconds since 1970.
const never = math.MaxInt64

// ticket is one that waits.
type ticket struct {
	id      string
	players int
	sum     float64 // of the ratings
	rating  float64 // their mean
	wishes
	prefers []string // regions
}

// wishes are what a ticket or a room accepts, and since when it waits.
type wishes struct {
	since   int64
	widens  int64  // when all regions are accepted
	regions uint64 // bit i: Rules.Regions[i]
	props   [MaxProperties]Property
}

// New returns an empty pool. It panics when the rules are refused by Check.
func New(rules Rules) *Pool {
	if err := rules.Check(); err != nil {
		panic("match: " + err.Error())
	}
	return &Pool{rules: rules.filled(), tickets: map[string]*ticket{}}
}

// Len is how many tickets wait.
func (p *Pool) Len() int { return len(p.byAge) }

// Add has a ticket wait. That a user is in one ticket alone is up to the caller. An error wraps [ErrTicket], [ErrHere] or
// [ErrFull], and has changed nothing.
func (p *Pool) Add(t Ticket) error {
	if err := p.rules.CheckTicket(t); err != nil {
		return err
	}
	if p.tickets[t.ID] != nil {
		return fmt.Errorf("%w: %s", ErrHere, t.ID)
	}
	if len(p.byAge) == MaxTickets {
		return ErrFull
	}
	in := &ticket{id: t.ID, players: len(t.Party), wishes: p.wishes(t.Regions, t.Properties, t.Since), prefers: slices.Clone(t.Regions)}
	for _, player := range t.Party {
		in.sum += player.Rating
	}
	in.rating = in.sum / float64(in.players)
	p.tickets[t.ID] = in
	i, _ := slices.BinarySearchFunc(p.byAge, in, older)
	p.byAge = slices.Insert(p.byAge, i, in)
	return nil
}

// Cancel lets go of a ticket; false: it is not in the pool.
func (p *Pool) Cancel(id string) bool {
	t := p.tickets[id]
	if t == nil {
		return false
	}
	p.remove(t)
	return true
}

// Expired lets go of the tickets that have waited for Rules.MaxWait by now, and returns their ids, oldest first.
func (p *Pool) Expired(now time.Time) []string {
	if p.rules.MaxWait == 0 {
		return nil
	}
	var ids []string
	for len(p.byAge) > 0 && p.byAge[0].since+p.rules.MaxWait.Milliseconds() <= now.UnixMilli() {
		ids = append(ids, p.byAge[0].id)
		p.remove(p.byAge[0])
	}
	return ids
}

func (p *Pool) remove(t *ticket) {
	delete(p.tickets, t.id)
	if i, ok := slices.BinarySearchFunc(p.byAge, t, older); ok {
		p.byAge = slices.Delete(p.byAge, i, i+1)
	}
}

func older(a, b *ticket) int {
	return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.id, b.id))
}

func (p *Pool) wishes(regions []string, properties map[string]Property, since time.Time) wishes {
	w := wishes{since: since.UnixMilli(), widens: never, regions: p.allRegions()}
	if len(regions) > 0 {
		w.regions = 0
		for _, name := range regions {
			w.regions |= 1 << slices.Index(p.rules.Regions, name)
		}
		if p.rules.RegionWait > 0 {
			w.widens = w.since + p.rules.RegionWait.Milliseconds()
		}
	}
	for name, property := range properties {
		w.props[slices.Index(p.rules.Properties, name)] = property
	}
	return w
}

// allRegions are a mode's regions as bits; one bit where the mode knows none.
func (p *Pool) allRegions() uint64 {
	return 1<<max(len(p.rules.Regions), 1) - 1
}
