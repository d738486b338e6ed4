package main

import (
	"time"

	"github.com/madang-games/madang/handlers"
)

// match is the state of a room of players who are in motion and talk: `madang load --match` plays it.
type match struct {
	Players map[string]*mover // by user
	Collect bool              // what is said waits for the tick
	Said    []handlers.Raw    // and here
}

// mover is a player on a field of fieldSize.
type mover struct {
	X, Y, Step int
	Notes      int    // heard of it
	Noted      string // by the latest
}

type matchOptions struct {
	Capacity int  `json:"capacity"`
	Collect  bool `json:"collect"`
}

const (
	ticks     = 10 // a second
	fieldSize = 1000
)

// matches is a game of ticks: a note changes the state and nothing else, what is said goes to everybody, too: at once, or at the next tick.
func matches() handlers.Definition {
	g := handlers.New("match", func() *match { return &match{Players: map[string]*mover{}} }).WithPolicy(handlers.Policy{
		Keep: handlers.Checkpointed{Every: time.Second}, Capacity: 100, Grace: 30 * time.Minute,
	})
	handlers.Open(g, func(o *handlers.Opener, m *match, opts matchOptions) error {
		if opts.Capacity > 0 {
			o.Capacity(opts.Capacity)
		}
		m.Collect = opts.Collect
		return nil
	})
	handlers.Joined(g, func(_ *handlers.Room, m *match, p handlers.Player) error {
		m.Players[p.ID] = &mover{}
		return nil
	})
	handlers.Left(g, func(_ *handlers.Room, m *match, p handlers.Player) error {
		delete(m.Players, p.ID)
		return nil
	})
	handlers.On(g, "note", func(room *handlers.Room, m *match, note struct{ N string }) error {
		p := m.Players[room.From()]
		p.Notes++
		p.Noted = note.N
		return nil
	})
	handlers.On(g, "say", func(room *handlers.Room, m *match, said handlers.Raw) error {
		p := m.Players[room.From()]
		p.Step = (p.Step + 1) % fieldSize
		if m.Collect {
			m.Said = append(m.Said, said)
			return nil
		}
		return room.Send("say", said)
	})
	handlers.On(g, "count", func(room *handlers.Room, m *match, _ struct{}) error {
		return room.Reply("counted", map[string]int{"notes": m.Players[room.From()].Notes})
	})
	handlers.Tick(g, ticks, func(room *handlers.Room, m *match) error {
		for _, p := range m.Players {
			p.X = (p.X + p.Step) % fieldSize
			p.Y = (p.Y + 1) % fieldSize
		}
		for _, said := range m.Said {
			if err := room.Send("say", said); err != nil {
				return err
			}
		}
		m.Said = nil
		return nil
	})
	return g
}
