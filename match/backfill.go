package match

import (
	"cmp"
	"slices"
)

// opening is a room that takes players.
type opening struct {
	Opening
	wishes
	free   int // the largest party that finds a place
	rated  bool
	rating float64 // mean of who plays there
}

// Backfill has a room take players, or changes what it takes; without free places it takes none any more. It gets single tickets,
// each as soon as the ticket's wishes and the room's go together, its rating is no further from the mean of who plays there than
// the window of the older of the two is wide, and a team has places for all of its party. An error is [ErrTicket] or [ErrFull],
// and has changed nothing.
//
// After it was given players by Next the room goes on taking as many as it has free places left.
func (p *Pool) Backfill(o Opening) error {
	if err := p.rules.checkOpening(o); err != nil {
		return err
	}
	in := &opening{Opening: o, wishes: p.wishes(o.Regions, o.Properties, o.Since)}
	in.Teams = slices.Clone(o.Teams)
	in.count()
	i, here := slices.BinarySearchFunc(p.rooms, in, olderRoom)
	if j := slices.IndexFunc(p.rooms, func(r *opening) bool { return r.Room == o.Room }); j >= 0 {
		p.rooms = slices.Delete(p.rooms, j, j+1)
		i, here = slices.BinarySearchFunc(p.rooms, in, olderRoom)
	}
	switch {
	case in.free == 0:
		return nil
	case !here && len(p.rooms) == MaxOpenings:
		return ErrFull
	}
	p.rooms = slices.Insert(p.rooms, i, in)
	for _, t := range p.byAge {
		if at := p.takesAt(in, t); at < t.roomAt {
			t.roomAt = at
			p.due.fix(t)
		}
	}
	return nil
}

func olderRoom(a, b *opening) int {
	return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.Room, b.Room))
}

func (o *opening) count() {
	o.free = 0
	players, sum := 0, 0.0
	for _, team := range o.Teams {
		o.free = max(o.free, team.Free)
		for _, p := range team.Players {
			players++
			sum += p.Rating
		}
	}
	if o.rated = players > 0; o.rated {
		o.rating = sum / float64(players)
	}
}

// takesAt is when a room takes t, as far as waiting decides; never, if it does not.
func (p *Pool) takesAt(o *opening, t *ticket) int64 {
	if t.players > o.free {
		return never
	}
	at := min(o.since, t.since)
	if o.rated {
		reached := p.rules.Skill.reaches(abs(o.rating - t.rating))
		if reached == never {
			return never
		}
		at += reached
	}
	for i := range p.rules.Properties {
		if _, ok := o.props[i].and(t.props[i]); !ok {
			return never
		}
	}
	if o.regions&t.regions == 0 {
		at = max(at, min(o.widens, t.widens))
	}
	return at
}

// roomReady is when a room takes t, as far as waiting decides.
func (p *Pool) roomReady(t *ticket) int64 {
	soonest := int64(never)
	for _, o := range p.rooms {
		soonest = min(soonest, p.takesAt(o, t))
	}
	return soonest
}

// backfill gives rooms those of list, the oldest first, that they take now: the room whose players' mean is closest, of equals the
// oldest.
func (p *Pool) backfill(list []*ticket, at int64) (groups []Group) {
	of := map[*opening]int{}
	for _, t := range list {
		if t.roomAt > at {
			continue
		}
		var best *opening
		soonest := int64(never)
		for _, o := range p.rooms {
			takes := p.takesAt(o, t)
			soonest = min(soonest, takes)
			if takes <= at && (best == nil || o.distance(t) < best.distance(t)) {
				best = o
			}
		}
		if best == nil {
			t.roomAt = soonest
			p.due.fix(t)
			continue
		}
		i, ok := of[best]
		if !ok {
			i = len(groups)
			of[best] = i
			groups = append(groups, Group{Room: best.Room, Teams: make([][]string, len(best.Teams))})
		}
		team := best.team(t)
		groups[i].Teams[team] = append(groups[i].Teams[team], t.id)
		p.remove(t)
	}
	p.rooms = slices.DeleteFunc(p.rooms, func(o *opening) bool { return o.free == 0 })
	return groups
}

func (o *opening) distance(t *ticket) float64 {
	if !o.rated {
		return 0
	}
	return abs(o.rating - t.rating)
}

// team seats t in the team with the most free places, of equals the one that is weakest, or strongest if t is below the room's
// mean; and returns which that is.
func (o *opening) team(t *ticket) int {
	best := -1
	for i, team := range o.Teams {
		switch {
		case team.Free < t.players:
		case best < 0, team.Free > o.Teams[best].Free:
			best = i
		case team.Free == o.Teams[best].Free && (team.mean() < o.Teams[best].mean()) == (t.rating >= o.rating):
			best = i
		}
	}
	o.Teams[best].Free -= t.players
	o.count()
	return best
}

func (t OpenTeam) mean() float64 {
	sum := 0.0
	for _, p := range t.Players {
		sum += p.Rating
	}
	return sum / float64(max(len(t.Players), 1))
}
