package web

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// signIn makes s known as a connection of its user and ends the user's older ones; false: another one is newer than s.
// since is when s asked to be signed in, by the store's clock: not when the store got round to it, as a client whose
// connection was cut meanwhile may have been signed in on another one before.
func (g *Gateway) signIn(s *session, since time.Time) bool {
	s.since = since.UnixNano()
	s.checked.Store(g.now().UnixNano())
	s.expire(s.user.ExpiresAt)
	g.mu.Lock()
	here := slices.Clone(g.users[s.user.User])
	g.users[s.user.User] = append(g.users[s.user.User], s)
	g.mu.Unlock()
	g.presences.move(s.user.User)
	if slices.ContainsFunc(here, func(other *session) bool { return other.newerThan(s.since, s.id) }) {
		return false
	}
	for _, old := range here {
		old.end(refuseReplaced, "")
	}
	return true
}

// newerThan compares with a connection that signed in then. The store's clock says which is the newer; of two that it
// found in the same microsecond one is as good as the other, but it is the same one for everybody.
func (s *session) newerThan(since int64, conn string) bool {
	return s.since > since || s.since == since && s.id > conn
}

// signOut forgets s, signed in or not.
func (g *Gateway) signOut(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if delete(g.sessions, s); len(g.sessions) == 0 {
		g.hush()
		if g.lot != nil {
			g.lot.close()
			g.lot = nil
		}
	}
	if g.addresses[s.address]--; g.addresses[s.address] <= 0 {
		delete(g.addresses, s.address)
	}
	g.metrics.connections.Dec()
	user := s.user.User
	g.presences.move(user)
	rest := slices.DeleteFunc(g.users[user], func(other *session) bool { return other == s })
	if len(rest) == 0 {
		delete(g.users, user)
	} else {
		g.users[user] = rest
	}
	g.open.Done()
}

// see takes a notice of the board.
func (g *Gateway) see(n broker.Notice) {
	switch n.Kind {
	case broker.NoticeDoubt:
		if n.From != g.process {
			g.note(g.now())
		}
	case broker.NoticeSession:
		g.seeSession(n)
	case broker.NoticeNotes:
		g.seeNotes(n)
	case broker.NoticeAnnounce:
		g.seeAnnounced(n)
	case broker.NoticeMissed:
		g.reread()
		g.errand(g.refresh)
	default:
		g.roster.Observe(n, g.now())
	}
}

// seeSession ends connections that are not their user's newest one any more.
func (g *Gateway) seeSession(n broker.Notice) {
	var m broker.SessionMoved
	if err := json.Unmarshal(n.Body, &m); err != nil || m.User == "" {
		g.log.Warn("a notice cannot be read", "kind", n.Kind, "from", n.From, "err", err)
		return
	}
	g.mu.Lock()
	here := slices.Clone(g.users[m.User])
	g.mu.Unlock()
	for _, s := range here {
		switch {
		case s.id == m.Conn:
		case m.Session == "":
			s.end(refuseNotSignedIn, "")
		case m.Since != 0 && s.newerThan(m.Since, m.Conn):
			g.errand(func(context.Context) { s.postMoved() }) // it is the other one that must end
		case m.Since != 0:
			s.end(refuseReplaced, "")
		case m.Session != s.user.ID:
			g.doubt(s) // which of the two is newer only the store knows: the notice may be late
		}
	}
}

// doubt has the session checked soon.
func (g *Gateway) doubt(s *session) {
	s.checked.Store(0) // should there be no time for it, the sweep will find it
	g.errand(func(ctx context.Context) { g.check(ctx, s) })
}

// errand has Run do what would take too long here. Past its bound errands are dropped: notices are hints.
func (g *Gateway) errand(do func(ctx context.Context)) {
	select {
	case g.errands <- do:
	default:
		g.metrics.dropped.WithLabelValues("errand").Inc()
		g.log.Warn("too many notices about sessions at once; one is passed over")
	}
}

const (
	sweepEvery   = 30 * time.Second
	recheckAfter = 10 * time.Minute
	// recheckMost bounds how many sessions one sweep looks up.
	recheckMost = 500
)

// expire notes when the session ends.
func (s *session) expire(at time.Time) {
	if at.IsZero() {
		s.expires.Store(0)
		return
	}
	s.expires.Store(at.UnixNano())
}

func (s *session) expired(now time.Time) bool {
	at := s.expires.Load()
	return at != 0 && now.UnixNano() >= at
}

// sweep looks up the connections whose session has run out, which ends them unless it was extended, and those that have
// not been looked up for long: a notice of their end may have been lost.
func (g *Gateway) sweep(ctx context.Context) {
	now := g.now()
	var old []*session
	g.mu.Lock()
	for _, of := range g.users {
		for _, s := range of {
			long := now.UnixNano()-s.checked.Load() > int64(recheckAfter)
			if (long || s.expired(now)) && len(old) < recheckMost {
				old = append(old, s)
			}
		}
	}
	g.mu.Unlock()
	for _, s := range old {
		g.check(ctx, s)
	}
}

// check ends the connection if its session is not the user's any more.
func (g *Gateway) check(ctx context.Context, s *session) {
	now := g.now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, err := g.store.Session(ctx, s.token, now)
	switch {
	case errors.Is(err, store.ErrNotFound) && s.expired(now):
		s.end(refuseNotSignedIn, "")
	case errors.Is(err, store.ErrNotFound):
		s.end(refuseReplaced, "")
	case err != nil:
		g.log.Warn("cannot look a session up", "conn", s.id, "user", s.user.User, "err", err)
	default:
		s.expire(found.ExpiresAt)
		s.checked.Store(now.UnixNano())
	}
}
