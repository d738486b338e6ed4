package match

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const standing = 10_000 // tickets that wait

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
// regions, one in five any map.
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
		if r.IntN(5) > 0 {
			t.Properties["map"] = Text(loadMaps[r.IntN(len(loadMaps))])
		}
		if low := float64(10 * r.IntN(10)); low < 50 {
			t.Properties["bet"] = Between(low, low+50)
		}
	}
	return t
}

// 10,000 tickets come at once, and are matched as far as they can be.
func BenchmarkCrowd(b *testing.B) {
	for _, l := range loads() {
		b.Run(l.name, func(b *testing.B) {
			matched := 0
			for b.Loop() {
				r := rand.New(rand.NewPCG(1, 1))
				p := New(l.rules)
				for i := range standing {
					if err := p.Add(l.ticket(r, i, start)); err != nil {
						b.Fatal(err)
					}
				}
				groups, _ := p.Next(start)
				for _, g := range groups {
					for _, team := range g.Teams {
						matched += len(team)
					}
				}
			}
			b.ReportMetric(float64(matched)/b.Elapsed().Seconds(), "tickets/s")
		})
	}
}

// 10,000 tickets wait, and each that is matched is replaced by another: Next is asked after each that comes, and time goes by only when
// 10,000 wait. An operation is a ticket that comes.
func BenchmarkStanding(b *testing.B) {
	for _, l := range loads()[1:] {
		if len(l.rules.Regions) == 0 {
			continue // 10,000 who all go together do not wait
		}
		b.Run(l.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			p, now, n, matched, asked := New(l.rules), start, 0, 0, 0
			next := func() (due time.Time) {
				var groups []Group
				groups, due = p.Next(now)
				asked++
				for _, g := range groups {
					for _, team := range g.Teams {
						matched += len(team)
					}
				}
				return due
			}
			come := func() {
				for p.Len() >= standing {
					now = next()
				}
				n++
				now = now.Add(200 * time.Microsecond)
				if err := p.Add(l.ticket(r, n, now)); err != nil {
					b.Fatal(err)
				}
				next()
			}
			for p.Len() < standing {
				come()
			}
			matched, asked = 0, 0
			began := now
			for b.Loop() {
				come()
			}
			b.ReportMetric(float64(matched)/b.Elapsed().Seconds(), "tickets/s")
			b.ReportMetric(float64(asked)/float64(b.N), "asked/op")
			b.ReportMetric(float64(b.N)/now.Sub(began).Seconds(), "virtual/s")
		})
	}
}
