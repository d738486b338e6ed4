// Command echo is a deployment whose games say what they hear to the whole room, one for each way in which a room may be kept:
// ephemeral, checkpointed and durable; and a match of players in motion. It takes the flags of madang.
package main

import (
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

// heard is the state of a room: how much it has heard.
type heard struct{ N int }

type options struct {
	Capacity int `json:"capacity"`
}

func game(name string, keep handlers.Keep) handlers.Definition {
	g := handlers.New(name, func() *heard { return &heard{} }).WithPolicy(handlers.Policy{
		Keep: keep, Capacity: 100, Grace: 30 * time.Minute, // tens of thousands are seated before the first one connects
	})
	handlers.Open(g, func(o *handlers.Opener, _ *heard, opts options) error {
		if opts.Capacity > 0 {
			o.Capacity(opts.Capacity)
		}
		return nil
	})
	handlers.OnAny(g, func(room *handlers.Room, h *heard, m handlers.Message) error {
		h.N++
		return room.Send(m.Type, handlers.Raw{ContentType: m.ContentType, Body: m.Body})
	})
	return g
}

func main() {
	server.Main(lobby.New(), game("ephemeral", handlers.Ephemeral{}), game("checkpointed", handlers.Checkpointed{Every: time.Second}),
		game("durable", handlers.Durable{}), matches())
}
