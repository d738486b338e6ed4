package arena

import (
	"encoding/json"

	"github.com/madang-games/madang/handlers/interest"
)

// moment is what follows from the rest of the state, and what players have been told. It is no part of what is kept: from a state that comes
// back it is made anew, and everybody is told all that is in view.
type moment struct {
	players *interest.Grid[int32] // by number
	coins   *interest.Grid[int32] // by index
	eyes    []eyes                // by number
	changed bool                  // since the latest frames
	pace    pace
	near    []int32
	frames  frames
}

// eyes are what one player has been told.
type eyes struct {
	name    []byte // of the user, as JSON
	players interest.View[int32]
	coins   interest.View[int32]
	open    bool // false: the next frame is due whatever it says
}

// MarshalJSON keeps nothing.
func (moment) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON begins anew.
func (m *moment) UnmarshalJSON([]byte) error {
	*m = moment{}
	return nil
}

// moment makes what follows from the state if it is not there.
func (y *yard) moment() *moment {
	m := &y.Moment
	if m.players != nil {
		return m
	}
	// The square has one column more, as its far edge belongs to it.
	m.players, m.coins = interest.New[int32](size+1, size+1, sight/2), interest.New[int32](size+1, size+1, sight/2)
	m.changed = true
	for n := range y.Players {
		if p := &y.Players[n]; p.User != "" {
			m.add(int32(n), p)
		}
	}
	for i, c := range y.Coins {
		m.coins.Put(int32(i), float64(c.X), float64(c.Y))
	}
	return m
}

func (m *moment) add(n int32, p *player) {
	for int(n) >= len(m.eyes) {
		m.eyes = append(m.eyes, eyes{})
	}
	name, _ := json.Marshal(p.User) // a string: can't fail
	m.eyes[n] = eyes{name: name}
	m.move(n, p)
}

func (m *moment) move(n int32, p *player) {
	m.players.Put(n, float64(p.X), float64(p.Y))
	m.changed = true
}

func (m *moment) remove(n int32) {
	m.players.Remove(n)
	m.changed = true
}

// close forgets what a player has been told.
func (m *moment) close(n int32) {
	m.eyes[n] = eyes{name: m.eyes[n].name}
	m.changed = true
}

// blink forgets what everybody has been told.
func (m *moment) blink() {
	for n := range m.eyes {
		m.close(int32(n))
	}
}

// forget makes the player's next frame due.
func (m *moment) forget(n int32) {
	m.eyes[n].open = false
	m.changed = true
}
