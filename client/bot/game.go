package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/madang-games/madang/client"
)

// Over is how a game ended.
type Over struct {
	Winner string `json:"winner"` // black, white or draw
	Black  int    `json:"black"`  // discs
	White  int    `json:"white"`
	Reason string `json:"reason"` // finished, exit or timeout
}

// Result is a game as one side saw it.
type Result struct {
	Room    string
	Color   string // of the bot; "" before the game has started
	Started bool
	Board   string // the last one seen; 64 characters of ".bw"
	Moves   int    // that the bot made
	Over    *Over  // nil: broken off
}

// Finished reports whether the game was played to the last move.
func (r *Result) Finished() bool { return r.Over != nil && r.Over.Reason == "finished" }

// LogValue is the result in a log line.
func (r Result) LogValue() slog.Value {
	if r.Over == nil {
		return slog.StringValue("broken off")
	}
	return slog.StringValue(fmt.Sprintf("%s wins %d:%d (%s), bot was %s", r.Over.Winner, r.Over.Black, r.Over.White, r.Over.Reason, r.Color))
}

const (
	maxRefusals = 8 // in a row; more of them would not help
	closeTime   = 10 * time.Second
)

// PlayOne plays one game of Othello in a seat, thinking so long before each move, and returns when the room is over. It
// may come into a running game. An error says why the game was broken off; the Result is then what had come about.
func PlayOne(ctx context.Context, conn *client.Conn, p client.Place, think time.Duration) (Result, error) {
	room, err := conn.Join(ctx, p)
	if err != nil {
		return Result{Room: p.Room.ID}, err
	}
	defer room.Close()
	m := &match{room: room, me: p.Seat.User, result: Result{Room: p.Room.ID}}
	var due time.Time // of the next move; zero: none is
	for {
		next, err := m.next(ctx, due)
		switch {
		case next != nil:
			if err := m.note(next); err != nil {
				return m.result, err
			}
		case !due.IsZero() && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			due = time.Time{}
			if err := m.put(); err != nil {
				return m.result, err
			}
			continue
		case m.result.Over != nil: // whatever ended the room: the game had ended before
			return m.result, nil
		default:
			return m.result, err
		}
		switch {
		case !m.mine():
			due = time.Time{}
		case due.IsZero():
			due = time.Now().Add(max(think, 0))
		}
	}
}

// match is a game in progress.
type match struct {
	room   *client.Room
	me     string
	result Result

	turn     string   // black or white; "" when nobody's
	moves    []string // legal now
	asked    bool     // the bot has made its move, or asked where the game stands, and waits
	refusals int      // in a row
}

// next returns the next message; context.DeadlineExceeded when it is time to move.
func (m *match) next(ctx context.Context, due time.Time) (*client.Message, error) {
	var cancel context.CancelFunc
	switch {
	case m.result.Over != nil:
		ctx, cancel = context.WithTimeout(ctx, closeTime)
	case !due.IsZero():
		ctx, cancel = context.WithDeadline(ctx, due)
	default:
		return m.room.Next(ctx)
	}
	defer cancel()
	return m.room.Next(ctx)
}

func (m *match) mine() bool {
	return m.result.Over == nil && m.result.Color != "" && m.turn == m.result.Color && len(m.moves) > 0 && !m.asked
}

func (m *match) put() error {
	at := choose(m.result.Board, m.result.Color, m.moves)
	m.asked = true
	if _, err := m.room.SendAsync("put", map[string]string{"at": at}); err != nil {
		return fmt.Errorf("make a move: %w", err)
	}
	m.result.Moves++
	return nil
}

// opening is the board on which every game starts, and what black can do there.
const opening = "..........................." + "wb" + "......" + "bw" + "..........................."

var openingMoves = []string{"d3", "c4", "f5", "e6"}

// body is any of the messages that a game sends.
type body struct {
	Board string   `json:"board"`
	Next  *string  `json:"next"`
	Moves []string `json:"moves"`
	Black *string  `json:"black"`
	White *string  `json:"white"`
	Over  *Over    `json:"over"`
}

// note takes in what the room says.
func (m *match) note(msg *client.Message) error {
	switch msg.Type {
	case "started", "placed", "passed", "$snapshot":
		var b body
		if err := msg.Decode(&b); err != nil {
			return err
		}
		return m.move(msg.Type, &b)
	case "over":
		m.result.Over = &Over{}
		return msg.Decode(m.result.Over)
	case "error":
		m.refusals++
		if m.refusals > maxRefusals {
			return fmt.Errorf("the room refuses everything: %w", &client.Error{Code: msg.Code})
		}
		// Perhaps the move was made before a reconnect already: see where the game stands.
		if _, err := m.room.SendAsync("sync", struct{}{}); err != nil {
			return fmt.Errorf("ask for the board: %w", err)
		}
		m.asked = true
	}
	return nil
}

func (m *match) move(typ string, b *body) error {
	m.asked = false
	switch typ {
	case "placed", "passed":
		m.refusals = 0
	case "started":
		b.Board, b.Moves = opening, openingMoves
		black := "black"
		b.Next = &black
	}
	if typ == "started" || typ == "$snapshot" {
		m.result.Started = b.Black != nil && b.White != nil
		switch {
		case b.Black != nil && *b.Black == m.me:
			m.result.Color = "black"
		case b.White != nil && *b.White == m.me:
			m.result.Color = "white"
		default:
			m.result.Color = ""
		}
	}
	if b.Board != "" {
		if len(b.Board) != 64 {
			return fmt.Errorf("a board of %d squares in %s", len(b.Board), typ)
		}
		m.result.Board = b.Board
	}
	m.turn, m.moves = "", b.Moves
	if b.Next != nil {
		m.turn = *b.Next
	}
	if b.Over != nil {
		m.result.Over = b.Over
	}
	return nil
}
