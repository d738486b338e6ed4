package arena

import (
	"strconv"

	"github.com/madang-games/madang/handlers"
)

// frames is what frames are made in. Players stand in many of them, so each is written once.
type frames struct {
	written []byte // of all players, one after the other
	ends    []int  // in written, by number
	size    int    // bytes of all frames of the latest tick
}

const contentJSON = "application/json"

// tell sends a frame to each player who sees something else than before, and whose turn it is.
func (y *yard) tell(room *handlers.Room) error {
	m := y.moment()
	m.changed = false
	y.write()
	// Frames are not changed once they are sent, so each tick has bytes of its own, in one piece.
	all := make([]byte, 0, m.frames.size+m.frames.size/8+1024)
	for n := range y.Players {
		p := &y.Players[n]
		if p.User == "" || p.Away {
			continue
		}
		if !m.pace.tells(y.Tick, n) {
			m.changed = true // for the player's next turn
			continue
		}
		if !y.look(int32(n), &m.eyes[n]) {
			continue
		}
		from := len(all)
		all = append(y.appendFrame(all, int32(n), &m.eyes[n]), '}')
		body := handlers.Raw{ContentType: contentJSON, Body: all[from:len(all):len(all)]}
		if err := room.Send("frame", body, p.User); err != nil {
			return err
		}
	}
	m.frames.size = len(all)
	return nil
}

// look lets a player look around, and reports whether a frame is due.
func (y *yard) look(n int32, e *eyes) bool {
	m, p := y.moment(), &y.Players[n]
	x, z := float64(p.X), float64(p.Y)
	players, coins := e.players.Look(m.players, x, z, sight), e.coins.Look(m.coins, x, z, sight)
	due := players || coins || !e.open
	e.open = true
	return due
}

// write writes each player as it stands in frames.
func (y *yard) write() {
	m := y.moment()
	f := &m.frames
	f.written, f.ends = f.written[:0], f.ends[:0]
	for n := range y.Players {
		if p := &y.Players[n]; p.User != "" {
			f.written = append(f.written, '[')
			f.written = append(f.written, m.eyes[n].name...)
			f.written = append(f.written, ',')
			f.written = append(appendPlace(f.written, p.X, p.Y), ']', ',')
		}
		f.ends = append(f.ends, len(f.written))
	}
}

// appendFrame appends what a player sees, as its latest look found it, but for the last brace.
func (y *yard) appendFrame(b []byte, n int32, e *eyes) []byte {
	m := y.moment()
	p, f := &y.Players[n], &m.frames
	b = append(b, `{"tick":`...)
	b = strconv.AppendUint(b, y.Tick, 10)
	b = append(b, `,"you":[`...)
	b = appendPlace(b, p.X, p.Y)
	b = append(b, `],"seen":[`...)
	for _, other := range e.players.Seen {
		if other == n {
			continue
		}
		from := 0
		if other > 0 {
			from = f.ends[other-1]
		}
		b = append(b, f.written[from:f.ends[other]]...)
	}
	b = append(closed(b), `,"gone":[`...)
	for _, other := range e.players.Left {
		if name := m.eyes[other].name; other != n && len(name) > 0 {
			b = append(append(b, name...), ',')
		}
	}
	b = append(closed(b), `,"coins":[`...)
	for _, i := range e.coins.Seen {
		c := &y.Coins[i]
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(c.ID), 10)
		b = append(b, ',')
		b = append(appendPlace(b, c.X, c.Y), ']', ',')
	}
	b = append(closed(b), `,"score":`...)
	b = strconv.AppendInt(b, int64(p.Score), 10)
	if p.Steer > 0 {
		b = append(b, `,"n":`...)
		b = strconv.AppendUint(b, p.Steer, 10)
	}
	return b
}

// closed ends a list whose members have a comma behind them.
func closed(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, ']')
}

// appendPlace appends x and y in units.
func appendPlace(b []byte, x, y int32) []byte {
	return appendTenths(append(appendTenths(b, x), ','), y)
}

func appendTenths(b []byte, n int32) []byte {
	b = strconv.AppendInt(b, int64(n/unit), 10)
	if rest := n % unit; rest > 0 {
		b = append(b, '.', byte('0'+rest))
	}
	return b
}
