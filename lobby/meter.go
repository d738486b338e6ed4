package lobby

import (
	"time"

	"github.com/madang-games/madang/store"
)

// Meter counts what lobbies do. Its methods are called from any goroutine and must return at once.
type Meter interface {
	// Request is called after each answer. Route is the pattern that the request met, such as /v1/rooms/:id, and
	// "" for none; method is the client's own word.
	Request(method, route string, status int, took time.Duration)
	// Untold is called when a room was not told of a seat within the request; it is told again later.
	Untold()
	// Retold is called when a room is told again of a seat that it has not answered for.
	Retold(seat store.SeatState)
}

// meterless counts nothing.
type meterless struct{}

func (meterless) Request(string, string, int, time.Duration) {}
func (meterless) Untold()                                    {}
func (meterless) Retold(store.SeatState)                     {}
