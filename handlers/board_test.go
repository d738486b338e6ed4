package handlers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

func TestPeriodsOfABoard(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	b := handlers.Board{Days: true, Weeks: true, Seasons: []handlers.Season{
		{Name: "one", From: day("2026-11-01T00:00:00Z"), To: day("2027-01-01T00:00:00Z")},
		{Name: "two", From: day("2027-01-01T00:00:00Z"), To: day("2027-03-01T00:00:00Z")},
	}}
	for at, want := range map[string]string{
		"2026-11-23T00:00:00Z":      "all day:2026-11-23>2026-12-02 week:2026-W48>2027-01-25 season:one",
		"2026-11-29T23:59:59Z":      "all day:2026-11-29>2026-12-08 week:2026-W48>2027-01-25 season:one",
		"2026-12-31T23:59:59Z":      "all day:2026-12-31>2027-01-09 week:2026-W53>2027-03-01 season:one",
		"2027-01-01T08:59:59+09:00": "all day:2026-12-31>2027-01-09 week:2026-W53>2027-03-01 season:one",
		"2027-01-01T00:00:00Z":      "all day:2027-01-01>2027-01-10 week:2026-W53>2027-03-01 season:two",
		"2027-03-01T00:00:00Z":      "all day:2027-03-01>2027-03-10 week:2027-W09>2027-05-03",
	} {
		var got []string
		for _, p := range b.Periods(day(at)) {
			name := p.Name
			if !p.Until.IsZero() {
				name += p.Until.Format(">2006-01-02")
			}
			got = append(got, name)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", at, got, want)
		}
	}
	plain := handlers.Board{}
	if got := plain.Periods(day("2026-11-23T00:00:00Z")); !slices.Equal(got, []handlers.Period{{Name: "all"}}) {
		t.Errorf("got %v", got)
	}
}

func TestBoardsAreChecked(t *testing.T) {
	t.Parallel()
	now := time.Now()
	season := func(name string, from, to time.Duration) handlers.Season {
		return handlers.Season{Name: name, From: now.Add(from), To: now.Add(to)}
	}
	for name, c := range map[string]struct {
		boards []handlers.Board
		want   string
	}{
		"mode":     {[]handlers.Board{{Mode: "A B"}}, "a-z"},
		"counts":   {[]handlers.Board{{Counts: "most"}}, "handlers.Best, Sum or Last"},
		"twice":    {[]handlers.Board{{Mode: "a"}, {Mode: "a"}}, "a mode of its own"},
		"season":   {[]handlers.Board{{Seasons: []handlers.Season{season("", 0, 1)}}}, "season \"\""},
		"backward": {[]handlers.Board{{Seasons: []handlers.Season{season("a", 1, 0)}}}, "does not begin"},
		"same":     {[]handlers.Board{{Seasons: []handlers.Season{season("a", 0, 1), season("a", 1, 2)}}}, "twice"},
		"overlap":  {[]handlers.Board{{Seasons: []handlers.Season{season("a", 0, 2), season("b", 1, 3)}}}, "overlap"},
	} {
		if got := panicOf(func() { newArena().WithPolicy(handlers.Policy{Boards: c.boards}) }); !strings.Contains(got, c.want) {
			t.Errorf("%s: got panic %q, want one with %q", name, got, c.want)
		}
	}
	p := newArena().WithPolicy(handlers.Policy{Boards: []handlers.Board{{Mode: "blitz"}, {Counts: handlers.Sum}}}).Policy()
	if p.Board("blitz").Counts != handlers.Best || p.Board("").Counts != handlers.Sum || p.Board("other") != nil {
		t.Errorf("got %+v", p.Boards)
	}
}
