package match

import (
	"slices"
	"time"
)

// Next takes the groups out of the pool that are valid now, and says before when none becomes so by waiting alone, and no
// ticket's MaxWait ends; the zero time: never. The caller asks again then, and whenever it has changed the pool. It may be that
// nothing is valid yet: where wishes collide, parties do not fit, or many have gone.
//
// First come rooms: each ticket, the oldest first, that a room takes goes there. Then comes each ticket, the oldest first, that is
// the oldest of a valid group: the group is made of those who are closest to it in rating. So when Next returns, no valid group
// is left, and no group was made while an older ticket could have been the oldest of one. That holds for all that the search
// finds within its bounds: see docs/decisions/0013.
func (p *Pool) Next(now time.Time) (groups []Group, next time.Time) {
	at := now.UnixMilli()
	list := p.due.until(nil, at)
	slices.SortFunc(list, older)
	groups = p.backfill(list, at)
	for _, t := range list {
		if p.tickets[t.id] != t || t.groupAt > at {
			continue
		}
		f, later := p.look(t, at)
		if f == nil {
			if t.groupAt == unknown {
				t.kind.looked++
			}
			t.groupAt = later
			p.due.fix(t)
			continue
		}
		groups = append(groups, p.group(f))
		for _, m := range f.members() {
			p.remove(m)
		}
	}
	soonest := int64(never)
	if len(p.due) > 0 {
		soonest = p.due[0].at()
	}
	if len(p.byAge) > 0 && p.rules.MaxWait > 0 {
		soonest = min(soonest, p.byAge[0].since+p.rules.MaxWait.Milliseconds())
	}
	if soonest < never {
		next = time.UnixMilli(soonest).In(now.Location())
	}
	return groups, next
}

// concern has those look again who are older than t, which has come, and may take it into a group.
func (p *Pool) concern(t *ticket) {
	p.elders(t, func(other *ticket, distance float64) {
		at := other.since // now: nobody knows who is around it
		if !other.blind {
			other.joined(join{distance, t.players}, 2*p.most)
			at += p.rules.Skill.reaches(distance)
			if other.regions&t.regions == 0 {
				at = max(at, min(other.widens, t.widens))
			}
			if at < other.groupAt {
				at = max(at, p.enough(other))
			}
		}
		if at < other.groupAt {
			other.groupAt = at
			p.due.fix(other)
		}
	})
}

// unconcern has those forget t, which goes, who are older and count on it.
func (p *Pool) unconcern(t *ticket) {
	p.elders(t, func(other *ticket, distance float64) {
		if !other.blind && other.left(join{distance, t.players}) {
			if at := p.enough(other); at > other.groupAt {
				other.groupAt = at
				p.due.fix(other)
			}
		}
	})
}

// elders calls do with all who are older than t, have been looked at, and may be in a group with it sooner or later, as far as
// they care for that; and with how far they are.
func (p *Pool) elders(t *ticket, do func(other *ticket, distance float64)) {
	width := p.rules.Skill.widest()
	for _, k := range t.kind.near {
		if k.looked == 0 {
			continue
		}
		for _, other := range k.tickets[k.from(t.rating-width-rounding):] {
			if other.rating > t.rating+width+rounding {
				break
			}
			distance := abs(other.rating - t.rating)
			if distance <= other.limit && other.groupAt != unknown && older(other.ticket, t) < 0 {
				do(other.ticket, distance)
			}
		}
	}
}

const rounding = 1e-3 // more than differences of ratings are wrong by

// look makes a group whose oldest is t; or says before when, after now, there can be none.
func (p *Pool) look(t *ticket, now int64) (f *found, later int64) {
	if t.blind = p.hopelessKind(t.kind); t.blind {
		t.limit = p.rules.Skill.widest()
		return nil, never
	}
	p.reach.start(t, p.rules.Skill.widest())
	if f = p.find(t, now); f != nil {
		return f, 0
	}
	if later = p.gather(t); later <= now {
		later = p.change(t, now) // it is not for want of players
	}
	return nil, later
}

// change is the first moment after now at which more tickets go together with t, or with each other. Whoever comes within the
// distance that is reached then makes a difference before.
func (p *Pool) change(t *ticket, now int64) int64 {
	soonest := int64(never)
	consider := func(at int64) {
		if at > now {
			soonest = min(soonest, at)
		}
	}
	consider(t.widens)
	for _, s := range p.stages {
		consider(t.since + s.after)
	}
	width := p.rules.Skill.at(now - t.since)
	for i := 0; ; i++ {
		other := p.reach.at(i)
		if other == nil {
			t.limit = p.rules.Skill.widest()
			return soonest
		}
		consider(other.widens)
		if other.distance > width {
			t.limit = max(t.limit, other.distance)
			consider(t.since + p.rules.Skill.reaches(other.distance))
			return soonest
		}
	}
}
