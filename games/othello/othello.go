// Package othello is the board game for two: turn based, durable, with results on the players' accounts.
//
// rules.go is the game on the board, match.go a match between two users, and this file what they say to each other.
package othello

import (
	"time"

	"github.com/madang-games/madang/handlers"
)

// TurnTime is how long a player may think; then the other one wins.
const TurnTime = 2 * time.Minute

const turnTimer = "turn"

// Game is Othello as docs/protocol.md describes it. Who joins first plays black.
func Game() *handlers.Game[Match] {
	g := handlers.New("othello", func() *Match { return &Match{Board: Start()} }).WithPolicy(handlers.Policy{
		Keep:       handlers.Durable{},
		Capacity:   2,
		Spectators: 100,
		Boards:     []handlers.Board{{Counts: handlers.Sum, Days: true, Weeks: true}},
	})
	handlers.Joined(g, joined)
	handlers.Left(g, left)
	handlers.On(g, "put", put)
	handlers.On(g, "exit", exit)
	handlers.On(g, "sync", func(room *handlers.Room, _ *Match, _ struct{}) error { return room.SendSnapshot() })
	handlers.OnTimer(g, turnTimer, outOfTime)
	handlers.Snapshot(g, view)
	return g
}

func joined(room *handlers.Room, m *Match, p handlers.Player) error {
	if !m.sit(p.ID) {
		return handlers.Reject("room_full", "two play already")
	}
	if m.Black == "" || m.White == "" {
		return nil
	}
	m.Started, m.Next = true, Black
	room.Begin()
	if err := room.Send("started", started{m.Black, m.White, TurnTime.Milliseconds()}); err != nil {
		return err
	}
	return think(room, m)
}

func left(room *handlers.Room, m *Match, p handlers.Player) error {
	if !m.Started {
		m.stand(p.ID)
		return nil
	}
	if room.Reason() == "timeout" {
		return over(room, m, m.color(p.ID), "timeout")
	}
	return over(room, m, m.color(p.ID), "exit")
}

func put(room *handlers.Room, m *Match, in putBody) error {
	done, err := m.put(room.From(), in.At)
	if err != nil {
		return err
	}
	err = room.Send("placed", placed{
		At: done.at.String(), Color: done.color, Flipped: done.flips.Names(), Board: m.Board.String(),
		Next: orNull(done.next), Moves: done.moves.Names(), TurnMS: turnMS(done.next),
	})
	if err != nil {
		return err
	}
	if done.next == "" {
		return over(room, m, "", "finished")
	}
	if done.again != 0 {
		if err := room.Send("passed", passed{done.next, orNull(m.Next), done.again.Names(), turnMS(m.Next)}); err != nil {
			return err
		}
	}
	return think(room, m)
}

func exit(room *handlers.Room, m *Match, _ struct{}) error {
	c := m.color(room.From())
	switch {
	case m.Over != nil:
		return handlers.Reject("game_over", "the game is over")
	case c == "":
		return handlers.Reject("not_seated", "you do not play in this game")
	case !m.Started:
		return handlers.Reject("not_started", "wait for the other player, or leave the room")
	}
	return over(room, m, c, "exit")
}

// think starts the time of the side whose turn it is.
func think(room *handlers.Room, m *Match) error {
	m.TurnEnds = room.Now().Add(TurnTime).UnixMilli()
	return room.After(TurnTime, turnTimer, turn{m.Next})
}

// turnMS is the time to think of the side to move, 0 if there is none.
func turnMS(next Color) int64 {
	if next == "" {
		return 0
	}
	return TurnTime.Milliseconds()
}

func outOfTime(room *handlers.Room, m *Match, t turn) error {
	return over(room, m, t.Color, "timeout")
}

// over ends the match and the room, and gives both players what they have earned, points and ratings with it.
func over(room *handlers.Room, m *Match, loser Color, reason string) error {
	room.Cancel(turnTimer)
	o := m.end(loser, reason)
	room.Award(award(m.Black, Black, o.Winner))
	room.Award(award(m.White, White, o.Winner))
	room.Score(handlers.Score{User: m.Black, Value: points(Black, o.Winner)})
	room.Score(handlers.Score{User: m.White, Value: points(White, o.Winner)})
	room.Outcome(handlers.Outcome{Sides: []handlers.Side{
		{Place: place(Black, o.Winner), Users: []string{m.Black}}, {Place: place(White, o.Winner), Users: []string{m.White}},
	}})
	if err := room.Send("over", o); err != nil {
		return err
	}
	room.End()
	return nil
}

func award(user string, color Color, winner string) handlers.Award {
	switch winner {
	case string(color):
		return handlers.Award{User: user, Exp: 10, Gold: 10, Win: 1}
	case "draw":
		return handlers.Award{User: user, Exp: 5, Gold: 5, Draw: 1}
	}
	return handlers.Award{User: user, Exp: 3, Lose: 1}
}

// points are what a match counts on the leaderboard, where the sum of all stands.
func points(color Color, winner string) int64 {
	switch winner {
	case string(color):
		return 3
	case "draw":
		return 1
	}
	return 0
}

func place(color Color, winner string) int {
	if winner == "draw" || winner == string(color) {
		return 1
	}
	return 2
}

func view(room *handlers.Room, m *Match, _ string) (any, error) {
	v := snapshot{
		Board: m.Board.String(), Next: orNull(m.Next), Moves: []string{}, Black: orNull(m.Black), White: orNull(m.White), Over: m.Over,
		Players: room.Players(),
	}
	if m.TurnEnds > 0 {
		v.TurnMS = max(1, m.TurnEnds-room.Now().UnixMilli())
	}
	if m.Next != "" {
		v.Moves = m.Board.Moves(m.Next).Names()
	}
	return v, nil
}
