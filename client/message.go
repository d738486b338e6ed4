package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/web/stomp"
)

// Message is something that a room said.
type Message struct {
	ID          string // message-id: its place in the room's line; "" for a gateway's own word
	Type        string // begins with $ when it is the system's
	From        string // user whose message caused it; "" for timers, ticks and the system
	Request     uint64 // the seq of the player's own message that it answers; 0: none
	Code        string // of a refusal (type error)
	Time        time.Time
	ContentType string
	Body        []byte

	at position
}

// Decode reads a JSON body.
func (m *Message) Decode(into any) error {
	if err := json.Unmarshal(m.Body, into); err != nil {
		return fmt.Errorf("decode %s: %w", m.Type, err)
	}
	return nil
}

func messageOf(f *stomp.Frame) *Message {
	m := &Message{Body: slices.Clone(f.Body)}
	for _, field := range slices.Backward(f.Fields) { // the first of a name counts, so it comes last
		switch field.Name {
		case "message-id":
			m.ID = field.Value
			m.at = parsePosition(field.Value)
		case "type":
			m.Type = field.Value
		case "from":
			m.From = field.Value
		case "request":
			m.Request, _ = strconv.ParseUint(field.Value, 10, 64) // malformed: none
		case "code":
			m.Code = field.Value
		case "timestamp":
			if ms, err := strconv.ParseInt(field.Value, 10, 64); err == nil {
				m.Time = time.UnixMilli(ms)
			}
		case "content-type":
			m.ContentType = field.Value
		}
	}
	return m
}

// position is a place in a room's line: message-id "<epoch>-<n>".
type position struct{ Epoch, N uint64 }

func (p position) String() string {
	return strconv.FormatUint(p.Epoch, 10) + "-" + strconv.FormatUint(p.N, 10)
}

// parsePosition returns the zero position for what is none.
func parsePosition(id string) position {
	epoch, n, _ := strings.Cut(id, "-")
	var p position
	var err error
	if p.Epoch, err = strconv.ParseUint(epoch, 10, 64); err != nil {
		return position{}
	}
	if p.N, err = strconv.ParseUint(n, 10, 64); err != nil {
		return position{}
	}
	return p
}
