package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.UnixMilli(1_800_000_000_000).UTC()

// randomRules are rules of all kinds for small pools.
func randomRules(r *rand.Rand) Rules {
	rules := Rules{Teams: 1 + r.IntN(3), Min: 1 + r.IntN(2), Backfill: r.IntN(3) == 0}
	rules.Max = rules.Min + r.IntN(3)
	if rules.Teams == 1 {
		rules.Max += r.IntN(3)
	}
	rules.Full = time.Duration(r.IntN(3)) * 10 * time.Second
	switch r.IntN(4) {
	case 0:
	case 1:
		rules.Skill = Window{From: 100}
	case 2:
		rules.Skill = Window{From: 50, PerSecond: 7.3, To: 300}
	case 3:
		rules.Skill = Window{PerSecond: 11}
	}
	rules.Regions = [][]string{nil, {"eu", "us"}, {"eu", "us", "asia"}}[r.IntN(3)]
	rules.RegionWait = []time.Duration{0, 15 * time.Second}[r.IntN(2)]
	rules.Properties = [][]string{nil, {"map"}, {"map", "rank"}, {"rank", "bet"}}[r.IntN(4)]
	if r.IntN(3) == 0 {
		rules.Bots = Bots{After: time.Duration(r.IntN(2)) * 20 * time.Second, People: 1 + r.IntN(rules.Teams*rules.Min)}
	}
	if r.IntN(6) == 0 { // nothing but ratings
		rules.Min, rules.Max, rules.Regions, rules.Properties, rules.Backfill = 1, 1, nil, nil, false
		rules.Bots.People = min(rules.Bots.People, rules.Teams)
	}
	return rules
}

func randomTicket(r *rand.Rand, rules Rules, id string, now time.Time) Ticket {
	t := Ticket{ID: id, Since: now}
	if r.IntN(8) == 0 {
		t.Since = now.Add(-time.Duration(r.IntN(30_000)) * time.Millisecond) // comes back
	}
	size := 1
	if r.IntN(3) == 0 {
		size = 1 + r.IntN(rules.filled().Max)
	}
	for i := range size {
		t.Party = append(t.Party, Player{fmt.Sprint(id, ".", i), float64(1500 + r.IntN(600))})
	}
	for _, region := range rules.Regions {
		if r.IntN(2) == 0 {
			t.Regions = append(t.Regions, region)
		}
	}
	t.Properties = randomProperties(r, rules)
	return t
}

func randomProperties(r *rand.Rand, rules Rules) map[string]Property {
	all := map[string]Property{}
	for _, name := range rules.Properties {
		switch low := float64(r.IntN(8)); {
		case r.IntN(3) == 0:
		case name == "map":
			all[name] = Text([]string{"desert", "ice"}[r.IntN(2)])
		default:
			all[name] = Between(low, low+float64(r.IntN(4)))
		}
	}
	return all
}

func randomOpening(r *rand.Rand, rules Rules, room string, now time.Time) Opening {
	o := Opening{Room: room, Since: now.Add(-time.Duration(r.IntN(10)) * time.Second), Properties: randomProperties(r, rules)}
	for range 1 + r.IntN(2) {
		team := OpenTeam{Free: r.IntN(3)}
		for i := range r.IntN(3) {
			team.Players = append(team.Players, Player{fmt.Sprint(room, "-", i), float64(1500 + r.IntN(600))})
		}
		o.Teams = append(o.Teams, team)
	}
	if len(rules.Regions) > 0 && r.IntN(2) == 0 {
		o.Regions = []string{rules.Regions[r.IntN(len(rules.Regions))]}
	}
	return o
}

// Small pools of all kinds of rules live for a while, and after each step everything that Next answers is compared with what the
// documentation says, found the slow way.
func TestNextMakesWhatIsValidAndMissesNothing(t *testing.T) {
	t.Parallel()
	made, waited, rooms, told, early := 0, 0, 0, 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		rules := randomRules(r)
		l := &life{T: t, seed: seed, pool: New(rules), world: newWorld(rules), now: start}
		l.plain = rules.filled().Max == 1 && len(rules.Regions)+len(rules.Properties) == 0 && !rules.Backfill
		for step := range 30 {
			l.step(r, step)
			if t.Failed() {
				t.Fatalf("seed %d, step %d, rules %+v", seed, step, rules)
			}
		}
		made += l.made
		waited += l.waited
		rooms += l.rooms
		told += l.told
		early += l.early
	}
	if told < 50 || early > told/5 {
		t.Errorf("%d of %d times nothing was valid at the moment that was told, though nothing but ratings kept players apart", early, told)
	}
	t.Logf("%d groups, %d of them by waiting alone, %d tickets into rooms; next too early %d of %d times", made, waited, rooms, early, told)
	if made < 1000 || waited < 100 || rooms < 50 {
		t.Errorf("%d groups, %d of them by waiting alone, %d tickets into rooms: too few to have tested anything", made, waited, rooms)
	}
}

