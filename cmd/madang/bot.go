package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/madang-games/madang/client/bot"
)

// botCmd plays.
type botCmd struct {
	Game  string        `arg:"" default:"othello" enum:"othello,arena" help:"What to play: othello or arena (${default})."`
	URL   string        `default:"http://localhost:8080" env:"MADANG_URL" help:"Address of the deployment (${default})."`
	N     int           `name:"n" short:"n" default:"0" help:"Bots (5, or 4 with --pair; 20 in the arena)."`
	Games int           `help:"End after so many games of all bots together (0: never)."`
	Pair  bool          `help:"Play against each other and say how it went."`
	Think time.Duration `help:"Before each move (800ms, or none with --pair)."`
	Room  string        `help:"In the arena: the room; default: any."`
	JSON  bool          `name:"json" help:"Print the summary as JSON."`
}

// errBots is what a run of pairs ends with that saw a game go wrong.
var errBots = errors.New("not every game was finished with equal boards")

func (c *botCmd) Run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if c.Game == "arena" {
		s, err := bot.RunArena(ctx, bot.ArenaConfig{URL: c.URL, N: c.N, Room: c.Room, Log: log})
		if err != nil {
			return err
		}
		return c.tell(s)
	}
	s, err := bot.Run(ctx, bot.Config{URL: c.URL, N: c.N, Games: c.Games, Pair: c.Pair, Think: c.Think, Log: log})
	if err != nil {
		return err
	}
	if err := c.tell(s); err != nil {
		return err
	}
	if c.Pair && !s.OK() {
		return errBots
	}
	return nil
}

func (c *botCmd) tell(summary any) (err error) {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(summary)
	}
	_, err = fmt.Println(summary)
	return err
}
