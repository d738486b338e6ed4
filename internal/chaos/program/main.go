// Command program is what the fault suite starts: the reference games, and two that count what reaches them.
package main

import (
	"os"
	"strconv"
	"time"

	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

func main() {
	server.Main(lobby.New(), othello.Game(), relay.Game(), ledger(), tally())
}

// retain is more than any row sends into a room while one of its players is away.
const retain = handlers.MaxRetain

type nothing struct{}

// ledger passes numbers on, durably: each must reach everybody once and in order. A "who" is answered with the id of the
// process that plays the room.
func ledger() *handlers.Game[nothing] {
	g := handlers.New("ledger", func() *nothing { return &nothing{} }).WithPolicy(handlers.Policy{
		Keep: handlers.Durable{}, Capacity: 16, Retain: retain, Grace: 5 * time.Minute,
	})
	handlers.On(g, "n", func(room *handlers.Room, _ *nothing, body []byte) error {
		return room.Send("n", handlers.Raw{ContentType: "text/plain", Body: body})
	})
	handlers.On(g, "who", func(room *handlers.Room, _ *nothing, body []byte) error {
		return room.Reply("here", map[string]string{"pid": strconv.Itoa(os.Getpid()), "echo": string(body)})
	})
	return g
}

// count is what a tally has of one player's numbers.
type count struct {
	Last    uint64 `json:"last"`
	Doubled uint64 `json:"doubled"`
	Skipped uint64 `json:"skipped"`
}

type counts struct {
	Of map[string]count `json:"of"`
}

// tally counts numbers in the state of a checkpointed room: each must have counted once and in order, whatever happened
// to those who played it.
func tally() *handlers.Game[counts] {
	g := handlers.New("tally", func() *counts { return &counts{Of: map[string]count{}} }).WithPolicy(handlers.Policy{
		Keep: handlers.Checkpointed{Every: time.Second}, Capacity: 16, Grace: 5 * time.Minute,
	})
	handlers.On(g, "n", func(room *handlers.Room, c *counts, n uint64) error {
		had := c.Of[room.From()]
		switch {
		case n <= had.Last:
			had.Doubled++
		case n > had.Last+1:
			had.Skipped += n - had.Last - 1
		}
		had.Last = max(had.Last, n)
		c.Of[room.From()] = had
		return room.Send("n", n)
	})
	handlers.On(g, "sync", func(room *handlers.Room, _ *counts, _ struct{}) error { return room.SendSnapshot() })
	handlers.Snapshot(g, func(_ *handlers.Room, c *counts, _ string) (any, error) { return c, nil })
	return g
}
