package store

import (
	"context"
	"time"
)

// Farewell is the end of a room's line, kept a while for those who sat there and did not hear it.
type Farewell struct {
	Epoch uint64
	N     uint64   // the closed record's
	Log   []Logged // kept runs with outputs above the number asked for, oldest first; they may reach beyond N
}

// Farewells keeps how rooms ended. They come with a [Commit] that closes, see Commit.Farewell.
type Farewells interface {
	// Farewell returns how the room ended, for a user who sat there then (a leaving seat does not count), and what is
	// kept of it above number after. ErrNotFound when the room is not closed, the user had no seat at the end,
	// nothing was to be kept, or that is over at now.
	Farewell(ctx context.Context, room, user string, after uint64, now time.Time) (Farewell, error)
	// ForgetFarewells drops those of at most limit rooms that are over at now, with what is kept of their outputs, the
	// oldest first; it returns how many rooms that were. Any number of processes may do so at once.
	ForgetFarewells(ctx context.Context, now time.Time, limit int) (rooms int, err error)
}
