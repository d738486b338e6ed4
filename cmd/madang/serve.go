package main

import (
	"context"

	"github.com/madang-games/madang/games/arena"
	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

// serveCmd serves the reference games.
type serveCmd struct {
	server.Config
}

func (c *serveCmd) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	bots := newOpponents(ctx, c.PublicURL)
	defer bots.wait()
	defer stop() // SIGTERM does not end ctx
	if c.OnReady == nil {
		c.OnReady = bots.ready
	}
	app := lobby.New()
	app.POST("/rooms/:id/bot", bots.invite)
	app.Match("othello", "", othello.QuickMatch)
	stock(app)
	return server.Serve(ctx, c.Config, app, othello.Game(), relay.Game(), arena.Game())
}
