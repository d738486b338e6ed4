package match

import (
	"cmp"
	"slices"
)

// kind is all tickets that want the same, but for their ratings: whether they go with those of another kind is found out once.
type kind struct {
	wants
	tickets []rated // by rating, then oldest first
	sizes   []int   // how many tickets have that many players
	looked  int     // how many tickets have been looked at
	near    []*kind // those with which they may go together, sooner or later; this one too

	index int // in Pool.kindList

	asked    uint64 // Pool.changed when hopeless was found out
	hopeless bool   // not all of near together fill teams, whatever the ratings
}

// rated is a ticket with its rating at hand.
type rated struct {
	rating float64
	*ticket
}

// kindOf returns the kind of tickets that want this, a new one if there is none. Where all accept all regions sooner or later, these
// make no kinds.
func (p *Pool) kindOf(w wants) *kind {
	if p.rules.RegionWait > 0 {
		w.regions = p.all
	}
	k := p.kinds[w]
	if k != nil {
		return k
	}
	k = &kind{wants: w, sizes: make([]int, p.rules.Max+1)}
	k.near = append(k.near, k)
	for _, other := range p.kindList {
		if p.together(&k.wants, &other.wants) {
			k.near = append(k.near, other)
			other.near = append(other.near, k)
		}
	}
	p.kinds[w] = k
	k.index = len(p.kindList)
	p.kindList = append(p.kindList, k)
	return k
}

// forget drops a kind of which nobody is left.
func (p *Pool) forget(k *kind) {
	delete(p.kinds, k.wants)
	for _, other := range k.near {
		if other != k {
			i := slices.Index(other.near, k)
			other.near[i] = other.near[len(other.near)-1]
			other.near = other.near[:len(other.near)-1]
		}
	}
	last := p.kindList[len(p.kindList)-1]
	p.kindList[k.index], last.index = last, k.index
	p.kindList = p.kindList[:len(p.kindList)-1]
}

// together says whether tickets that want this and that may go together, sooner or later.
func (p *Pool) together(a, b *wants) bool {
	if a.regions&b.regions == 0 {
		return false
	}
	for i := range p.rules.Properties {
		if !a.props[i].meets(&b.props[i]) {
			return false
		}
	}
	return true
}

func (k *kind) add(t *ticket) {
	t.kind = k
	k.tickets = slices.Insert(k.tickets, k.place(t), rated{t.rating, t})
	k.sizes[t.players]++
}

func (k *kind) remove(t *ticket) {
	i := k.place(t)
	k.tickets = slices.Delete(k.tickets, i, i+1)
	k.sizes[t.players]--
	if t.groupAt != unknown {
		k.looked--
	}
}

// place is where t is, or belongs.
func (k *kind) place(t *ticket) int {
	i := k.from(t.rating)
	n, _ := slices.BinarySearchFunc(k.tickets[i:], t, func(r rated, t *ticket) int {
		return cmp.Or(cmp.Compare(r.rating, t.rating), older(r.ticket, t))
	})
	return i + n
}

// hopelessKind says that no group can be made of tickets of that kind and of those near it, even if ratings and all else did not matter.
func (p *Pool) hopelessKind(k *kind) bool {
	if k.asked == p.changed {
		return k.hopeless
	}
	sizes := p.packing.sizes
	clear(sizes)
	for _, other := range k.near {
		for size, n := range other.sizes {
			sizes[size] += n
		}
	}
	k.asked, k.hopeless = p.changed, !slices.ContainsFunc(p.shapes[stage{true, true}], func(s shape) bool { return p.packing.fits(s) })
	return k.hopeless
}

// from is the index of the first ticket whose rating is not less.
func (k *kind) from(rating float64) int {
	low, high := 0, len(k.tickets)
	for low < high {
		if middle := (low + high) / 2; k.tickets[middle].rating < rating {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
