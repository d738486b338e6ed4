package match

// reach is the tickets that are younger than one and may go together with it sooner or later, the closest in rating first. They
// are looked for as they are asked for.
type reach struct {
	of      *ticket
	width   float64 // how far they may be
	seen    []near
	cursors []cursor // a heap: the closest first
}

// near is a ticket and how far its rating is.
type near struct {
	*ticket
	distance float64
}

// cursor goes through the tickets of a kind, up or down from a rating.
type cursor struct {
	tickets  []rated // those left, the next at the end that step says
	up       bool
	distance float64 // of the next
}

func (c *cursor) next() *rated {
	if c.up {
		return &c.tickets[0]
	}
	return &c.tickets[len(c.tickets)-1]
}

// start begins with those around t.
func (r *reach) start(t *ticket, width float64) {
	r.of, r.width, r.seen, r.cursors = t, width, r.seen[:0], r.cursors[:0]
	for _, k := range t.kind.near {
		i := k.from(t.rating)
		r.push(cursor{tickets: k.tickets[i:], up: true})
		r.push(cursor{tickets: k.tickets[:i]})
	}
	for i := len(r.cursors)/2 - 1; i >= 0; i-- {
		r.down(i)
	}
}

// at returns the one with that index, from 0 and in order; nil: there are not so many.
func (r *reach) at(i int) *near {
	for i >= len(r.seen) && len(r.cursors) > 0 {
		r.next()
	}
	if i >= len(r.seen) {
		return nil
	}
	return &r.seen[i]
}

func (r *reach) push(c cursor) {
	if r.settle(&c) {
		r.cursors = append(r.cursors, c)
	}
}

// settle has a cursor stand at a ticket that counts; false: there is none.
func (r *reach) settle(c *cursor) bool {
	for len(c.tickets) > 0 {
		t := c.next()
		if c.distance = abs(t.rating - r.of.rating); c.distance > r.width {
			return false
		}
		if older(r.of, t.ticket) < 0 {
			return true
		}
		c.skip()
	}
	return false
}

func (c *cursor) skip() {
	if c.up {
		c.tickets = c.tickets[1:]
	} else {
		c.tickets = c.tickets[:len(c.tickets)-1]
	}
}

// next adds the next to what was seen.
func (r *reach) next() {
	c := &r.cursors[0]
	r.seen = append(r.seen, near{c.next().ticket, c.distance})
	c.skip()
	if !r.settle(c) {
		last := len(r.cursors) - 1
		r.cursors[0] = r.cursors[last]
		r.cursors = r.cursors[:last]
	}
	r.down(0)
}

func (r *reach) less(i, j int) bool {
	a, b := &r.cursors[i], &r.cursors[j]
	if a.distance != b.distance {
		return a.distance < b.distance
	}
	return older(a.next().ticket, b.next().ticket) < 0
}

func (r *reach) down(i int) {
	for {
		least := i
		for j := 2*i + 1; j <= 2*i+2 && j < len(r.cursors); j++ {
			if r.less(j, least) {
				least = j
			}
		}
		if least == i {
			return
		}
		r.cursors[i], r.cursors[least] = r.cursors[least], r.cursors[i]
		i = least
	}
}
