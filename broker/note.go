package broker

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Notes is what players are told outside of rooms, for the gateways that have their connections.
type Notes struct {
	Notes []Told `json:"notes"`
}

// Told is a store.Note; or, without N, something of the moment that is kept nowhere and reaches whoever is there.
type Told struct {
	User string          `json:"user"`
	N    uint64          `json:"n,omitempty"`
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
	At   int64           `json:"at"` // milliseconds since 1970
}

// notePrefix begins the message-id of a note, "lobby-<n>".
const notePrefix = "lobby-"

// ParseNoteID returns the number in a note's message-id, 0 for before all; false: it is none.
func ParseNoteID(id string) (n uint64, ok bool) {
	text, ok := strings.CutPrefix(id, notePrefix)
	n, err := strconv.ParseUint(text, 10, 63)
	return n, ok && err == nil
}

// NoteID is the message-id of note n.
func NoteID(n uint64) string { return notePrefix + strconv.FormatUint(n, 10) }

// TypePresence is the type of what friends are told of a player who comes, goes or changes rooms. It is not kept.
const TypePresence = "$presence"

// Present is the body of it.
type Present struct {
	User   string    `json:"user,omitempty"`
	Online bool      `json:"online"`
	Since  time.Time `json:"since,omitzero"` // where online
	Game   string    `json:"game,omitempty"` // of the room
	Room   string    `json:"room,omitempty"` // where the player listens; none: in no room
}
