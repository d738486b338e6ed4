package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// solo is a player alone who has waited for that long.
func solo(id string, rating float64, waited time.Duration) Ticket {
	return party(id, waited, rating)
}

func party(id string, waited time.Duration, ratings ...float64) Ticket {
	t := Ticket{ID: id, Since: start.Add(-waited)}
	for i, rating := range ratings {
		t.Party = append(t.Party, Player{fmt.Sprint(id, ".", i), rating})
	}
	return t
}

// next adds tickets to a pool and asks it.
func next(t *testing.T, p *Pool, tickets ...Ticket) (teams [][][]string, due time.Duration) {
	t.Helper()
	for _, ticket := range tickets {
		if err := p.Add(ticket); err != nil {
			t.Fatal(err)
		}
	}
	groups, at := p.Next(start)
	for _, g := range groups {
		teams = append(teams, g.Teams)
	}
	if !at.IsZero() {
		due = at.Sub(start)
	}
	return teams, due
}

func wantTeams(t *testing.T, got [][][]string, want string) {
	t.Helper()
	if fmt.Sprint(got) != want {
		t.Errorf("teams are %v, want %s", got, want)
	}
}

func TestTheOldestPlaysWithWhoIsClosest(t *testing.T) {
	t.Parallel()
	got, _ := next(t, New(Rules{Skill: Window{From: 100}}),
		solo("a", 1500, 3*time.Second), solo("b", 1580, 2*time.Second), solo("c", 1450, time.Second), solo("d", 1560, 0))
	wantTeams(t, got, "[[[a] [c]] [[b] [d]]]")
}

func TestTheWindowOfTheOldestWidensUntilItsEnd(t *testing.T) {
	t.Parallel()
	rules := Rules{Skill: Window{From: 50, PerSecond: 10, To: 150}}
	got, due := next(t, New(rules), solo("a", 1500, 2*time.Second), solo("b", 1600, 0))
	if wantTeams(t, got, "[]"); due != 3*time.Second {
		t.Errorf("next is after %v, want 3s: when a has waited for five", due)
	}
	got, due = next(t, New(rules), solo("a", 1500, time.Hour), solo("b", 1651, 0))
	if wantTeams(t, got, "[]"); due != 0 {
		t.Errorf("next is after %v, want never", due)
	}
}

