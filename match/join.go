package match

import (
	"cmp"
	"slices"
)

// join is when players come within the window of a ticket.
type join struct {
	at      int64
	players int
}

func byTime(j join, at int64) int { return cmp.Compare(j.at, at) }

// gather notes who is around t, and says before when they are not enough for a group.
func (p *Pool) gather(t *ticket) int64 {
	t.joins, t.more = t.joins[:0], false
	for i, players := 0, 0; ; i++ {
		other := p.reach.at(i)
		if other == nil {
			break
		}
		if players >= 2*p.most { // some may go
			t.more = true
			break
		}
		t.joins = append(t.joins, join{t.since + p.rules.Skill.reaches(other.distance), other.players})
		players += other.players
	}
	return p.enough(t)
}

// joined adds one; joins are kept up to a number.
func (t *ticket) joined(one join, most int) {
	i, _ := slices.BinarySearchFunc(t.joins, one.at, byTime)
	if i == len(t.joins) && t.more {
		return
	}
	t.joins = slices.Insert(t.joins, i, one)
	if len(t.joins) > most {
		t.joins, t.more = t.joins[:most], true
	}
}

// left takes one away; false: it was not kept.
func (t *ticket) left(one join) bool {
	i, _ := slices.BinarySearchFunc(t.joins, one.at, byTime)
	for ; i < len(t.joins) && t.joins[i].at == one.at; i++ {
		if t.joins[i] == one {
			t.joins = slices.Delete(t.joins, i, i+1)
			return true
		}
	}
	return false
}

// enough says before when those around t are not enough for a group.
func (p *Pool) enough(t *ticket) int64 {
	soonest, joined, players, stage := int64(never), t.since, t.players, 0
	for i := 0; ; i++ {
		for ; players >= p.stages[stage].players; stage++ {
			soonest = min(soonest, max(joined, t.since+p.stages[stage].after))
			if stage == len(p.stages)-1 {
				return soonest
			}
		}
		if i == len(t.joins) {
			if t.more {
				soonest = min(soonest, joined)
			}
			return soonest
		}
		players += t.joins[i].players
		joined = t.joins[i].at
	}
}
