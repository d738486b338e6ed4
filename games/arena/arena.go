// Package arena is a square full of coins for up to 200 players at once, each of whom sees what is near.
package arena

import (
	"math"
	"slices"
	"time"

	"github.com/madang-games/madang/handlers"
)

// Everything is counted in tenths of a unit, in whole numbers.
const (
	unit  = 10
	size  = 2000 * unit // of the square
	sight = 300 * unit  // how far a player sees
	reach = 20 * unit   // how near a coin has to be
	ticks = 20          // a second
	speed = 200 * unit / ticks

	seats = 200
	coins = 200 // that lie there, always
)

// yard is the state of a room.
type yard struct {
	Tick    uint64           `json:"tick"`
	Numbers map[string]int32 `json:"numbers"` // of players, by user: their index in Players
	Players []player         `json:"players"`
	Coins   []coin           `json:"coins"`
	Minted  int              `json:"minted"` // coins that there have been
	Moment  moment           `json:"moment"`
}

// player is one of those who are there. A place that is free has no User, and is taken by who comes next.
type player struct {
	User  string `json:"user"`
	X     int32  `json:"x"`
	Y     int32  `json:"y"`
	VX    int32  `json:"vx"` // a tick
	VY    int32  `json:"vy"`
	Steer uint64 `json:"steer,omitempty"` // the client's number of what it steers by
	Score int    `json:"score"`
	Away  bool   `json:"away,omitempty"`
	Left  uint64 `json:"left,omitempty"` // of a free place: the tick after which it became so
}

type coin struct {
	ID int   `json:"id"`
	X  int32 `json:"x"`
	Y  int32 `json:"y"`
}

// Game is the arena as docs/protocol.md describes it.
func Game() *handlers.Game[yard] {
	g := handlers.New("arena", func() *yard { return &yard{Numbers: map[string]int32{}} }).WithPolicy(handlers.Policy{
		Keep:     handlers.Checkpointed{Every: time.Second},
		Capacity: seats,
		Grace:    20 * time.Second,
		Rates:    handlers.Rates{Player: 50, PlayerBurst: 200}, // who was cut off says at once what it wanted meanwhile
	})
	handlers.Latest(g, "frame")
	handlers.Joined(g, join)
	handlers.Left(g, leave)
	handlers.Suspended(g, func(_ *handlers.Room, y *yard, p handlers.Player) error { return y.away(p, true) })
	handlers.Resumed(g, func(_ *handlers.Room, y *yard, p handlers.Player) error { return y.away(p, false) })
	handlers.On(g, "steer", steer)
	handlers.Tick(g, ticks, tick)
	handlers.Snapshot(g, snapshot)
	return g
}

func join(room *handlers.Room, y *yard, p handlers.Player) error {
	m := y.moment()
	for len(y.Coins) < coins {
		y.Coins = append(y.Coins, coin{})
		y.mint(room, len(y.Coins)-1)
	}
	n := slices.IndexFunc(y.Players, func(p player) bool { return p.User == "" })
	if n < 0 {
		n = len(y.Players)
		y.Players = append(y.Players, player{})
	} else if y.Tick-y.Players[n].Left < m.pace.untold() {
		m.blink() // some may still be told that who had the number is gone
	}
	rng := room.Rand()
	y.Players[n] = player{User: p.ID, X: rng.Int32N(size + 1), Y: rng.Int32N(size + 1)}
	y.Numbers[p.ID] = int32(n)
	m.add(int32(n), &y.Players[n])
	return nil
}

func leave(_ *handlers.Room, y *yard, p handlers.Player) error {
	n, ok := y.Numbers[p.ID]
	if !ok {
		return nil
	}
	y.moment().remove(n)
	delete(y.Numbers, p.ID)
	y.Players[n] = player{Left: y.Tick}
	return nil
}

// away stops who is not there; nobody tells it what it sees meanwhile.
func (y *yard) away(who handlers.Player, away bool) error {
	if n, ok := y.Numbers[who.ID]; ok {
		p := &y.Players[n]
		p.Away, p.VX, p.VY = away, 0, 0
		y.moment().close(n)
	}
	return nil
}

// steering is a direction; what is longer than 1 counts as 1.
type steering struct {
	DX float64 `json:"dx"`
	DY float64 `json:"dy"`
	N  uint64  `json:"n"` // comes back in the frame, for clients that foresee their own movement
}

func steer(room *handlers.Room, y *yard, s steering) error {
	n, ok := y.Numbers[room.From()]
	if !ok {
		return nil
	}
	dx, dy := min(max(s.DX, -1), 1), min(max(s.DY, -1), 1)
	if length := math.Hypot(dx, dy); length > 1 {
		dx, dy = dx/length, dy/length
	}
	p := &y.Players[n]
	p.VX, p.VY = int32(dx*speed), int32(dy*speed) // towards 0, so never faster
	if p.Steer = s.N; s.N > 0 {
		y.moment().forget(n)
	}
	return nil
}

func tick(room *handlers.Room, y *yard) error {
	y.Tick++
	m := y.moment()
	m.pace.tick(room.Late())
	for n := range y.Players {
		p := &y.Players[n]
		if p.VX == 0 && p.VY == 0 {
			continue
		}
		x, z := min(max(p.X+p.VX, 0), size), min(max(p.Y+p.VY, 0), size)
		if x != p.X || z != p.Y {
			p.X, p.Y = x, z
			m.move(int32(n), p)
		}
	}
	if !m.changed {
		return nil
	}
	y.collect(room)
	return y.tell(room)
}

// collect gives each coin to who is nearest of those that reach it, and mints another. Of equals the first number has it.
func (y *yard) collect(room *handlers.Room) {
	m := y.moment()
	for i := range y.Coins {
		c := &y.Coins[i]
		m.near = m.players.Near(m.near[:0], float64(c.X), float64(c.Y), reach)
		winner, least := int32(-1), int64(math.MaxInt64)
		for _, n := range m.near {
			p := &y.Players[n]
			dx, dy := int64(p.X-c.X), int64(p.Y-c.Y)
			if d := dx*dx + dy*dy; d < least || d == least && n < winner {
				winner, least = n, d
			}
		}
		if winner >= 0 {
			y.Players[winner].Score++
			m.forget(winner)
			y.mint(room, i)
		}
	}
}

// mint puts a new coin in the place of the i-th.
func (y *yard) mint(room *handlers.Room, i int) {
	y.Minted++
	rng := room.Rand()
	c := coin{y.Minted, rng.Int32N(size + 1), rng.Int32N(size + 1)}
	y.moment().coins.Remove(int32(i))
	y.moment().coins.Put(int32(i), float64(c.X), float64(c.Y))
	y.moment().changed = true
	y.Coins[i] = c
}