// life is a pool and the world that it should agree with.
type life struct {
	*testing.T
	seed                uint64
	pool                *Pool
	world               *world
	now, next           time.Time
	made, waited, rooms int
	plain               bool // nothing can keep players from going together but ratings
	told, early         int  // next ones, of those if nothing was valid then
}

const smallPool = 8 // tickets: what brute force can do

// step changes the pool, or lets time pass, and looks at what Next says.
func (l *life) step(r *rand.Rand, step int) {
	byWaiting := false
	switch {
	case r.IntN(3) == 0:
		if l.next.IsZero() || r.IntN(3) == 0 {
			l.now = l.now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
		} else {
			l.now = l.next
		}
		byWaiting = true
	case r.IntN(10) == 0 && len(l.world.tickets) > 0:
		list := l.world.ordered()
		id := list[r.IntN(len(list))].ID
		if !l.pool.Cancel(id) || l.pool.Cancel(id) {
			l.Errorf("Cancel(%s) did not let go of it once", id)
		}
		delete(l.world.tickets, id)
	case l.world.rules.Backfill && r.IntN(4) == 0:
		o := randomOpening(r, l.world.rules, fmt.Sprint("room", r.IntN(3)), l.now)
		if err := l.pool.Backfill(o); err != nil {
			l.Error(err)
		}
		o.Teams = slices.Clone(o.Teams)
		l.world.rooms[o.Room] = &o
	default:
		for i := range 1 + r.IntN(3) {
			if len(l.world.tickets) == smallPool {
				break
			}
			in := randomTicket(r, l.world.rules, fmt.Sprintf("%d.%d", step, i), l.now)
			if err := l.pool.Add(in); err != nil {
				l.Error(err)
			}
			l.world.tickets[in.ID] = in
		}
	}
	due := byWaiting && !l.next.IsZero() && !l.now.Before(l.next)
	var groups []Group
	groups, l.next = l.pool.Next(l.now)
	l.check(groups)
	if byWaiting {
		l.waited += len(groups)
		if len(groups) > 0 && !due {
			l.Errorf("%d groups at %v, before the %v that was told", len(groups), l.now, l.next)
		}
	}
	l.checkNext()
}

// check plays groups out in the world, one after the other.
func (l *life) check(groups []Group) {
	for _, g := range groups {
		ids := slices.Concat(g.Teams...)
		var all []Ticket
		for _, id := range ids {
			in, ok := l.world.tickets[id]
			if !ok {
				l.Errorf("ticket %s does not wait (any more)", id)
				return
			}
			all = append(all, in)
		}
		if g.Room != "" {
			l.checkRoom(g)
			continue
		}
		slices.SortFunc(all, func(a, b Ticket) int {
			return slices.Index(ids2(l.world.ordered()), a.ID) - slices.Index(ids2(l.world.ordered()), b.ID)
		})
		if why := l.world.valid(all, l.now); why != "" {
			l.Errorf("group %v is not valid: %s", g, why)
		}
		l.checkTeams(g)
		list := l.world.ordered()
		for i, older := range list {
			if older.ID == all[0].ID {
				break
			}
			if could := l.world.group(list, i, l.now); could != nil {
				l.Errorf("group %v was made while %v could have been", g, ids2(could))
			}
		}
		for _, id := range ids {
			delete(l.world.tickets, id)
		}
		l.made++
	}
	list := l.world.ordered()
	for i, in := range list {
		if could := l.world.group(list, i, l.now); could != nil {
			l.Errorf("group %v was missed", ids2(could))
		}
		for _, o := range l.world.rooms {
			if l.world.takes(o, in, l.now) {
				l.Errorf("room %s takes ticket %s, it was missed", o.Room, in.ID)
			}
		}
	}
	if l.pool.Len() != len(list) {
		l.Errorf("%d tickets wait, want %d", l.pool.Len(), len(list))
	}
}

func ids2(list []Ticket) (ids []string) {
	for _, t := range list {
		ids = append(ids, t.ID)
	}
	return ids
}