func TestWhoHasJustComeIsTakenByWhoHasWaitedLong(t *testing.T) {
	t.Parallel()
	// Newcomers who are close to each other keep coming: the one who is far off is not passed over for ever.
	p := New(Rules{Skill: Window{From: 20, PerSecond: 10}})
	if err := p.Add(solo("far", 2000, 0)); err != nil {
		t.Fatal(err)
	}
	for second := range 60 {
		for i := range 2 {
			in := solo(fmt.Sprint(second, ".", i), 1500+float64(i), -time.Duration(second)*time.Second)
			if err := p.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		groups, _ := p.Next(start.Add(time.Duration(second) * time.Second))
		if slices.Contains(slices.Concat(groups[0].Teams...), "far") {
			if second != 48 { // 20 + 48*10 = 500 reaches 1501 first
				t.Errorf("matched after %d s, want 48", second)
			}
			return
		}
	}
	t.Error("far was never matched")
}

func TestPartiesStayTogether(t *testing.T) {
	t.Parallel()
	p := New(Rules{Min: 3})
	got, _ := next(t, p, party("a", 5*time.Second, 1500, 1500), party("b", 4*time.Second, 1500, 1500), party("c", 3*time.Second, 1500, 1500))
	wantTeams(t, got, "[]")
	got, _ = next(t, p, solo("d", 1500, 0), solo("e", 1500, 0))
	wantTeams(t, got, "[[[a e] [d b]]]")
}

func TestTeamsAreFewerAfterAWait(t *testing.T) {
	t.Parallel()
	rules := Rules{Min: 1, Max: 2, Full: 10 * time.Second}
	p := New(rules)
	got, due := next(t, p, solo("a", 1, 4*time.Second), solo("b", 2, 0), solo("c", 3, 0))
	if wantTeams(t, got, "[]"); due != 6*time.Second {
		t.Errorf("next is after %v, want 6s", due)
	}
	groups, _ := p.Next(start.Add(6 * time.Second))
	if len(groups) != 1 || fmt.Sprint(groups[0].Teams) != "[[a] [b]]" {
		t.Errorf("groups are %v, want one of a and b", groups)
	}
}

func TestBotsFillWhatIsMissingEvenly(t *testing.T) {
	t.Parallel()
	p := New(Rules{Min: 3, Bots: Bots{After: 5 * time.Second, People: 2}})
	if got, due := next(t, p, solo("a", 1500, 0), solo("b", 1500, 0), solo("c", 1500, 0), solo("d", 1500, 0)); got != nil || due != 5*time.Second {
		t.Errorf("groups are %v, next is after %v; want none, 5s", got, due)
	}
	groups, _ := p.Next(start.Add(5 * time.Second))
	if len(groups) != 1 || !slices.Equal(groups[0].Bots, []int{1, 1}) || len(groups[0].Teams[0]) != 2 {
		t.Errorf("groups are %v, want two against two with a bot each", groups)
	}
}

func TestARegionOfAllIsChosenThatTheOldestLikesBest(t *testing.T) {
	t.Parallel()
	rules := Rules{Regions: []string{"eu", "us", "asia"}, RegionWait: 10 * time.Second}
	in := func(id string, waited time.Duration, regions ...string) Ticket {
		t := solo(id, 1500, waited)
		t.Regions = regions
		return t
	}
	for _, c := range []struct {
		a, b Ticket
		want string
		due  time.Duration
	}{
		{in("a", 1, "us", "eu"), in("b", 0, "eu", "us"), "us", 0},
		{in("a", 1), in("b", 0, "asia", "us"), "us", 0},
		{in("a", 4*time.Second, "eu"), in("b", 0, "us"), "", 6 * time.Second},
		{in("a", 10*time.Second, "eu"), in("b", 0, "us"), "us", 0},
	} {
		p := New(rules)
		for _, ticket := range []Ticket{c.a, c.b} {
			if err := p.Add(ticket); err != nil {
				t.Fatal(err)
			}
		}
		groups, due := p.Next(start)
		got := ""
		if len(groups) > 0 {
			got = groups[0].Region
		}
		if got != c.want || c.due > 0 && due.Sub(start) != c.due {
			t.Errorf("%v with %v: region %q, next at %v; want %q, after %v", c.a.Regions, c.b.Regions, got, due, c.want, c.due)
		}
	}
}

func TestRoomsArePreferred(t *testing.T) {
	t.Parallel()
	p := New(Rules{Backfill: true, Skill: Window{From: 100}})
	room := Opening{Room: "r", Teams: []OpenTeam{{Free: 1}, {Free: 2, Players: []Player{{"x", 1550}}}}, Since: start}
	if err := p.Backfill(room); err != nil {
		t.Fatal(err)
	}
	for _, in := range []Ticket{solo("a", 1500, 3), solo("b", 1500, 2), solo("c", 1600, 1), solo("d", 1600, 0)} {
		if err := p.Add(in); err != nil {
			t.Fatal(err)
		}
	}
	groups, _ := p.Next(start)
	if want := "[{r [[c] [a b]] []  map[]}]"; fmt.Sprint(groups) != want || p.Len() != 1 {
		t.Errorf("groups are %v, want %s", groups, want)
	}
	room.Teams = nil
	if err := p.Backfill(room); err != nil || len(p.rooms) != 0 {
		t.Errorf("%v; %d rooms are left, want none", err, len(p.rooms))
	}
}

func TestTicketsExpire(t *testing.T) {
	t.Parallel()
	p := New(Rules{MaxWait: 30 * time.Second})
	if _, due := next(t, p, solo("a", 1, 10*time.Second)); due != 20*time.Second {
		t.Errorf("next is after %v, want 20s", due)
	}
	if ids := p.Expired(start.Add(20*time.Second - time.Millisecond)); ids != nil {
		t.Errorf("%v expired early", ids)
	}
	if ids := p.Expired(start.Add(20 * time.Second)); !slices.Equal(ids, []string{"a"}) || p.Len() != 0 {
		t.Errorf("%v expired, want a", ids)
	}
}

func TestTwoTeamsAreDividedInTheBestWay(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := New(Rules{Min: 4})
		ratings := map[string]float64{}
		for i := 0; p.Len() < 8; i++ {
			in := solo(fmt.Sprint(i), float64(1000+r.IntN(1000)), 0)
			ratings[in.ID] = in.Party[0].Rating
			if err := p.Add(in); err != nil {
				t.Fatal(err)
			}
		}
		groups, _ := p.Next(start)
		sum := func(ids []string) (sum float64) {
			for _, id := range ids {
				sum += ratings[id]
			}
			return sum
		}
		total := sum(groups[0].Teams[0]) + sum(groups[0].Teams[1])
		got, best := math.Abs(total-2*sum(groups[0].Teams[0])), math.Inf(1)
		for chosen := range 1 << 8 {
			var ids []string
			for i := range 8 {
				if chosen&(1<<i) != 0 {
					ids = append(ids, fmt.Sprint(i))
				}
			}
			if len(ids) == 4 {
				best = min(best, math.Abs(total-2*sum(ids)))
			}
		}
		if got > best+1 {
			t.Errorf("teams are %g apart, want %g", got, best)
		}
	}
}

