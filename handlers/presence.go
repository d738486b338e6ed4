package handlers

import "time"

// This file is how players come, go and come back. Each function plays the engine's part of a step, then calls the
// game's hook unless the step is undone.

type presenceBody struct {
	User      string `json:"user"`
	Name      string `json:"name"`
	Reason    string `json:"reason,omitempty"`
	Until     int64  `json:"until,omitempty"` // milliseconds since 1970
	Spectator bool   `json:"spectator,omitempty"`
}

// presence puts what becomes of a member: to everybody, or of a spectator to itself.
func (r *Room) presence(typ string, m *member, reason string, until int64) *Output {
	out := r.system(typ, presenceBody{m.ID, m.Name, reason, until, m.Watch})
	if m.Watch {
		out.To = []string{m.ID}
	}
	return out
}

// system puts an output of the engine, to everybody.
func (r *Room) system(typ string, body any) *Output {
	_, data, _ := encodeBody(body, MaxSnapshot)
	r.put(Output{Type: typ, ContentType: contentJSON, Body: data})
	return &r.outputs[len(r.outputs)-1]
}

// join takes s.User in. One who is in already is no news.
func (in *Instance) join(s *step) error {
	m := in.byID[s.User]
	if m == nil || m.Watch && !s.watches() {
		return in.takeIn(s)
	}
	in.again(m, s)
	if !m.Online {
		in.hold(m, "")
	}
	return nil
}

// watches reports whether an EventJoin or EventAttach is of one who only watches.
func (s *step) watches() bool { return s.Reason == ReasonSpectator }

// takeIn makes s.User a member, or lets it go again when s is undone. One who has watched is a player from now on.
func (in *Instance) takeIn(s *step) error {
	r := &in.room
	r.joining = true
	before := in.byID[s.User]
	if before != nil {
		in.remove(before)
	}
	if s.undone {
		in.tell(s)
		out := r.system("$left", presenceBody{User: s.User, Name: s.Name, Reason: "refused"})
		out.To, out.Unseat = []string{s.User}, s.User
		r.unseated = []string{s.User}
		return nil
	}
	m := in.add(s.User, s.Name)
	if before != nil {
		m.goOn(before)
	}
	m.Watch = s.watches()
	m.note(s.Seq, s.Conn, s.ConnSeq)
	if s.Kind == EventAttach {
		m.attach(s.Conn)
	}
	r.seated, m.Told = []string{m.ID}, true
	r.presence("$joined", m, "", 0)
	if m.Watch {
		return in.hook(s, in.rules.watched, m)
	}
	return in.hook(s, in.rules.joined, m)
}

// again notes a step of a member who is in already.
func (in *Instance) again(m *member, s *step) {
	if s.Name != "" {
		m.Name = s.Name
	}
	if m.waits(s.Kind) {
		in.room.seated, m.Told = []string{m.ID}, true
	}
}

// waits reports whether the member's seat may wait to hear that it is in. A lobby that asks does not know; one who comes to listen has
// a seat that was told, if the room has told it once: who gives it up and takes it again is announced by a lobby.
func (m *member) waits(kind EventKind) bool {
	return kind == EventJoin || kind == EventAttach && !m.Told
}

// attach puts s.User online.
func (in *Instance) attach(s *step) error {
	m := in.byID[s.User]
	if m == nil || m.Watch && !s.watches() {
		return in.takeIn(s)
	}
	in.again(m, s)
	resumed := m.attach(s.Conn)
	m.note(s.Seq, s.Conn, s.ConnSeq)
	if !resumed {
		return nil
	}
	in.room.presence("$resumed", m, "", 0)
	if m.Watch {
		return nil
	}
	return in.hook(s, in.rules.resumed, m)
}

// detach suspends s.User, if it was its newest connection that has gone.
func (in *Instance) detach(s *step) error {
	m := in.byID[s.User]
	m.note(s.Seq, s.Conn, s.ConnSeq)
	if !m.Online || m.Conn != s.Conn {
		return nil
	}
	m.Online = false
	in.hold(m, s.Reason)
	in.room.presence("$suspended", m, s.Reason, m.Until/int64(time.Millisecond))
	if m.Watch {
		return nil
	}
	return in.hook(s, in.rules.suspended, m)
}

// leave lets s.User go.
func (in *Instance) leave(s *step) error {
	m := in.byID[s.User]
	in.letGo(m, s.Reason)
	if m.Watch {
		return in.hook(s, in.rules.unwatched, m)
	}
	if in.Members() == 0 { // nobody is left to be watched
		for len(in.members) > 0 {
			in.letGo(in.members[0], reasonEmpty)
		}
	}
	return in.hook(s, in.rules.left, m)
}

// reasonEmpty is why spectators leave when the last player has left.
const reasonEmpty = "empty"

func (in *Instance) letGo(m *member, reason string) {
	in.remove(m)
	m.Online = false
	in.room.unseated = append(in.room.unseated, m.ID)
	in.room.presence("$left", m, reason, 0).Unseat = m.ID
}

func (in *Instance) hook(s *step, h hook, m *member) error {
	if h == nil || s.undone {
		return nil
	}
	return guard(func() error { return h(&in.room, m.player()) })
}

// HoldAgain begins the grace of every member that is not online anew, at now: for a process that takes the room up
// after another one, as nobody could come back while no process had it. It returns whether there was such a member.
func (in *Instance) HoldAgain(now time.Time) bool {
	if in.ended || in.broken != nil {
		return false
	}
	held := false
	for _, m := range in.members {
		if !m.Online {
			in.advance(now)
			if m.Hold == 0 {
				m.Hold = int64(in.rules.policy.Grace)
			}
			m.Until = in.clock + m.Hold
			held = true
		}
	}
	if held {
		in.renew()
	}
	return held
}
