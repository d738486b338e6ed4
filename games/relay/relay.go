// Package relay is the game without rules: whatever a player says, the whole room hears.
//
// It is for games whose clients hold all the logic.
package relay

import (
	"time"

	"github.com/madang-games/madang/handlers"
)

// nothing is the state of a room: the engine knows who sits in it, and that is all.
type nothing struct{}

// Options are what the creator of a room may choose.
type Options struct {
	Capacity *int `json:"capacity"` // seats, 1 to 1,000; default 100
}

// Game is relay as docs/protocol.md describes it.
func Game() *handlers.Game[nothing] {
	g := handlers.New("relay", func() *nothing { return &nothing{} }).WithPolicy(handlers.Policy{
		Keep:        handlers.Checkpointed{Every: time.Second},
		Capacity:    100,
		Spectators:  100,
		OwnerCloses: true, // nothing here knows when the game is over
	})
	handlers.Open(g, func(o *handlers.Opener, _ *nothing, opts Options) error {
		if opts.Capacity != nil {
			o.Capacity(*opts.Capacity)
		}
		return nil
	})
	handlers.OnAny(g, func(room *handlers.Room, _ *nothing, m handlers.Message) error {
		return room.Send(m.Type, handlers.Raw{ContentType: m.ContentType, Body: m.Body})
	})
	return g
}
