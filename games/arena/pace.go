package arena

import "time"

// A machine that has more to do than it can would play its ticks later and later. So who looks on is told less often instead: each
// player of every second, fourth or eighth frame, in turn, until the ticks are in time again. No frame says less for that: it has
// all that has changed since the player's last one.
//
// One tick that is late says nothing: something else had the processor for a moment. What counts is a third one within a second.
const (
	paceMost   = 8
	paceLate   = 10 * time.Millisecond // from this on a tick is late
	paceSettle = ticks / 2             // for so many ticks a pace is tried before it is slowed down further
	paceCalm   = 3 * ticks             // so many ticks of which no two within a second were late until it is sped up
)

// pace is how often players are told, for as long as the room is in memory.
type pace struct {
	every uint64 // each player one tick of so many; 0 is 1
	since int    // ticks that it has been tried
	late  int    // what is left of late ticks: each counts for a second's ticks, which every tick in time takes 1 from
	calm  int    // ticks in a row without two late ones within a second
}

// tick takes in how late a tick is played.
func (p *pace) tick(late time.Duration) {
	p.every = max(p.every, 1)
	p.since++
	if late >= paceLate {
		p.late = min(p.late+ticks, 3*ticks)
	} else {
		p.late = max(p.late-1, 0)
	}
	if p.calm++; p.late > ticks {
		p.calm = 0
	}
	switch {
	case p.late > 2*ticks && p.every < paceMost && (p.every == 1 || p.since >= paceSettle):
		p.every, p.since = 2*p.every, 0
	case p.calm >= paceCalm && p.every > 1:
		p.every, p.since, p.calm = p.every/2, 0, 0
	}
}

// untold is for how many ticks at most somebody may not have been told of what it sees.
func (p *pace) untold() uint64 {
	if p.every <= 1 && p.since >= paceMost {
		return 1
	}
	return paceMost
}

// tells reports whether player n is told of what it sees at a tick.
func (p *pace) tells(tick uint64, n int) bool { return p.every <= 1 || (tick+uint64(n))%p.every == 0 }
