package match

import "slices"

// join is players around a ticket: how far their rating is from its.
type join struct {
	distance float64
	players  int
}

// place is where one that far belongs, before others as far.
func (t *ticket) place(distance float64) int {
	for i, j := range t.joins { // they are few
		if j.distance >= distance {
			return i
		}
	}
	return len(t.joins)
}

// gather notes who is around t, and says before when they are not enough for a group.
func (p *Pool) gather(t *ticket) int64 {
	t.joins, t.limit = t.joins[:0], p.rules.Skill.widest()
	for i, players := 0, 0; ; i++ {
		other := p.reach.at(i)
		if other == nil {
			break
		}
		if players >= 2*p.most { // some may go
			t.limit = t.joins[i-1].distance
			break
		}
		t.joins = append(t.joins, join{other.distance, other.players})
		players += other.players
	}
	t.more = t.limit < p.rules.Skill.widest()
	return p.enough(t)
}

// joined adds one; joins are kept up to a number.
func (t *ticket) joined(one join, most int) {
	i := t.place(one.distance)
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
	for i := t.place(one.distance); i < len(t.joins) && t.joins[i].distance == one.distance; i++ {
		if t.joins[i] == one {
			t.joins = slices.Delete(t.joins, i, i+1)
			return true
		}
	}
	return false
}

// enough says before when those around t are not enough for a group.
func (p *Pool) enough(t *ticket) int64 {
	soonest, distance, players, stage := int64(never), 0.0, t.players, 0
	for i := 0; ; i++ {
		for ; players >= p.stages[stage].players; stage++ {
			after := max(p.rules.Skill.reaches(distance), p.stages[stage].after)
			soonest = min(soonest, t.since+after)
			if stage == len(p.stages)-1 {
				return soonest
			}
		}
		if i == len(t.joins) {
			if t.more {
				soonest = min(soonest, t.since+p.rules.Skill.reaches(distance))
			}
			return soonest
		}
		players += t.joins[i].players
		distance = t.joins[i].distance
	}
}
