package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
	"github.com/madang-games/madang/lobby"
)

// maxOpponents is how many bots of this process play at a time.
const maxOpponents = 200

// opponents are bots that players of this process have invited. Each is a client like any other, over the network.
type opponents struct {
	ctx     context.Context // ends them all
	address string          // of the deployment; set by ready, if not before
	places  chan struct{}
	playing sync.WaitGroup
}

func newOpponents(ctx context.Context, address string) *opponents {
	return &opponents{ctx: ctx, address: address, places: make(chan struct{}, maxOpponents)}
}

// ready says where this process is, for want of a public address. It is called before the first invite.
func (o *opponents) ready(address string) {
	if o.address == "" {
		o.address = address
	}
}

// wait returns when all bots have ended, which they do with the context.
func (o *opponents) wait() { o.playing.Wait() }

// invite is POST /v1/rooms/{id}/bot: a bot takes a free seat of an Othello room in which the caller sits. 202; 404
// room_not_found where the caller has no seat; 503 no_bot_free.
func (o *opponents) invite(c *lobby.Context) error {
	room := c.Param("id")
	seated, err := c.Seated(room)
	if err != nil {
		return err
	}
	if !seated {
		return lobby.Problem(http.StatusNotFound, "room_not_found", "You have no seat in such a room.")
	}
	player, err := client.New(client.Config{URL: o.address})
	if err != nil {
		return err
	}
	select {
	case o.places <- struct{}{}:
	default:
		return lobby.Problem(http.StatusServiceUnavailable, "no_bot_free", "All bots are playing. Try again in a moment.")
	}
	o.playing.Go(func() {
		defer func() { <-o.places }()
		if _, err := bot.Seat(o.ctx, player, room); err != nil && o.ctx.Err() == nil {
			slog.Warn("bot could not finish its game", "room", room, "error", err)
		}
	})
	return c.JSON(http.StatusAccepted, struct{}{})
}
