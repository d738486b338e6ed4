package web

import "time"

// ParkAfter has connections wait in the lot when they were quiet for so long. It is called before there are any.
func (g *Gateway) ParkAfter(quiet time.Duration) { g.park = quiet }

// Parked is how many connections wait in the lot.
func (g *Gateway) Parked() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.sessions {
		s.mu.Lock()
		if s.parked {
			n++
		}
		s.mu.Unlock()
	}
	return n
}

// HasLot: this system has a lot.
const HasLot = hasLot
