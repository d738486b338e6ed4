package match

import (
	"cmp"
	"slices"
)

// shape is what teams a group may have.
type shape struct {
	size int // players of a team
	bots int
}

// stage is how long the oldest ticket of a group has waited: whether for Rules.Full, and for Bots.After.
type stage struct{ full, bots bool }

// least is the least number of players that a group may have once its oldest ticket has waited for so many milliseconds.
type least struct {
	players int
	after   int64
}

// shapes are those that a group may have in each stage, the best first.
func (r *Rules) shapes() map[stage][]shape {
	all := map[stage][]shape{}
	for _, full := range []bool{false, true} {
		for _, bots := range []bool{false, true} {
			var list []shape
			withBots := bots && r.Bots.People > 0
			for size := r.Max; size >= r.Min; size-- {
				if size == r.Max || full || size == r.Min && withBots {
					list = append(list, shape{size, 0})
				}
			}
			for n := 1; withBots && r.Teams*r.Min-n >= r.Bots.People; n++ {
				list = append(list, shape{r.Min, n})
			}
			all[stage{full, bots}] = list
		}
	}
	return all
}

// starts are in the order of players.
func (r *Rules) starts() []least {
	list := []least{{r.Teams * r.Max, 0}, {r.Teams * r.Min, r.Full.Milliseconds()}}
	if r.Bots.People > 0 {
		list = append(list, least{r.Bots.People, r.Bots.After.Milliseconds()})
	}
	slices.SortFunc(list, func(a, b least) int { return cmp.Compare(a.players, b.players) })
	return list
}

// shapesAt are those that a group may have at a moment whose oldest ticket is t.
func (p *Pool) shapesAt(t *ticket, at int64) []shape {
	wait := at - t.since
	return p.shapes[stage{wait >= p.rules.Full.Milliseconds(), wait >= p.rules.Bots.After.Milliseconds()}]
}
