package match

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// found is a group before its teams are balanced.
type found struct {
	oldest *ticket
	teams  [][]*ticket
	size   int // players of a team
	space  space
}

func (f *found) members() []*ticket { return slices.Concat(f.teams...) }

// space is what all of some tickets accept.
type space struct {
	regions uint64
	props   [MaxProperties]Property
}

// and narrows s to what w accepts too at a moment; false: there is nothing.
func (p *Pool) and(s *space, w *wishes, at int64) bool {
	if s.regions &= p.accepted(w, at); s.regions == 0 {
		return false
	}
	for i := range p.rules.Properties {
		both, ok := s.props[i].and(w.props[i])
		if !ok {
			return false
		}
		s.props[i] = both
	}
	return true
}

func (p *Pool) accepted(w *wishes, at int64) uint64 {
	if at >= w.widens {
		return p.allRegions()
	}
	return w.regions
}

func (p *Pool) spaceOf(w *wishes, at int64) space {
	return space{p.accepted(w, at), w.props}
}

// shape is what teams a group may have.
type shape struct {
	size int // players of a team
	bots int
}

// shapes are those that a group may have whose oldest ticket has waited that long, the best first.
func (p *Pool) shapes(wait int64) []shape {
	var list []shape
	bots := p.rules.Bots.People > 0 && wait >= p.rules.Bots.After.Milliseconds()
	for size := p.rules.Max; size >= p.rules.Min; size-- {
		if size == p.rules.Max || wait >= p.rules.Full.Milliseconds() || size == p.rules.Min && bots {
			list = append(list, shape{size, 0})
		}
	}
	if bots {
		for bots := 1; p.rules.Teams*p.rules.Min-bots >= p.rules.Bots.People; bots++ {
			list = append(list, shape{p.rules.Min, bots})
		}
	}
	return list
}

// find makes a group of t and younger ones at a moment; never stands for the end of all waiting.
func (p *Pool) find(t *ticket, at int64) *found {
	wait := int64(never)
	if at < never {
		wait = at - t.since
	}
	width := p.rules.Skill.widest()
	if at < never {
		width = p.rules.Skill.at(wait)
	}
	var list []*ticket
	for _, other := range p.younger(t) {
		if abs(other.rating-t.rating) > width {
			continue
		}
		if s := p.spaceOf(&t.wishes, at); p.and(&s, &other.wishes, at) {
			list = append(list, other)
		}
	}
	slices.SortFunc(list, func(a, b *ticket) int {
		return cmp.Or(cmp.Compare(abs(a.rating-t.rating), abs(b.rating-t.rating)), older(a, b))
	})
	for _, shape := range p.shapes(wait) {
		s := search{Pool: p, oldest: t, at: at, shape: shape}
		f := s.pick(p.spaceOf(&t.wishes, at), list)
		if f == nil {
			continue
		}
		low, high := 0, len(list) // the fewest of the closest that will do
		for low < high {
			middle := (low + high) / 2
			if closer := s.pick(p.spaceOf(&t.wishes, at), list[:middle]); closer != nil {
				f, high = closer, middle
			} else {
				low = middle + 1
			}
		}
		return f
	}
	return nil
}

// search looks for a group of one shape.
type search struct {
	*Pool
	oldest *ticket
	at     int64
	shape
}

// pick makes a group of the oldest and some of list, who all accept something in the space.
func (s *search) pick(in space, list []*ticket) *found {
	players := s.oldest.players + s.bots
	for _, t := range list {
		players += t.players
	}
	if players < s.rules.Teams*s.size {
		return nil
	}
	all := in
	for _, t := range list {
		if s.and(&all, &t.wishes, s.at) {
			continue
		}
		// Not all go together: try each value of something they disagree in.
		for _, narrow := range s.values(in, list) {
			var some []*ticket
			for _, t := range list {
				if with := narrow; s.and(&with, &t.wishes, s.at) {
					some = append(some, t)
				}
			}
			if f := s.pick(narrow, some); f != nil {
				return f
			}
		}
		return nil
	}
	teams := s.pack(list)
	if teams == nil {
		return nil
	}
	// What those accept who were not picked does not matter.
	f := &found{oldest: s.oldest, teams: teams, size: s.size, space: in}
	for _, t := range f.members() {
		s.and(&f.space, &t.wishes, s.at)
	}
	return f
}

// values are the space narrowed to each value that the first thing can have in which list disagrees. Groups that are valid in the
// space are valid in one of them.
func (s *search) values(in space, list []*ticket) (narrowed []space) {
	regions := in.regions
	for _, t := range list {
		regions &= s.accepted(&t.wishes, s.at)
	}
	if regions == 0 {
		for left := in.regions; left != 0; left &= left - 1 {
			narrow := in
			narrow.regions = 1 << bits.TrailingZeros64(left)
			narrowed = append(narrowed, narrow)
		}
		return narrowed
	}
	for i := range s.rules.Properties {
		all, ok := in.props[i], true
		for _, t := range list {
			if all, ok = all.and(t.props[i]); !ok {
				break
			}
		}
		if ok {
			continue
		}
		// Ranges that have a number in common have one of their lower ends in common.
		var seen []Property
		for _, t := range list {
			v, ok := in.props[i].and(t.props[i])
			if !ok {
				continue
			}
			if v.kind == numeric {
				v.high = v.low
			}
			if v.kind != 0 && !slices.Contains(seen, v) {
				seen = append(seen, v)
				narrow := in
				narrow.props[i] = v
				narrowed = append(narrowed, narrow)
			}
		}
		return narrowed
	}
	return nil
}

func abs(f float64) float64 { return math.Abs(f) }
