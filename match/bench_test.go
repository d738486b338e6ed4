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

// 10,000 tickets come at once, and are matched as far as they can be.
func BenchmarkCrowd(b *testing.B) {
	for _, l := range loads() {
		b.Run(l.name, func(b *testing.B) {
			matched := 0
			for b.Loop() {
				c := crowd{load: l, pool: New(l.rules), rand: rand.New(rand.NewPCG(1, 1)), now: start}
				for range standing {
					c.come(b)
				}
				c.next()
				matched += c.matched
			}
			b.ReportMetric(float64(matched)/b.Elapsed().Seconds(), "tickets/s")
		})
	}
}

// 10,000 tickets wait, and each that is matched is replaced by another: Next is asked after each that comes, and time goes by only when
// 10,000 wait. An operation is a ticket that comes.
func BenchmarkStanding(b *testing.B) {
	for _, l := range loads() {
		if len(l.rules.Regions) == 0 {
			continue // 10,000 who all go together do not wait
		}
		b.Run(l.name, func(b *testing.B) {
			c := crowd{load: l, pool: New(l.rules), rand: rand.New(rand.NewPCG(1, 1)), now: start}
			for c.pool.Len() < standing {
				for c.pool.Len() < standing {
					c.come(b)
				}
				c.next()
			}
			c.matched = 0
			for b.Loop() {
				c.come(b)
				for c.next(); c.pool.Len() >= standing; c.next() {
					c.now = c.due
				}
			}
			b.ReportMetric(float64(c.matched)/b.Elapsed().Seconds(), "tickets/s")
		})
	}
}

// crowd is a pool and those who come.
type crowd struct {
	load
	pool     *Pool
	rand     *rand.Rand
	now, due time.Time
	came     int
	matched  int
}

func (c *crowd) come(b *testing.B) {
	c.came++
	c.now = c.now.Add(20 * time.Microsecond)
	if err := c.pool.Add(c.ticket(c.rand, c.came, c.now)); err != nil {
		b.Fatal(err)
	}
}

func (c *crowd) next() {
	var groups []Group
	groups, c.due = c.pool.Next(c.now)
	for _, g := range groups {
		for _, team := range g.Teams {
			c.matched += len(team)
		}
	}
}