func TestNoExchangeBringsTeamsCloser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 3))
	for range 50 {
		p := New(Rules{Teams: 4, Min: 5})
		in := map[string]Ticket{}
		for i := range 60 {
			size := 1 + r.IntN(3)*r.IntN(2)
			var ratings []float64
			for range size {
				ratings = append(ratings, float64(1000+r.IntN(1000)))
			}
			one := party(fmt.Sprint(i), 0, ratings...)
			in[one.ID] = one
			if err := p.Add(one); err != nil {
				t.Fatal(err)
			}
		}
		groups, _ := p.Next(start)
		if len(groups) < 2 {
			t.Fatalf("%d groups, want at least 2", len(groups))
		}
		for _, g := range groups {
			mean := func(ids []string) float64 {
				sum := 0.0
				for _, id := range ids {
					sum += float64(len(in[id].Party)) * meanOf(in[id])
				}
				return sum / 5
			}
			for i, a := range g.Teams {
				for _, b := range g.Teams[:i] {
					before := math.Abs(mean(a) - mean(b))
					for k := range a {
						for l := range b {
							if len(in[a[k]].Party) != len(in[b[l]].Party) {
								continue
							}
							a[k], b[l] = b[l], a[k]
							if after := math.Abs(mean(a) - mean(b)); after < before-1 {
								t.Errorf("teams are %g apart, and %g with an exchange", before, after)
							}
							a[k], b[l] = b[l], a[k]
						}
					}
				}
			}
		}
	}
}

func meanOf(t Ticket) float64 { return mean(t.Party) }

