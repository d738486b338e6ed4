package match

import "slices"

// pack makes teams of the oldest and the first of list that fill them, parties whole; nil: there is no way.
func (s *search) pack(list []*ticket) [][]*ticket {
	var bySize [MaxPlayers + 1][]*ticket
	var left [MaxPlayers + 1]int
	for _, t := range list {
		bySize[t.players] = append(bySize[t.players], t)
		left[t.players]++
	}
	left[1] += s.bots
	sizes := make([][]int, s.rules.Teams)
	var fill func(team, room, most int) bool
	fill = func(team, room, most int) bool {
		if room == 0 {
			if team++; team == s.rules.Teams {
				return true
			}
			room, most = s.size, s.size
		}
		for size := min(room, most); size > 0; size-- {
			if left[size] == 0 {
				continue
			}
			left[size]--
			sizes[team] = append(sizes[team], size)
			if fill(team, room-size, size) {
				return true
			}
			left[size]++
			sizes[team] = sizes[team][:len(sizes[team])-1]
		}
		return false
	}
	room := s.size - s.oldest.players
	if room < 0 || !fill(0, room, room) {
		return nil
	}
	teams := make([][]*ticket, s.rules.Teams)
	teams[0] = append(teams[0], s.oldest)
	for i, of := range sizes {
		for _, size := range of {
			if len(bySize[size]) > 0 { // else it is a bot
				teams[i] = append(teams[i], bySize[size][0])
				bySize[size] = bySize[size][1:]
			}
		}
	}
	return teams
}

// group is what was found, with its teams balanced.
func (p *Pool) group(f *found) Group {
	g := Group{Region: p.region(f)}
	for _, team := range f.teams {
		ids := []string{}
		players := 0
		for _, t := range team {
			ids = append(ids, t.id)
			players += t.players
		}
		g.Teams = append(g.Teams, ids)
		g.Bots = append(g.Bots, f.size-players)
	}
	if !slices.ContainsFunc(g.Bots, func(n int) bool { return n > 0 }) {
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
	if len(p.rules.Regions) == 0 {
		return ""
	}
	for _, name := range slices.Concat(f.oldest.prefers, p.rules.Regions) {
		if f.space.regions&(1<<slices.Index(p.rules.Regions, name)) != 0 {
			return name
		}
	}
	return ""
}
