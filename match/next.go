package match

import (
	"slices"
	"time"
)

// Next takes the groups out of the pool that are valid now, and says when the next one becomes so by waiting alone, or when a
// ticket's MaxWait ends; the zero time: never. The caller asks again then, and whenever it has changed the pool.
//
// First come rooms: each ticket, the oldest first, that a room takes goes there. Then comes each ticket, the oldest first, that is
// the oldest of a valid group: the group is made of those who are closest to it in rating. So when Next returns, no valid group
// is left, and no group was made while an older ticket could have been the oldest of one. (Both hold for what the search finds
// within its bounds: see docs/decisions/0013.)
func (p *Pool) Next(now time.Time) (groups []Group, next time.Time) {
	at := now.UnixMilli()
	groups = p.backfill(at)
	for _, t := range slices.Clone(p.byAge) {
		if p.tickets[t.id] != t {
			continue
		}
		if found := p.find(t, at); found != nil {
			groups = append(groups, p.group(found))
			for _, m := range found.members() {
				p.remove(m)
			}
		}
	}
	soonest := int64(never)
	for _, t := range p.byAge {
		soonest = min(soonest, p.ready(t, at))
		if p.rules.MaxWait > 0 {
			soonest = min(soonest, t.since+p.rules.MaxWait.Milliseconds())
		}
	}
	if soonest < never {
		next = time.UnixMilli(soonest).In(now.Location())
	}
	return groups, next
}

// ready is when t is the oldest of a valid group, or a room takes it: at the time given or later.
func (p *Pool) ready(t *ticket, at int64) int64 {
	if p.find(t, never) == nil {
		return p.roomReady(t, at)
	}
	moments := p.moments(t, at)
	i, _ := slices.BinarySearchFunc(moments, true, func(moment int64, _ bool) int {
		if p.find(t, moment) == nil {
			return -1
		}
		return 1
	})
	return min(moments[i], p.roomReady(t, at))
}

// moments are all those from a time on at which t, as the oldest, may come into a valid group by waiting: in order.
func (p *Pool) moments(t *ticket, at int64) []int64 {
	list := []int64{at, t.widens, t.since + p.rules.Full.Milliseconds(), t.since + p.rules.Bots.After.Milliseconds()}
	for _, other := range p.younger(t) {
		if reached := p.rules.Skill.reaches(abs(other.rating - t.rating)); reached < never {
			list = append(list, t.since+reached, other.widens)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	i, _ := slices.BinarySearch(list, at)
	return list[i:]
}

func (p *Pool) younger(t *ticket) []*ticket {
	i, _ := slices.BinarySearchFunc(p.byAge, t, older)
	return p.byAge[i+1:]
}
