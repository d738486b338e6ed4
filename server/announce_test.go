package server

import (
	"testing"

	"github.com/madang-games/madang/broker"
)

func TestDrainConcernsWhomItNames(t *testing.T) {
	t.Parallel()
	worker := broker.Process{ID: "2e0d5a53-1", Games: map[string][]string{"othello": {"1", "2"}, "relay": {"3"}}}
	gateway := broker.Process{ID: "77aa0000-1"}
	for name, c := range map[string]struct {
		drain   broker.Drain
		process broker.Process
		want    bool
	}{
		"nothing named":             {broker.Drain{}, worker, false},
		"its id":                    {broker.Drain{Process: "2e0d5a53-1"}, worker, true},
		"how its id begins":         {broker.Drain{Process: "2e0d"}, worker, true},
		"another id":                {broker.Drain{Process: "77"}, worker, false},
		"a version it plays":        {broker.Drain{Game: "othello", Version: "2"}, worker, true},
		"a version it does not":     {broker.Drain{Game: "othello", Version: "3"}, worker, false},
		"all versions of its game":  {broker.Drain{Game: "relay"}, worker, true},
		"another game":              {broker.Drain{Game: "chess"}, worker, false},
		"that version of any game":  {broker.Drain{Version: "3"}, worker, true},
		"it and another's game":     {broker.Drain{Process: "2e0d", Game: "chess"}, worker, false},
		"a game, and no worker":     {broker.Drain{Game: "othello", Version: "1"}, gateway, false},
		"a version, and no worker":  {broker.Drain{Version: "1"}, gateway, false},
		"its id without any worker": {broker.Drain{Process: "77"}, gateway, true},
	} {
		if got := names(c.drain, c.process); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestCanariesAreReadAndMistakesNamed(t *testing.T) {
	t.Parallel()
	c := Config{Canary: []string{"othello=2:10", "arena=1.4:0"}}
	got, err := c.canaries()
	if err != nil || len(got) != 2 || got["othello"].Version != "2" || got["othello"].Percent != 10 || got["arena"].Version != "1.4" {
		t.Errorf("got %v %v", got, err)
	}
	for _, wrong := range []string{"", "othello", "othello=2", "othello=:10", "=2:10", "othello=2:101", "othello=2:-1", "othello=2:x"} {
		if _, err := (Config{Canary: []string{wrong}}).filled(); err == nil {
			t.Errorf("--canary %q gave no error", wrong)
		}
	}
}
