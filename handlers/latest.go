package handlers

import (
	"fmt"
	"slices"
)

const maxLatest = 16

// Latest declares types of messages of which only the newest matters, at most 16 in all: each says all that the one before said and that still
// holds, as the position of a car or the picture of a moment does. Of those that wait for a client which reads more slowly than the room talks, or
// comes back, the newest alone is kept. Every other message reaches every client. An answer ([Room.Reply]) is never left out.
func Latest[S any](g *Game[S], types ...string) {
	g.mayRegister("Latest")
	for _, typ := range types {
		if err := checkWord("message type", typ); err != nil {
			panic(fmt.Sprintf("game %q: handlers.Latest: %v; write a word such as frame", g.name, err))
		}
		if !slices.Contains(g.latest, typ) {
			g.latest = append(g.latest, typ)
		}
	}
	if len(g.latest) > maxLatest {
		panic(fmt.Sprintf("game %q: handlers.Latest names %d types; write at most %d", g.name, len(g.latest), maxLatest))
	}
}
