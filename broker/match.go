package broker

import (
	"encoding/json"
	"fmt"
	"time"
)

// PairsQueue is the queue of who pairs those who wait for a match in a mode of a game (docs/decisions/0014). No room has such a
// name, and no player can speak to it: it is no room's id.
func PairsQueue(game, mode string) string { return "match:" + game + ":" + mode }

// Changed tells who pairs to look at a ticket, or at a room that asks for players; neither: whether something was missed.
type Changed struct {
	Game   string `json:"game"`
	Mode   string `json:"mode"`
	Ticket string `json:"ticket,omitempty"`
	Room   string `json:"room,omitempty"`
}

const typeChanged = "changed"

// Message is c as it is sent.
func (c Changed) Message(now time.Time) *Message {
	body, _ := json.Marshal(c) // strings: can't fail
	return &Message{Room: PairsQueue(c.Game, c.Mode), Type: typeChanged, ContentType: "application/json", Body: body, Time: now}
}

// ReadChanged reads what Message has written.
func ReadChanged(m *Message) (c Changed, err error) {
	if m.Type != typeChanged {
		return c, fmt.Errorf("message of type %q to who pairs", m.Type)
	}
	if err := json.Unmarshal(m.Body, &c); err != nil {
		return c, fmt.Errorf("read what has changed: %w", err)
	}
	return c, nil
}
