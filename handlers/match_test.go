package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type squads struct {
	Match *handlers.Match
	Map   string
}

func TestAGameHearsWhoIsMatched(t *testing.T) {
	t.Parallel()
	g := handlers.New("squads", func() *squads { return &squads{} })
	var got squads
	handlers.Open(g, func(o *handlers.Opener, s *squads, in struct {
		Map string `json:"map"`
	}) error {
		s.Match, s.Map = o.Match(), in.Map
		got = *s
		return nil
	})
	for _, c := range []struct{ options, want string }{
		{``, "nobody "},
		{`{"map":"desert"}`, "nobody desert"},
		{`{"$match":{"mode":"duel","teams":[["ann"],["bob","eve"]]}}`, "{duel [[ann] [bob eve]] []  map[]} "},
		{`{"map":"desert","$match":{"mode":"","teams":[["ann"],[]],"bots":[0,2],"region":"eu","properties":{"map":"ice"}}}`, "{ [[ann] []] [0 2] eu map[map:[34 105 99 101 34]]} desert"},
	} {
		if _, err := g.Open("r", []byte(c.options), handlerstest.Start); err != nil {
			t.Errorf("%s: %v", c.options, err)
		}
		who := "nobody"
		if got.Match != nil {
			who = fmt.Sprint(*got.Match)
		}
		if who += " " + got.Map; who != c.want {
			t.Errorf("%s: got %s, want %s", c.options, who, c.want)
		}
	}
	_, err := g.Open("r", []byte(`{"$match":7}`), handlerstest.Start)
	if r, ok := errors.AsType[*handlers.Rejection](err); !ok || r.Code != handlers.CodeBadOptions {
		t.Errorf("got %v, want it refused with %s", err, handlers.CodeBadOptions)
	}
}

func TestAGameWithoutOptionsMayBeMatched(t *testing.T) {
	t.Parallel()
	g := handlers.New("duel", func() *squads { return &squads{} })
	if _, err := g.Open("r", []byte(`{"$match":{"mode":"","teams":[["ann"],["bob"]]}}`), handlerstest.Start); err != nil {
		t.Error(err)
	}
}

func TestARoomAsksForPlayers(t *testing.T) {
	t.Parallel()
	for want, ask := range map[string]handlers.Backfill{
		"":                          {Mode: "duel", Size: 3, Regions: []string{"eu"}, Properties: map[string]any{"map": "ice"}},
		`mode "A B"; write 1 to 32`: {Mode: "A B", Size: 3},
		"size is -1; write 0 to":    {Size: -1},
		"size is 1001; write 0 to":  {Size: handlers.MaxCapacity + 1},
		"properties: ":              {Size: 1, Properties: map[string]any{"map": func() {}}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			g := handlers.New("squads", func() *squads { return &squads{} })
			said := ""
			handlers.Joined(g, func(room *handlers.Room, _ *squads, _ handlers.Player) error {
				defer func() { said, _ = recover().(string) }()
				room.Backfill(ask)
				return nil
			})
			room := handlerstest.New(t, g)
			room.Join("ann")
			if !strings.Contains(said, want) || (said == "") != (want == "") {
				t.Errorf("got panic %q, want it to say %q", said, want)
			}
			if got := room.Backfill(); want == "" && (got.Mode != ask.Mode || got.Size != ask.Size) || want != "" && got.Size != 0 {
				t.Errorf("the room asks for %+v", got)
			}
		})
	}
}
