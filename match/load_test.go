package match

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// load is a mode and those who want to play it.
type load struct {
	name    string
	rules   Rules
	parties bool
}

func loads() []load {
	maps := Rules{Regions: []string{"eu", "us", "asia"}, Properties: []string{"map", "bet"}}
	duel, squad := maps, maps
	duel.Skill = Window{From: 2, PerSecond: 2, To: 300}
	squad.Skill = Window{From: 20, PerSecond: 5, To: 300}
	squad.Min, squad.RegionWait = 5, 30*time.Second
	plain := Rules{Min: 5, Skill: Window{From: 100, PerSecond: 10, To: 500}}
	return []load{
		{"1v1", Rules{Skill: Window{From: 100}}, false},
		{"1v1 regions properties", duel, false},
		{"5v5 parties", plain, true},
		{"5v5 parties regions properties", squad, true},
	}
}

var loadMaps = func() (names []string) {
	for i := range 100 {
		names = append(names, fmt.Sprint("map", i))
	}
	return names
}()

// ticket is one of a population: ratings normal 1500/350, with parties 20 % of tickets are two to five players, half accept two
// regions, one in twenty any map.
func (l *load) ticket(r *rand.Rand, n int, now time.Time) Ticket {
	t := Ticket{ID: fmt.Sprint(n), Since: now}
	size := 1
	if l.parties && r.IntN(5) == 0 {
		size = 2 + r.IntN(4)
	}
	for i := range size {
		t.Party = append(t.Party, Player{fmt.Sprint(n, ".", i), 1500 + 350*r.NormFloat64()})
	}
	if regions := l.rules.Regions; len(regions) > 0 {
		first := r.IntN(len(regions))
		t.Regions = append(t.Regions, regions[first])
		if r.IntN(2) == 0 {
			t.Regions = append(t.Regions, regions[(first+1)%len(regions)])
		}
	}
	if len(l.rules.Properties) > 0 {
		t.Properties = map[string]Property{}
		if r.IntN(20) > 0 {
			t.Properties["map"] = Text(loadMaps[r.IntN(len(loadMaps))])
		}
		if low := float64(10 * r.IntN(10)); low < 50 {
			t.Properties["bet"] = Between(low, low+50)
		}
	}
	return t
}
