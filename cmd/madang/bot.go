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
	Game  string        `arg:"" default:"othello" enum:"othello" help:"What to play (${default})."`
	URL   string        `default:"http://localhost:8080" env:"MADANG_URL" help:"Address of the deployment (${default})."`
	N     int           `name:"n" short:"n" default:"0" help:"Bots (5, or 4 with --pair)."`
	Games int           `help:"End after so many games of all bots together (0: never)."`
	Pair  bool          `help:"Play against each other and say how it went."`
	Think time.Duration `help:"Before each move (800ms, or none with --pair)."`
	JSON  bool          `name:"json" help:"Print the summary as JSON."`
}

// errBots is what a run of pairs ends with that saw a game go wrong.
var errBots = errors.New("not every game was finished with equal boards")

func (c *botCmd) Run(ctx context.Context) error {
	s, err := bot.Run(ctx, bot.Config{
		URL: c.URL, N: c.N, Games: c.Games, Pair: c.Pair, Think: c.Think,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(s)
	} else {
		_, err = fmt.Println(s)
	}
	if err != nil {
		return err
	}
	if c.Pair && !s.OK() {
		return errBots
	}
	return nil
}
