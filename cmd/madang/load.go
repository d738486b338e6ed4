package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/madang-games/madang/client/load"
)

// loadCmd measures a running deployment.
type loadCmd struct {
	URL        string        `default:"http://localhost:8080" env:"MADANG_URL" help:"Address of the deployment, or of several lobbies with commas (${default})."`
	Game       string        `help:"A game that relays what it does not know (relay; with --match one that plays matches: match)."`
	Rooms      int           `help:"Rooms (20; with --arena 1)."`
	Clients    int           `help:"Clients in each room (10; with --arena 200, and that is the most)."`
	Rate       float64       `help:"Messages a second of each client (10; with --match 2; with --arena 2: how often a player changes its direction)."`
	Size       int           `default:"100" help:"Bytes of a message (${default})."`
	Time       time.Duration `default:"30s" help:"How long to measure (${default})."`
	Warmup     time.Duration `default:"2s" help:"How long to talk before measuring (${default})."`
	Connecting int           `default:"32" help:"Connections that are being opened at a time (${default})."`
	Sources    []string      `placeholder:"ADDR" help:"Addresses of this machine to connect from, in turn."`
	Idle       bool          `help:"Nobody talks; they have heart-beats."`
	Metrics    string        `placeholder:"URL" help:"Processes whose CPU and memory are measured, with commas; default: those of --url."`
	Lobby      bool          `help:"Measure the lobby instead: everybody comes at once, then reads at a steady rate while others come and go."`
	Players    int           `default:"2000" help:"With --lobby: players who come at once (${default})."`
	Reads      float64       `default:"2000" help:"With --lobby: calls that read, a second (${default})."`
	Churn      float64       `default:"10" help:"With --lobby: players a second who come, speak once and leave (${default})."`
	Match      bool          `help:"Every other message of a client is a note, which the room only counts; the game is that of bench/echo."`
	Collect    bool          `help:"With --match: what is said waits for the room's next tick."`
	Arena      bool          `help:"Measure the arena instead, and check that no player is told of what is out of its view."`
	JSON       bool          `name:"json" help:"Print the report as JSON."`
	Quiet      bool          `help:"No progress lines."`
}

// errLoad is what a run ends with that saw a loss, a double or a wrong order.
var errLoad = errors.New("not everything arrived once and in order")

func (c *loadCmd) Run(ctx context.Context) error {
	if c.Lobby {
		return c.lobby(ctx)
	}
	if c.Arena {
		return c.arena(ctx)
	}
	config := load.Config{URL: c.URL, Game: c.Game, Rooms: c.Rooms, Clients: c.Clients, Rate: c.Rate, Size: c.Size,
		Time: c.Time, Warmup: c.Warmup, Connecting: c.Connecting, Sources: c.Sources, Idle: c.Idle, Match: c.Match,
		Collect: c.Collect, Metrics: c.Metrics}
	if !c.Quiet {
		config.Progress = os.Stderr
	}
	report, err := load.Run(ctx, config)
	if err != nil {
		return err
	}
	return c.tell(report, report.OK(), errLoad)
}

// errArena is what a run with --arena ends with in which a player lost its connection, or was told of what it may not see.
var errArena = errors.New("not everybody saw what is near, and that alone")

func (c *loadCmd) arena(ctx context.Context) error {
	report, err := load.RunArena(ctx, load.ArenaConfig{URL: c.URL, Rooms: c.Rooms, Players: c.Clients, Rate: c.Rate, Time: c.Time,
		Warmup: c.Warmup, Metrics: c.Metrics})
	if err != nil {
		return err
	}
	return c.tell(report, report.OK(), errArena)
}

// errLobby is what a run with --lobby ends with in which something failed.
var errLobby = errors.New("not everybody was served")

func (c *loadCmd) lobby(ctx context.Context) error {
	config := load.LobbyConfig{URL: c.URL, Game: c.Game, Players: c.Players, Room: c.Clients, Reads: c.Reads, Churn: c.Churn, Time: c.Time}
	if !c.Quiet {
		config.Progress = os.Stderr
	}
	report, err := load.RunLobby(ctx, config)
	if err != nil {
		return err
	}
	return c.tell(report, report.OK(), errLobby)
}

// tell prints the report; the error is bad unless it is ok.
func (c *loadCmd) tell(report any, ok bool, bad error) (err error) {
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		_, err = fmt.Println(report)
	}
	if err == nil && !ok {
		err = bad
	}
	return err
}
