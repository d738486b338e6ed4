package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/madang-games/madang/match"
)

const (
	lasts   = 10 * time.Minute // a match: so many come back in that time
	patient = 5 * time.Minute  // a player, before giving up
	teams   = 2
	inTeam  = 5
	settled = 0.1 // of the tickets come before anything counts
)

// one is a ticket that came.
type one struct {
	party    int
	rating   float64
	came     time.Time
	wait     float64 // seconds
	distance float64 // of its rating from the mean of its match
	matched  bool
}

// result is how a population fared.
type result struct {
	tickets []*one
	gaps    []float64 // between the means of a match's teams
}

// simulate has players come at random (a Poisson process) as often as a population of that size would: ratings are normal, 1500/350;
// one ticket in five is a party of two to five of about the same rating; there are three regions, three tickets in ten accept
// a second one, and after 60 s all accept all.
func simulate(population int, skill match.Window, players int, seed uint64) result {
	r := rand.New(rand.NewPCG(seed, uint64(population)))
	rate := float64(population) / lasts.Seconds()
	pool := match.New(match.Rules{
		Teams: teams, Min: inTeam, Skill: skill, Regions: []string{"a", "b", "c"}, RegionWait: time.Minute, MaxWait: patient,
	})
	all, inPool := result{}, map[string]*one{}
	now := time.Unix(1_800_000_000, 0)
	var due time.Time
	ask := func() {
		for _, id := range pool.Expired(now) {
			inPool[id].wait = now.Sub(inPool[id].came).Seconds()
			delete(inPool, id)
		}
		var groups []match.Group
		groups, due = pool.Next(now)
		for _, g := range groups {
			all.played(g, inPool, now, len(all.tickets) > int(settled*float64(players)))
		}
	}
	for came := 0; came < players; {
		t, o := ticket(r, came)
		came += o.party
		coming := now.Add(time.Duration(r.ExpFloat64() / rate * float64(o.party) * float64(time.Second)))
		for !due.IsZero() && due.Before(coming) {
			now = due
			ask()
		}
		now, t.Since, o.came = coming, coming, coming
		if err := pool.Add(t); err != nil {
			panic(err)
		}
		inPool[t.ID] = o
		all.tickets = append(all.tickets, o)
		ask()
	}
	first := int(settled * float64(len(all.tickets)))
	all.tickets = slices.DeleteFunc(all.tickets[first:], func(o *one) bool { return !o.matched && o.wait == 0 }) // still waiting
	return all
}

func ticket(r *rand.Rand, n int) (match.Ticket, *one) {
	t := match.Ticket{ID: fmt.Sprint(n)}
	o := &one{party: 1}
	if r.IntN(5) == 0 {
		o.party = 2 + r.IntN(inTeam-1)
	}
	mean := 1500 + 350*r.NormFloat64()
	for i := range o.party {
		rating := mean
		if o.party > 1 {
			rating += 100 * r.NormFloat64()
		}
		t.Party = append(t.Party, match.Player{User: fmt.Sprint(n, ".", i), Rating: rating})
		o.rating += rating / float64(o.party)
	}
	region := []string{"a", "a", "a", "a", "a", "b", "b", "b", "c", "c"}
	t.Regions = []string{region[r.IntN(len(region))]}
	if second := region[r.IntN(len(region))]; second != t.Regions[0] && r.IntN(2) == 0 {
		t.Regions = append(t.Regions, second)
	}
	return t, o
}

// played notes a match.
func (r *result) played(g match.Group, inPool map[string]*one, now time.Time, counts bool) {
	var means [teams]float64
	for i, team := range g.Teams {
		for _, id := range team {
			means[i] += inPool[id].rating * float64(inPool[id].party) / inTeam
		}
	}
	if counts {
		r.gaps = append(r.gaps, math.Abs(means[0]-means[1]))
	}
	for _, team := range g.Teams {
		for _, id := range team {
			o := inPool[id]
			o.matched, o.wait = true, now.Sub(o.came).Seconds()
			o.distance = math.Abs(o.rating - (means[0]+means[1])/teams)
			delete(inPool, id)
		}
	}
}

func everyone(*one) bool  { return true }
func parties(o *one) bool { return o.party > 1 }

// waits are the seconds of those whom of takes, also of those who gave up.
func (r *result) waits(of func(*one) bool) (list []float64) {
	for _, o := range r.tickets {
		if of(o) {
			list = append(list, o.wait)
		}
	}
	return list
}

func (r *result) distances() (list []float64) {
	for _, o := range r.tickets {
		if o.matched {
			list = append(list, o.distance)
		}
	}
	return list
}

// gaveUp is the share of those who did.
func (r *result) gaveUp() float64 {
	n := 0
	for _, o := range r.tickets {
		if !o.matched {
			n++
		}
	}
	return float64(n) / float64(max(len(r.tickets), 1))
}

// point is tickets that waited about as long.
type point struct{ wait, distance float64 }

const fewest = 50 // tickets of a point

// byWait is how far the tickets' ratings are from the mean of their match (the median) against how long they waited.
func (r *result) byWait() (points []point) {
	for low := 0.5; low < patient.Seconds(); low *= 2 {
		var list []float64
		for _, o := range r.tickets {
			if o.matched && o.wait >= low && o.wait < 2*low || o.matched && low == 0.5 && o.wait < low {
				list = append(list, o.distance)
			}
		}
		if len(list) >= fewest {
			points = append(points, point{low * math.Sqrt2, quantile(list, 0.5)})
		}
	}
	return points
}

// quantile of a list, which it sorts; 0 of none.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[int(q*float64(len(list)-1))]
}
