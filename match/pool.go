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
	all     uint64 // regions
	shapes  map[stage][]shape
	stages  []least
	most    int // players of a match
	tickets map[string]*ticket
	byAge   []*ticket // oldest first
	kinds   map[wants]*kind
	// kindList is the kinds in an order that depends on nothing but what was called.
	kindList []*kind
	due      due
	rooms    []*opening // oldest first
	changed  uint64     // counts tickets that came or went

	// Memory that is used again and again.
	reach   reach
	list    []*ticket
	packing packing
}

// never is a time that does not come. Times are milliseconds since 1970.
const never = math.MaxInt64

// unknown is before all times: nobody has looked yet.
const unknown = math.MinInt64

// ticket is one that waits.
type ticket struct {
	id      string
	players int
	sum     float64 // of the ratings
	rating  float64 // their mean
	wishes
	prefers []string // regions
	kind    *kind

	groupAt int64   // when it is the oldest of a valid group: not before
	roomAt  int64   // when a room takes it: not before
	joins   []join  // who may be in that group, the closest first
	more    bool    // there may be others, further than all of joins
	limit   float64 // how far others may be to make a difference to groupAt
	blind   bool    // nobody has looked who may be
	index   int     // in due
}

// wants are what a ticket or a room accepts.
type wants struct {
	regions uint64 // bit i: Rules.Regions[i]
	props   [MaxProperties]Property
}

// wishes are what a ticket or a room accepts, and since when it waits.
type wishes struct {
	wants
	since  int64
	widens int64 // when all regions are accepted
}

// New returns an empty pool. It panics when the rules are refused by Check.
func New(rules Rules) *Pool {
	if err := rules.Check(); err != nil {
		panic("match: " + err.Error())
	}
	p := &Pool{rules: rules.filled(), tickets: map[string]*ticket{}, kinds: map[wants]*kind{}, changed: 1}
	p.all = 1<<max(len(rules.Regions), 1) - 1 // one bit where the mode knows none
	p.shapes, p.stages = p.rules.shapes(), p.rules.starts()
	p.most = p.rules.Teams * p.rules.Max
	p.packing = newPacking(&p.rules)
	return p
}

// Len is how many tickets wait.
func (p *Pool) Len() int { return len(p.byAge) }

// Add has a ticket wait. That a user is in one ticket alone is up to the caller. An error is [ErrTicket], [ErrHere] or
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
	in.groupAt, in.roomAt = unknown, p.roomReady(in)
	p.changed++
	p.tickets[t.ID] = in
	i, _ := slices.BinarySearchFunc(p.byAge, in, older)
	p.byAge = slices.Insert(p.byAge, i, in)
	p.kindOf(in.wants).add(in)
	p.due.add(in)
	p.concern(in)
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
	p.changed++
	delete(p.tickets, t.id)
	if i, ok := slices.BinarySearchFunc(p.byAge, t, older); ok {
		p.byAge = slices.Delete(p.byAge, i, i+1)
	}
	p.due.remove(t)
	p.unconcern(t)
	t.kind.remove(t)
	if len(t.kind.tickets) == 0 {
		p.forget(t.kind)
	}
}

func older(a, b *ticket) int {
	if a.since != b.since {
		return cmp.Compare(a.since, b.since)
	}
	return cmp.Compare(a.id, b.id)
}

func (p *Pool) wishes(regions []string, properties map[string]Property, since time.Time) wishes {
	w := wishes{since: since.UnixMilli(), widens: never, wants: wants{regions: p.all}}
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
