package web

import "time"

// pulseEvery is how often all connections are looked at: whether one is too late with something, or needs a heart-beat. So
// none of them has timers of its own.
const pulseEvery = time.Second

// pulse looks at all connections until there is none. It is started with the first one.
func (g *Gateway) pulse(quit <-chan struct{}) {
	ticker := time.NewTicker(pulseEvery)
	defer ticker.Stop()
	var all []*session
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		all = all[:0]
		g.mu.Lock()
		for s := range g.sessions {
			all = append(all, s)
		}
		g.mu.Unlock()
		now := time.Now()
		for _, s := range all {
			s.pulse(now)
		}
		clear(all)
	}
}

var heartBeat = []byte{'\n'}

func (s *session) pulse(now time.Time) {
	if why := s.dog.look(now); why != nil {
		s.end(why, "")
		return
	}
	s.mu.Lock()
	user := s.user.User
	s.mu.Unlock()
	if user != "" && s.g.gate.Shut(user) {
		s.end(refuseMaintenance, "")
		return
	}
	if user != "" {
		s.quiet(now)
	}
	if every := s.beat.Load(); every > 0 && now.UnixNano()-s.out.last.Load() >= every {
		s.out.offer(packet{head: heartBeat})
	}
}
