package web

import (
	"errors"
	"os"
	"time"
)

// A connection from which no frame has come for a while waits in the lot, where the system lets it: then it has no goroutine, as the
// stack of one would be a third of all that it costs. Whatever comes, but for heart-beats, or its end, gives it one again: for as long as
// that takes where the client has been silent for long before, as it will be again.

// parkAfter is how long a connection is quiet before it waits in the lot.
const parkAfter = 5 * time.Second

// listen reads until the session is over, or waits in the lot.
func (s *session) listen() {
	if s.seldom {
		s.seldom = false
		b := s.socket.ahead
		s.socket.ahead = nil
		if err := s.come(b); err != nil {
			s.over(err)
			return
		}
		if s.idle() && !s.socket.within && s.goPark() {
			return
		}
	}
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
	if s.why == "" { // else the deadline may be that of the closing
		_ = s.socket.conn.SetReadDeadline(time.Time{}) // fails where the next read does
	}
	return true
}

// goPark has the session wait in the lot. False: it goes on reading, as it has ended meanwhile or the lot does not take it.
func (s *session) goPark() bool {
	lot := s.g.openLot()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != "" {
		return false
	}
	if lot != nil {
		if spot, err := lot.enter(s); err == nil {
			s.parked, s.lot, s.spot = true, lot, spot
			if s.goes { // since this goroutine looked
				s.goes = false
				_ = s.socket.conn.SetReadDeadline(time.Time{})
			}
			return true
		}
	}
	s.spoke.Store(time.Now().UnixNano()) // not again at once
	return false
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

// stir looks at what has come from a session that waits in the lot. A heart-beat is noted at once, anything else is left to a
// goroutine. buffer is what it is read into. It does not block.
func (s *session) stir(buffer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parked {
		return
	}
	s.parked = false
	n := s.socket.direct.peek(buffer)
	if s.idle() && !s.socket.within && isHeartBeat(buffer[:n]) {
		s.g.metrics.bytesIn.Add(float64(n))
		if s.patience > 0 {
			s.dog.wait(s.patience, refuseNoHeartBeat)
		}
		n = 0
		if spot, err := s.lot.enter(s); err == nil {
			s.parked, s.spot = true, spot
			return
		}
	}
	s.socket.ahead = append(s.socket.ahead, buffer[:n]...)
	s.seldom = n > 0 && time.Now().UnixNano()-s.spoke.Load() >= int64(s.g.park)
	go s.listen()
}

// isHeartBeat: b is one WebSocket frame with an end of line and nothing else, as clients send it who have nothing to say.
func isHeartBeat(b []byte) bool {
	return len(b) == 7 && (b[0] == 0x80|opText || b[0] == 0x80|opBinary) && b[1] == 0x80|1 && b[6]^b[2] == '\n'
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
