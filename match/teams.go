package match

import "slices"

// packing finds how parties fit into teams. It is memory that is used again and again.
type packing struct {
	sizes []int   // how many parties of that many players there are
	teams [][]int // the sizes of each team's
	size  int     // players of a team
	steps int     // that are left
}

func newPacking(r *Rules) packing {
	return packing{sizes: make([]int, r.Max+1), teams: make([][]int, r.Teams)}
}

// fits says whether the sizes, and bots, fill teams; also when it could not find out.
func (p *packing) fits(s shape) bool {
	p.begin(s)
	ok := p.fill(0, p.size, p.size)
	if !ok {
		p.sizes[1] -= s.bots // as before
	}
	return ok || p.steps < 0
}

func (p *packing) begin(s shape) {
	p.sizes[1] += s.bots
	p.size, p.steps = s.size, mostSteps
	for i := range p.teams {
		p.teams[i] = p.teams[i][:0]
	}
}

// fill fills teams from one on that has room for some players more, in parties of at most so many. The largest come first, so that
// those are left that are easy to place.
func (p *packing) fill(team, room, most int) bool {
	if p.steps--; p.steps < 0 {
		return false
	}
	if room == 0 {
		if team++; team == len(p.teams) {
			return true
		}
		room, most = p.size, p.size
	}
	for size := min(room, most); size > 0; size-- {
		if p.sizes[size] == 0 {
			continue
		}
		p.sizes[size]--
		p.teams[team] = append(p.teams[team], size)
		if p.fill(team, room-size, size) {
			return true
		}
		p.sizes[size]++
		p.teams[team] = p.teams[team][:len(p.teams[team])-1]
	}
	return false
}

// pack makes teams of the oldest and the first of list that fill them; nil: there is no way.
func (p *packing) pack(s *search, list []*ticket) [][]*ticket {
	clear(p.sizes)
	for _, t := range list {
		p.sizes[t.players]++
	}
	p.begin(s.shape)
	p.steps = s.steps
	room := p.size - s.oldest.players
	ok := room >= 0 && p.fill(0, room, room)
	s.steps = p.steps
	if !ok {
		return nil
	}
	teams := make([][]*ticket, len(p.teams))
	teams[0] = append(teams[0], s.oldest)
	for _, t := range list {
		for i, sizes := range p.teams {
			if j := slices.Index(sizes, t.players); j >= 0 {
				teams[i] = append(teams[i], t)
				p.teams[i] = slices.Delete(sizes, j, j+1)
				break
			}
		}
	}
	return teams // what is left of p.teams are bots
}

// group is what was found, with its teams balanced.
func (p *Pool) group(f *found) Group {
	f.balance()
	g := Group{Region: p.region(f)}
	bots := false
	for _, team := range f.teams {
		ids := []string{}
		missing := f.size
		for _, t := range team {
			ids = append(ids, t.id)
			missing -= t.players
		}
		g.Teams = append(g.Teams, ids)
		g.Bots = append(g.Bots, missing)
		bots = bots || missing > 0
	}
	if !bots {
		g.Bots = nil
	}
	for i, name := range p.rules.Properties {
		if f.space.props[i].kind != 0 {
			if g.Properties == nil {
				g.Properties = map[string]Property{}
			}
			g.Properties[name] = f.space.props[i]
		}
	}
	return g
}

// region is the one that the oldest likes best of those that all accept.
func (p *Pool) region(f *found) string {
	for _, name := range slices.Concat(f.oldest.prefers, p.rules.Regions) {
		if f.space.regions&(1<<slices.Index(p.rules.Regions, name)) != 0 {
			return name
		}
	}
	return ""
}
