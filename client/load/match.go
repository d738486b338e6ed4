package load

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/madang-games/madang/web/stomp"
)

// The message types of the load: what everybody hears, what only the room does, and how much that was.
const (
	kindSay     = "say"
	kindNote    = "note"
	kindCount   = "count"
	kindCounted = "counted"
)

// tickEvery is the time between two ticks of a match.
const tickEvery = int64(100 * time.Millisecond)

// grid is when a room ticks, as far as a member can tell: what is sent at a tick bears the tick's time, in whole milliseconds, or a later one
// when the room was late. All times are nanoseconds since 1970. A room that goes to another worker ticks anew, and its grid is wrong from then on.
type grid struct {
	phase int64 // a time at which it ticked; 0: not known
}

// see takes the time that a message of a tick bears.
func (g *grid) see(at int64) {
	if after := modulo(at-g.phase, tickEvery); g.phase == 0 || after > tickEvery/2 { // before what was taken for the tick
		g.phase = at
	}
}

// beyond is how much later than at the first tick after due something came. That it has missed a tick counts.
func (g *grid) beyond(due, came int64) int64 {
	late := came - due - modulo(g.phase-due, tickEvery)
	if late < 0 { // due in the very millisecond of the tick
		return came - due
	}
	return late
}

func modulo(a, b int64) int64 { return ((a % b) + b) % b }

// isNote reports whether a member's message of that turn is a note: every other one, and at each moment that of every other member.
func (m *member) isNote(turn int) bool { return m.room.crowd.match && (turn+m.index)%2 == 1 }

// recount asks the room of every member how many notes of it were heard, and returns how many there are, and how many are missing or too many.
// Nobody talks any more. A member's question comes after its notes, and what the room says is exact.
func (c *crowd) recount(living context.Context, atOnce int, patience time.Duration) (notes, wrong int64) {
	ctx, cancel := context.WithTimeout(living, callTime)
	defer cancel()
	counts := make([]int64, len(c.clients))
	_ = each(len(c.clients), atOnce, func(i int) error {
		counts[i] = c.clients[i].ask(ctx, patience)
		return nil
	})
	for i, m := range c.clients {
		notes += m.noted
		wrong += max(m.noted-counts[i], counts[i]-m.noted)
	}
	return notes, wrong
}

// ask is how many notes of the member its room has heard; -1: it does not say.
func (m *member) ask(ctx context.Context, patience time.Duration) int64 {
	if m.lost.Load() || m.socket.write(sendFrame(nil, m.seat.Stomp.Queue, kindCount, nil)) != nil {
		return -1
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case n := <-m.counted:
		return n
	case <-timer.C:
	case <-ctx.Done():
	}
	return -1
}

// answered takes the room's answer to ask.
func (m *member) answered(body []byte) error {
	var answer struct{ Notes int64 }
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("not an answer of a match: %.80q", body)
	}
	select {
	case m.counted <- answer.Notes:
	default: // nobody has asked
	}
	return nil
}

func sendFrame(dst []byte, queue, kind string, body []byte) []byte {
	return stomp.AppendFrame(dst, stomp.V12, &stomp.Frame{Command: "SEND", Fields: []stomp.Field{
		{Name: "destination", Value: queue}, {Name: "type", Value: kind},
		{Name: "content-type", Value: "application/json"},
	}, Body: body})
}
