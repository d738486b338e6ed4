package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
)

// listenTime is how long drain listens who is there: everybody announces itself each second.
const listenTime = 1500 * time.Millisecond

// drainCmd tells processes of a deployment to drain, as SIGTERM does, or lists them.
type drainCmd struct {
	Processes []string `arg:"" optional:"" name:"process" help:"Ids of processes, or how they begin. None: list who is there."`
	Game      string   `placeholder:"NAME" help:"Drain the workers of this game at --version instead."`
	Version   string   `placeholder:"VERSION" help:"See --game."`
	Broker    []string `default:"memory" env:"MADANG_BROKER" placeholder:"URL" help:"The deployment's broker, amqp://user:password@host:5672/vhost."`
}

func (c *drainCmd) Run(ctx context.Context) error {
	switch {
	case len(c.Broker) == 1 && c.Broker[0] == "memory":
		return errors.New("with the embedded broker there is one process, and Ctrl-C stops it; a deployment needs --broker amqp://user:password@host")
	case (c.Game == "") != (c.Version == ""):
		return errors.New("--game and --version go together")
	case c.Game != "" && len(c.Processes) > 0:
		return errors.New("name processes, or a game and its version, not both")
	}
	reaching, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	b, err := rabbitmq.New(reaching, rabbitmq.Config{URLs: c.Broker, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Ready(reaching); err != nil {
		return fmt.Errorf("reach the broker: %w", err)
	}
	there, err := c.whoIsThere(reaching, b)
	if err != nil {
		return err
	}
	if c.Game == "" && len(c.Processes) == 0 {
		return list(there)
	}
	return c.post(reaching, b, there)
}

// whoIsThere listens to the board for a while.
func (c *drainCmd) whoIsThere(ctx context.Context, b broker.Board) ([]broker.Process, error) {
	var mu sync.Mutex
	var roster broker.Roster
	err := b.Watch(ctx, func(n broker.Notice) {
		mu.Lock()
		defer mu.Unlock()
		roster.Observe(n, time.Now())
	})
	if err != nil {
		return nil, fmt.Errorf("watch the board: %w", err)
	}
	select {
	case <-time.After(listenTime):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return roster.All(), nil
}

func (c *drainCmd) post(ctx context.Context, b broker.Board, there []broker.Process) error {
	var drains []broker.Drain
	if c.Game != "" {
		if !slices.ContainsFunc(there, func(p broker.Process) bool { return p.Plays(c.Game, c.Version) }) {
			return fmt.Errorf("nobody plays %s at version %s", c.Game, c.Version)
		}
		drains = append(drains, broker.Drain{Game: c.Game, Version: c.Version})
	}
	for _, id := range c.Processes {
		found := slices.DeleteFunc(slices.Clone(there), func(p broker.Process) bool { return !strings.HasPrefix(p.ID, id) })
		if len(found) != 1 {
			return fmt.Errorf("%d processes have an id that begins with %q; madang drain without arguments lists them", len(found), id)
		}
		drains = append(drains, broker.Drain{Process: found[0].ID})
	}
	for _, d := range drains {
		body, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if err := b.Post(ctx, broker.Notice{Kind: broker.NoticeDrain, From: "madang drain", Body: body, Time: time.Now()}); err != nil {
			return err
		}
	}
	fmt.Println("told to drain; each ends when it has nothing left, or when its --drain time is over")
	return nil
}

func list(there []broker.Process) error {
	if len(there) == 0 {
		fmt.Println("nobody is there")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESS\tROLES\tPLAYS\tROOMS\tCONNECTIONS\tUP\t")
	for _, p := range there {
		var plays []string
		for game, versions := range p.Games {
			for _, v := range versions {
				plays = append(plays, game+" "+v)
			}
		}
		slices.Sort(plays)
		state := ""
		if p.Drains {
			state = "drains"
		}
		fmt.Fprintf(w, "%.8s\t%s\t%s\t%d\t%d\t%v\t%s\n", p.ID, strings.Join(p.Roles, ","), strings.Join(plays, ", "), p.Rooms, p.Conns,
			time.Since(p.Started).Round(time.Second), state)
	}
	return w.Flush()
}
