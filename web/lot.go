package web

import (
	"errors"
	"os"
	"time"
)

// A connection from which no frame has come for a while waits in the lot, where the system lets it: then it has no goroutine, as the
// stack of one would be a third of all that it costs. Whatever comes, or its end, gives it one again. Heart-beats do, too, for a moment.

// parkAfter is how long a connection is quiet before it waits in the lot.
const parkAfter = 5 * time.Second

// listen reads until the session is over, or waits in the lot.
func (s *session) listen() {
	for {
		err := s.socket.read(s.come)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !s.toldToGo() {
			s.over(err)
			return
		}
		if s.goPark() {
			return
		}
	}
}

// quiet has the reading goroutine go if no frame has come for long enough.
func (s *session) quiet(now time.Time) {
	if !hasLot || s.socket.direct == nil || now.UnixNano()-s.spoke.Load() < int64(s.g.park) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parked || s.goes || s.why != "" {
		return
	}
	s.goes = true
	_ = s.socket.conn.SetReadDeadline(time.Unix(1, 0)) // ends the read that waits; fails where that has ended
}

// toldToGo reports whether the read was ended by quiet.
func (s *session) toldToGo() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.goes {
		return false
	}
	s.goes = false
	_ = s.socket.conn.SetReadDeadline(time.Time{}) // fails where the next read does
	return true
}

// goPark has the session wait in the lot. False: it goes on reading, as it has ended meanwhile or the lot does not take it.
func (s *session) goPark() bool {
	lot := s.g.openLot()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != "" || lot == nil {
		return false
	}
	spot, err := lot.enter(s)
	if err != nil {
		s.spoke.Store(time.Now().UnixNano()) // not again at once
		return false
	}
	s.parked, s.lot, s.spot = true, lot, spot
	return true
}

// openLot returns the gateway's lot, which is there from the first quiet session on until none is left; nil: the system has none.
func (g *Gateway) openLot() *lot {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lot == nil {
		if g.lot = newLot(); g.lot != nil {
			g.pulses.Go(g.lot.run)
		}
	}
	return g.lot
}

// unpark gives the session a goroutine if it waits in the lot.
func (s *session) unpark() {
	s.mu.Lock()
	parked, lot, spot := s.parked, s.lot, s.spot
	s.parked = false
	s.mu.Unlock()
	if parked {
		lot.take(spot)
		go s.listen()
	}
}