func TestTheSameCallsGiveTheSameGroups(t *testing.T) {
	t.Parallel()
	play := func() (all []Group) {
		l := loads()[3]
		r := rand.New(rand.NewPCG(7, 7))
		p, now := New(l.rules), start
		for i := range 3000 {
			if err := p.Add(l.ticket(r, i, now)); err != nil {
				t.Fatal(err)
			}
			now = now.Add(50 * time.Millisecond)
			groups, _ := p.Next(now)
			all = append(all, groups...)
		}
		return all
	}
	first, second := play(), play()
	if len(first) < 100 || !reflect.DeepEqual(first, second) {
		t.Errorf("%d groups, then %d, or others", len(first), len(second))
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	rules := Rules{Min: 2, Regions: []string{"eu"}, Properties: []string{"map"}}
	long := strings.Repeat("x", 200)
	with := func(change func(*Ticket)) Ticket {
		in := solo("a", 1, 0)
		change(&in)
		return in
	}
	for name, in := range map[string]Ticket{
		"no id":            with(func(t *Ticket) { t.ID = "" }),
		"long id":          with(func(t *Ticket) { t.ID = long }),
		"nobody":           with(func(t *Ticket) { t.Party = nil }),
		"large party":      party("a", 0, 1, 2, 3),
		"twice":            with(func(t *Ticket) { t.Party = append(t.Party, t.Party[0]) }),
		"no user":          with(func(t *Ticket) { t.Party[0].User = "" }),
		"no number":        solo("a", math.NaN(), 0),
		"too good":         solo("a", MaxRating+1, 0),
		"unknown region":   with(func(t *Ticket) { t.Regions = []string{"us"} }),
		"region twice":     with(func(t *Ticket) { t.Regions = []string{"eu", "eu"} }),
		"unknown property": with(func(t *Ticket) { t.Properties = map[string]Property{"colour": Text("red")} }),
		"no property":      with(func(t *Ticket) { t.Properties = map[string]Property{"map": {}} }),
		"long text":        with(func(t *Ticket) { t.Properties = map[string]Property{"map": Text(long)} }),
		"empty range":      with(func(t *Ticket) { t.Properties = map[string]Property{"map": Between(2, 1)} }),
		"no range":         with(func(t *Ticket) { t.Properties = map[string]Property{"map": Between(math.NaN(), 1)} }),
	} {
		p := New(rules)
		if err := p.Add(in); !errors.Is(err, ErrTicket) || p.Len() != 0 {
			t.Errorf("%s: Add gives %v, want ErrTicket", name, err)
		}
	}
	const want = "a party of 3 does not fit into a team of 2"
	if err := errors.Unwrap(rules.CheckTicket(party("a", 0, 1, 2, 3))); err == nil || err.Error() != want {
		t.Errorf("the reason alone is %q, want %q", err, want)
	}
	p := New(rules)
	if err := errors.Join(p.Add(solo("a", 1, 0)), p.Add(solo("a", 1, 0))); !errors.Is(err, ErrHere) {
		t.Errorf("the second Add gives %v, want ErrHere", err)
	}
	if err := p.Backfill(Opening{Room: "r", Teams: []OpenTeam{{Free: 1}}}); !errors.Is(err, ErrTicket) {
		t.Errorf("Backfill gives %v, want ErrTicket: the rules know none", err)
	}
}

func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]Rules{
		"max below min":     {Min: 3, Max: 2},
		"too many players":  {Teams: 65, Min: 2},
		"negative":          {Teams: -1},
		"no number":         {Skill: Window{From: math.NaN()}},
		"window shrinks":    {Skill: Window{From: 100, To: 50}},
		"window stands":     {Skill: Window{From: 100, PerSecond: 1e-9}},
		"negative time":     {Full: -1},
		"long time":         {RegionWait: MaxTime + 1},
		"region twice":      {Regions: []string{"eu", "eu"}},
		"no name":           {Properties: []string{""}},
		"too many names":    {Properties: make([]string, MaxProperties+1)},
		"more people":       {Bots: Bots{People: 3}},
		"fewer than nobody": {Bots: Bots{People: -1}},
	} {
		if err := rules.Check(); err == nil {
			t.Errorf("%s: Check finds nothing wrong", name)
		}
	}
	if err := (Rules{}).Check(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func TestAPoolIsBounded(t *testing.T) {
	t.Parallel()
	p := New(Rules{Min: 2})
	for i := range MaxTickets {
		if err := p.Add(solo(fmt.Sprint(i), float64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Add(solo("one more", 1, 0)); !errors.Is(err, ErrFull) {
		t.Errorf("Add gives %v, want ErrFull", err)
	}
}

func TestPropertiesInJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Property{
		`"desert"`:          Text("desert"),
		`5`:                 Between(5, 5),
		`{"min":3,"max":7}`: Between(3, 7),
		`{"min":3}`:         Between(3, math.Inf(1)),
		`{"max":-1.5}`:      Between(math.Inf(-1), -1.5),
		`{}`:                Between(math.Inf(-1), math.Inf(1)),
	} {
		var got Property
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %v, %v; want %v", text, got, err, want)
		}
		if back, err := json.Marshal(got); err != nil || string(back) != text {
			t.Errorf("%v is written as %s, %v; want %s", got, back, err, text)
		}
	}
	for _, text := range []string{`null`, `""`, `true`, `[1]`, `{"min":"a"}`, `{"min":2,"max":1}`, `{"least":1}`, `1e999`, `"` + strings.Repeat("x", 65) + `"`} {
		var got Property
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %v, want an error", text, got)
		}
	}
}

func TestACrowdDoesNotHideWhoComesFurtherOff(t *testing.T) {
	t.Parallel()
	rules := Rules{Skill: Window{From: 100, PerSecond: 1}, RegionWait: time.Hour}
	for i := range 10 {
		rules.Regions = append(rules.Regions, fmt.Sprint("r", i))
	}
	p := New(rules)
	var crowd []Ticket
	for i, region := range rules.Regions {
		in := solo(region, 1500+float64(i), time.Second)
		in.Regions = []string{region}
		crowd = append(crowd, in)
	}
	crowd[9].Party[0].Rating = 1800
	if got, _ := next(t, p, crowd...); got != nil {
		t.Fatalf("teams are %v, want none: all are of other regions", got)
	}
	in := solo("far", 1590, 0)
	in.Regions = rules.Regions[:1]
	got, _ := next(t, p, in)
	wantTeams(t, got, "[[[r0] [far]]]")
}

func TestWhenACrowdHasGoneThoseBehindItCount(t *testing.T) {
	t.Parallel()
	p := New(Rules{Skill: Window{PerSecond: 1}})
	tickets := []Ticket{solo("a", 1500, 0), solo("low", 1450, 0), solo("high", 1551, 0)}
	for i := range 8 {
		tickets = append(tickets, solo(fmt.Sprint("between", i), 1510+float64(i), 0))
	}
	if _, due := next(t, p, tickets...); due != time.Second {
		t.Errorf("next is after %v, want 1s", due)
	}
	for i := range 8 {
		p.Cancel(fmt.Sprint("between", i))
	}
	var groups []Group
	asked, now := 0, start
	for len(groups) == 0 {
		var due time.Time
		if groups, due = p.Next(now); len(groups) > 0 {
			break
		}
		if asked++; due.IsZero() || asked > 3 {
			t.Fatalf("asked %d times at last at %v, next is at %v", asked, now.Sub(start), due)
		}
		now = due
	}
	if fmt.Sprint(groups[0].Teams) != "[[a] [low]]" || now.Sub(start) != 50*time.Second {
		t.Errorf("teams are %v after %v, want a and low after 50s", groups[0].Teams, now.Sub(start))
	}
}