// checkTeams looks at the teams of a new match, and at what it is told to be about.
func (l *life) checkTeams(g Group) {
	size, oneMore := 0, Ticket{Since: l.now, Properties: g.Properties}
	if g.Region != "" {
		oneMore.Regions = []string{g.Region}
	}
	all := []Ticket{oneMore}
	for i, team := range g.Teams {
		players := 0
		for _, id := range team {
			players += len(l.world.tickets[id].Party)
			all = append(all, l.world.tickets[id])
		}
		if g.Bots != nil {
			players += g.Bots[i]
		}
		if i > 0 && players != size {
			l.Errorf("team %d of %v has %d players, want %d", i, g, players, size)
		}
		size = players
	}
	if len(g.Teams) != l.world.rules.Teams || size < l.world.rules.Min || size > l.world.rules.Max {
		l.Errorf("%d teams of %d", len(g.Teams), size)
	}
	if !l.world.agree(all, l.now) || (g.Region == "") != (len(l.world.rules.Regions) == 0) {
		l.Errorf("%v is for region %q and %v, which not all accept", g, g.Region, g.Properties)
	}
}

// checkRoom puts tickets into a room.
func (l *life) checkRoom(g Group) {
	o := l.world.rooms[g.Room]
	for i, team := range g.Teams {
		for _, id := range team {
			if in := l.world.tickets[id]; !l.world.takes(o, in, l.now) || o.Teams[i].Free < len(in.Party) {
				l.Errorf("room %+v does not take ticket %+v in team %d", o, in, i)
			}
			o.Teams[i].Free -= len(l.world.tickets[id].Party)
			delete(l.world.tickets, id)
			l.rooms++
		}
	}
}

// checkNext looks for what becomes valid by waiting alone: not before next, and by then.
func (l *life) checkNext() {
	valid := func(now time.Time) bool {
		list := l.world.ordered()
		for i, in := range list {
			if l.world.group(list, i, now) != nil {
				return true
			}
			for _, o := range l.world.rooms {
				if l.world.takes(o, in, now) {
					return true
				}
			}
		}
		return false
	}
	if l.next.IsZero() {
		if valid(l.now.Add(MaxTime)) {
			l.Error("nothing is said to become valid by waiting, but something does")
		}
		return
	}
	if !l.next.After(l.now) {
		l.Errorf("next is %v, and it is %v", l.next, l.now)
	}
	if before := l.next.Add(-time.Millisecond); valid(before) {
		l.Errorf("something is valid at %v, before %v", before, l.next)
	}
	if !l.plain {
		return
	}
	if l.told++; !valid(l.next) {
		l.early++
	}
}

// A pool that has lived for long, and so remembers when to look at whom, misses nothing that one would find which has just got the
// same tickets.
func TestALongLifeMissesNothing(t *testing.T) {
	t.Parallel()
	for _, l := range loads() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(5, 5))
			p, now, waiting, made := New(l.rules), start, map[string]Ticket{}, 0
			var due time.Time
			ask := func(i int) {
				var groups []Group
				groups, due = p.Next(now)
				for _, g := range groups {
					made++
					for _, id := range slices.Concat(g.Teams...) {
						delete(waiting, id)
					}
				}
				if i%10 != 0 {
					return
				}
				fresh := New(l.rules)
				for _, in := range waiting {
					if err := fresh.Add(in); err != nil {
						t.Fatal(err)
					}
				}
				if groups, _ := fresh.Next(now); len(groups) > 0 {
					t.Fatalf("after %d tickets, with %d waiting: %v was missed", i, len(waiting), groups[0])
				}
			}
			for i := range 1500 {
				in := l.ticket(r, i, now)
				if r.IntN(20) == 0 {
					in.Since = now.Add(-time.Minute) // comes back
				}
				if err := p.Add(in); err != nil {
					t.Fatal(err)
				}
				waiting[in.ID] = in
				ask(i)
				if gone := fmt.Sprint(r.IntN(i + 1)); r.IntN(10) == 0 && p.Cancel(gone) {
					delete(waiting, gone)
				}
				for coming := now.Add(time.Duration(r.ExpFloat64() * 100 * float64(time.Millisecond))); now.Before(coming); {
					now = coming
					if !due.IsZero() && due.Before(coming) {
						now = due
						ask(i)
					}
				}
			}
			if made < 50 {
				t.Errorf("%d groups: too few to have tested anything", made)
			}
		})
	}
}
