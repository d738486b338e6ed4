package interest

import "cmp"

// View is what one viewer sees of a Grid, and how that differs from what it saw before. Its zero value has seen nothing. It belongs to the one
// Grid that it looks at.
type View[K cmp.Ordered] struct {
	// What the latest Look found, each in the order in which the objects were first put: all that is in view; of it what was not in view
	// before, and what was and has changed; and what is in view no more, whether it has moved or is gone. The next Look overwrites them. They do not
	// go through JSON.
	Seen, Came, Changed, Left []K

	sights, before []sight[K]
	clock          uint64 // the grid's, at the latest Look
}

type sight[K cmp.Ordered] struct {
	born uint64
	key  K
}

// Look sees what is at most r away from x, y, as [Grid.Near] does, and reports whether anything is another than at the Look before.
func (v *View[K]) Look(g *Grid[K], x, y, r float64) bool {
	v.Seen, v.Came, v.Changed, v.Left = v.Seen[:0], v.Came[:0], v.Changed[:0], v.Left[:0]
	v.sights, v.before = v.before[:0], v.sights
	old := v.before
	for _, f := range g.near(x, y, r) {
		o := &g.objects[slotOf(f)]
		v.sights = append(v.sights, sight[K]{o.born, o.key})
		v.Seen = append(v.Seen, o.key)
		for len(old) > 0 && old[0].born < o.born {
			v.Left = append(v.Left, old[0].key)
			old = old[1:]
		}
		switch {
		case len(old) == 0 || old[0].born != o.born:
			v.Came = append(v.Came, o.key)
			continue
		case o.changed > v.clock:
			v.Changed = append(v.Changed, o.key)
		}
		old = old[1:]
	}
	for _, s := range old {
		v.Left = append(v.Left, s.key)
	}
	v.clock = g.clock
	return len(v.Came)+len(v.Changed)+len(v.Left) > 0
}
