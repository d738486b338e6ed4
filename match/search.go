package match

import (
	"math"
	"slices"
)

// found is a group before its teams are balanced.
type found struct {
	oldest *ticket
	teams  [][]*ticket
	size   int   // players of a team
	space  wants // what all accept
}

func (f *found) members() []*ticket { return slices.Concat(f.teams...) }

// and narrows w to what a ticket accepts too at a moment; false: there is nothing.
func (p *Pool) and(w *wants, t *wishes, at int64) bool {
	if w.regions &= p.regions(t, at); w.regions == 0 {
		return false
	}
	for i := range p.rules.Properties {
		if t.props[i].kind == 0 {
			continue
		}
		both, ok := w.props[i].and(t.props[i])
		if !ok {
			return false
		}
		w.props[i] = both
	}
	return true
}

// regions are those that are accepted at a moment.
func (p *Pool) regions(w *wishes, at int64) uint64 {
	if at >= w.widens && w.widens != never {
		return p.all
	}
	return w.regions
}

// find makes a group of t and younger ones at a moment, of those whom reach, which stands around t, has: as few of the
// nearest as will do.
func (p *Pool) find(t *ticket, at int64) *found {
	width := p.rules.Skill.at(at - t.since)
	s := p.search(t, at)
	list := p.list[:0]
	defer func() { p.list = list }()
	players, i := t.players, 0
	for _, s.shape = range p.shapesAt(t, at) {
		for need := s.players(); ; need = 2 * players {
			more := true
			for more && players < need {
				other := p.reach.at(i)
				if more = other != nil && other.distance <= width; !more {
					break
				}
				if i++; p.regions(&t.wishes, at)&p.regions(&other.wishes, at) != 0 {
					list = append(list, other.ticket)
					players += other.players
				}
			}
			if players < s.players() {
				break
			}
			if f := s.pick(s.wants(), list); f != nil {
				return s.closest(f, list)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// search looks for a group of one shape.
type search struct {
	*Pool
	oldest *ticket
	at     int64
	shape
	steps int // that are left
}

// mostSteps bounds the work for one group, where wishes collide in many ways or parties hardly fit: about 0.1 ms on a quiet core.
const mostSteps = 10_000

func (p *Pool) search(t *ticket, at int64) *search {
	return &search{Pool: p, oldest: t, at: at, steps: mostSteps}
}

// players are how many people the shape has.
func (s *search) players() int { return s.rules.Teams*s.size - s.bots }

// wants is what the oldest accepts.
func (s *search) wants() *wants {
	return &wants{s.regions(&s.oldest.wishes, s.at), s.oldest.props}
}

// closest makes do with the first of list, as few as possible; f is of all of them.
func (s *search) closest(f *found, list []*ticket) *found {
	low, high := 0, len(list)
	for low < high {
		middle := (low + high) / 2
		if closer := s.pick(s.wants(), list[:middle]); closer != nil {
			f, high = closer, middle
		} else {
			low = middle + 1
		}
	}
	return f
}

// pick makes a group of the oldest and some of list, who all accept something of what in is.
func (s *search) pick(in *wants, list []*ticket) *found {
	if s.steps -= len(list); s.steps < 0 {
		return nil
	}
	players := s.oldest.players
	for _, t := range list {
		players += t.players
	}
	if players < s.players() {
		return nil
	}
	all := *in
	for _, t := range list {
		if !s.and(&all, &t.wishes, s.at) {
			return s.divide(in, list)
		}
	}
	teams := s.packing.pack(s, list)
	if teams == nil {
		return nil
	}
	f := &found{oldest: s.oldest, teams: teams, size: s.size, space: *in}
	for _, team := range teams {
		for _, t := range team {
			s.and(&f.space, &t.wishes, s.at)
		}
	}
	return f
}

// divide picks from those of list who agree, trying each value of the first thing in which they do not: groups that are valid in
// in are valid with one of the values.
func (s *search) divide(in *wants, list []*ticket) *found {
	regions := in.regions
	for _, t := range list {
		regions &= s.regions(&t.wishes, s.at)
	}
	if regions == 0 {
		for left := in.regions; left != 0; left &= left - 1 {
			narrow := *in
			narrow.regions = left & -left
			f := s.among(&narrow, list, func(t *ticket) bool { return s.regions(&t.wishes, s.at)&narrow.regions != 0 })
			if f != nil {
				return f
			}
		}
		return nil
	}
	for i := range s.rules.Properties {
		if !s.disagree(in, list, i) {
			continue
		}
		// Ranges that have a number in common have one of their lower ends in common.
		seen := make([]Property, 0, 16)
		for _, t := range list {
			v, ok := in.props[i].and(t.props[i])
			if v.kind == numeric {
				v.high = v.low
			}
			if !ok || v.kind == 0 || slices.Contains(seen, v) {
				continue
			}
			seen = append(seen, v)
			narrow := *in
			narrow.props[i] = v
			if f := s.among(&narrow, list, func(t *ticket) bool { return t.props[i].meets(&v) }); f != nil {
				return f
			}
		}
		return nil
	}
	return nil
}

// disagree says whether there is nothing that all of list accept of a property.
func (s *search) disagree(in *wants, list []*ticket, property int) bool {
	all, ok := in.props[property], true
	for _, t := range list {
		if t.props[property].kind == 0 {
			continue
		}
		if all, ok = all.and(t.props[property]); !ok {
			return true
		}
	}
	return false
}

// among picks from those of list whom suits takes.
func (s *search) among(narrow *wants, list []*ticket, suits func(*ticket) bool) *found {
	players := s.oldest.players
	for _, t := range list {
		if suits(t) {
			players += t.players
		}
	}
	if s.steps -= len(list); players < s.players() {
		return nil
	}
	some := make([]*ticket, 0, len(list))
	for _, t := range list {
		if with := *narrow; suits(t) && s.and(&with, &t.wishes, s.at) {
			some = append(some, t)
		}
	}
	return s.pick(narrow, some)
}

func abs(f float64) float64 { return math.Abs(f) }
