package match

import "math"

// balance moves tickets between teams so that bots are spread evenly and the teams' mean ratings are close. Two teams of few tickets are
// divided in the best way there is; else tickets, and bots, change places with others of as many players, as long as that
// brings two teams closer together.
func (f *found) balance() {
	if len(f.teams) == 2 && len(f.teams[0])+len(f.teams[1]) <= mostDivided {
		f.divide()
		return
	}
	sides := make([]side, len(f.teams))
	for i, team := range f.teams {
		sides[i].bots = f.size
		for _, t := range team {
			sides[i].add(t, 1)
		}
	}
	for range mostRounds {
		if !f.spread(sides) && !f.swap(sides) {
			return
		}
	}
}

const (
	mostDivided = 12 // tickets of which all divisions into two teams are tried: 2,048
	mostRounds  = 32 // of exchanges between all teams
)

// side is a team's places for bots, its players, and their ratings' sum.
type side struct {
	bots, players int
	sum           float64
}

func (s *side) add(t *ticket, sign int) {
	s.bots -= sign * t.players
	s.players += sign * t.players
	s.sum += float64(sign) * t.sum
}

func (s *side) mean() float64 { return s.sum / float64(max(s.players, 1)) }

// apart is how different two teams are: in bots first, then in means. A team of bots alone is as good as any.
func apart(a, b side) (bots int, mean float64) {
	if a.players > 0 && b.players > 0 {
		mean = math.Abs(a.mean() - b.mean())
	}
	return max(a.bots-b.bots, b.bots-a.bots), mean
}

// better says whether a and b are closer together than before, by more than rounding.
func better(a, b side, bots int, mean float64) bool {
	nowBots, nowMean := apart(a, b)
	return nowBots < bots || nowBots == bots && nowMean < mean-rounding
}

// divide tries all ways to make two teams.
func (f *found) divide() {
	all := f.members()
	teams := [2]side{{bots: f.size}, {bots: f.size}}
	for _, t := range all {
		teams[1].add(t, 1)
	}
	teams[0].add(all[0], 1) // the oldest stays in the first
	teams[1].add(all[0], -1)
	best, bestBots, bestMean := 0, f.size+1, 0.0
	var try func(i, chosen int)
	try = func(i, chosen int) {
		if teams[0].bots < 0 {
			return
		}
		if i == len(all) {
			if teams[1].bots >= 0 && better(teams[0], teams[1], bestBots, bestMean) {
				best = chosen
				bestBots, bestMean = apart(teams[0], teams[1])
			}
			return
		}
		try(i+1, chosen)
		teams[0].add(all[i], 1)
		teams[1].add(all[i], -1)
		try(i+1, chosen|1<<i)
		teams[0].add(all[i], -1)
		teams[1].add(all[i], 1)
	}
	try(1, 1)
	f.teams = make([][]*ticket, 2)
	for i, t := range all {
		team := 1 - best>>i&1
		f.teams[team] = append(f.teams[team], t)
	}
}

// spread moves tickets from teams with few bots to those with more; true: one was.
func (f *found) spread(sides []side) (moved bool) {
	for i := range sides {
		for j := range sides {
			for k := 0; k < len(f.teams[i]); k++ {
				t := f.teams[i][k]
				if sides[j].bots-sides[i].bots <= t.players {
					continue
				}
				sides[i].add(t, -1)
				sides[j].add(t, 1)
				f.teams[i] = append(f.teams[i][:k], f.teams[i][k+1:]...)
				f.teams[j] = append(f.teams[j], t)
				moved = true
				k--
			}
		}
	}
	return moved
}

// swap has tickets of equally many players change places; true: two did.
func (f *found) swap(sides []side) (swapped bool) {
	for i := range sides {
		for j := range i {
			for k, a := range f.teams[i] {
				for l, b := range f.teams[j] {
					if a.players != b.players {
						continue
					}
					bots, mean := apart(sides[i], sides[j])
					first, second := sides[i], sides[j]
					first.sum += b.sum - a.sum
					second.sum += a.sum - b.sum
					if better(first, second, bots, mean) {
						sides[i], sides[j] = first, second
						f.teams[i][k], f.teams[j][l] = b, a
						swapped = true
						break
					}
				}
			}
		}
	}
	return swapped
}
