package othello

import "github.com/madang-games/madang/handlers"

// This file is the bodies of the messages, as docs/protocol.md has them.

type putBody struct {
	At string `json:"at"`
}

type started struct {
	Black string `json:"black"`
	White string `json:"white"`
	// TurnMS is how long the side to move may think, from the message's timestamp on; left out when nobody is to move.
	TurnMS int64 `json:"turn_ms,omitempty"`
}

type placed struct {
	At      string   `json:"at"`
	Color   Color    `json:"color"`
	Flipped []string `json:"flipped"`
	Board   string   `json:"board"`
	Next    *Color   `json:"next"`
	Moves   []string `json:"moves"`
	TurnMS  int64    `json:"turn_ms,omitempty"`
}

type passed struct {
	Color  Color    `json:"color"` // who has passed
	Next   *Color   `json:"next"`
	Moves  []string `json:"moves"`
	TurnMS int64    `json:"turn_ms,omitempty"`
}

type snapshot struct {
	Board string   `json:"board"`
	Next  *Color   `json:"next"`
	Moves []string `json:"moves"`
	// TurnMS is what is left of the time to think.
	TurnMS int64   `json:"turn_ms,omitempty"`
	Black  *string `json:"black"`
	White  *string `json:"white"`
	Over   *Over   `json:"over"`
	// Players are who is in the room, for their names and whether they are there.
	Players []handlers.Player `json:"players"`
}

// turn is the body of the turn timer: whose time it is.
type turn struct {
	Color Color `json:"color"`
}

// orNull is nil for the empty word.
func orNull[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}
