package handlers

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// Player is a member of the room.
type Player struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Online bool   `json:"online"` // a connection of it listens
	// Spectator: it only watches. See [Watched].
	Spectator bool `json:"spectator,omitempty"`
}

// member is a player, or a spectator, and what the engine remembers of it. Its owner is the Instance.
type member struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Seq    uint64 `json:"seq,omitempty"` // highest handled
	Online bool   `json:"online,omitempty"`
	Conn   string `json:"conn,omitempty"`  // the newest connection that listened
	Until  int64  `json:"until,omitempty"` // while not online: when its grace is over
	Hold   int64  `json:"hold,omitempty"`  // while not online: how long that is in all
	// New: it has not been online yet, so that coming online is no news.
	New bool `json:"new,omitempty"`
	// Told: its seat has been told that it is in, together with the memory that says so.
	Told  bool     `json:"told,omitempty"`
	Watch bool     `json:"watch,omitempty"` // a spectator
	Areas []string `json:"areas,omitempty"` // that it watches
	Marks []mark   `json:"marks,omitempty"` // of its latest connections, oldest first
}

// mark is the highest ConnSeq handled of one connection.
type mark struct {
	Conn string `json:"conn"`
	Seq  uint64 `json:"seq"`
}

// keptMarks is how many connections of a member have a mark.
const keptMarks = 4

func (m *member) player() Player { return Player{m.ID, m.Name, m.Online, m.Watch} }

// handled reports whether an event with these two counters has been handled before.
func (m *member) handled(seq uint64, conn string, connSeq uint64) bool {
	if seq > 0 && seq <= m.Seq {
		return true
	}
	if conn == "" || connSeq == 0 {
		return false
	}
	i := m.mark(conn)
	return i >= 0 && connSeq <= m.Marks[i].Seq
}

func (m *member) mark(conn string) int {
	return slices.IndexFunc(m.Marks, func(k mark) bool { return k.Conn == conn })
}

// note counts an event as handled.
func (m *member) note(seq uint64, conn string, connSeq uint64) {
	m.Seq = max(m.Seq, seq)
	if conn == "" {
		return
	}
	if i := m.mark(conn); i >= 0 {
		m.Marks[i].Seq = max(m.Marks[i].Seq, connSeq)
		return
	}
	if len(m.Marks) == keptMarks {
		m.Marks = slices.Delete(m.Marks, 0, 1)
	}
	m.Marks = append(m.Marks, mark{conn, connSeq})
}

// attach takes conn for the newest connection and reports whether the member was suspended. One that was seen before
// the one that listens now stays the older one.
func (m *member) attach(conn string) (resumed bool) {
	if i := m.mark(conn); m.Online && i >= 0 && i < m.mark(m.Conn) {
		return false
	}
	resumed = !m.Online && !m.New
	m.Conn, m.Online, m.New, m.Until, m.Hold = conn, true, false, 0, 0
	return resumed
}

// goOn takes over what is known of the member's connections and messages.
func (m *member) goOn(before *member) {
	m.Seq, m.Online, m.Conn, m.Marks = before.Seq, before.Online, before.Conn, before.Marks
	m.Areas = before.Areas
	if m.New = before.New; m.Online {
		m.Until, m.Hold = 0, 0
	}
}

func (in *Instance) add(user, name string) *member {
	m := &member{ID: user, Name: name, New: true}
	in.hold(m, "")
	in.members = append(in.members, m)
	in.byID[user], in.watchers = m, nil
	return m
}

func (in *Instance) remove(m *member) {
	delete(in.byID, m.ID)
	delete(in.ofPlayer, m.ID)
	in.watchers = nil
	in.members = slices.DeleteFunc(in.members, func(o *member) bool { return o == m })
}

// hold starts the member's grace anew, for a reason.
func (in *Instance) hold(m *member, reason string) {
	m.Hold = int64(in.rules.policy.graceOf(reason))
	m.Until = in.clock + m.Hold
}

// Conns are the connections of the members who are online, with their users.
func (in *Instance) Conns() iter.Seq2[string, string] {
	return func(yield func(conn, user string) bool) {
		for _, m := range in.members {
			if m.Online && !yield(m.Conn, m.ID) {
				return
			}
		}
	}
}

// Online is how many members, and spectators, have a connection that listens.
func (in *Instance) Online() int {
	n := 0
	for _, m := range in.members {
		if m.Online {
			n++
		}
	}
	return n
}

// Members is how many players the room has.
func (in *Instance) Members() int {
	n := 0
	for _, m := range in.members {
		if !m.Watch {
			n++
		}
	}
	return n
}

// Member reports whether the user is in the room, and whether it only watches.
func (in *Instance) Member(user string) (watches, member bool) {
	m := in.byID[user]
	return m != nil && m.Watch, m != nil
}

// Handled is the highest Seq of the user that was handled, 0 for none and for a user that is no member.
func (in *Instance) Handled(user string) uint64 {
	if m := in.byID[user]; m != nil {
		return m.Seq
	}
	return 0
}

// NextFireID names what is due first, the same in every process: for the log, and to skip what was given up.
func (in *Instance) NextFireID() string {
	var first *timer
	for i := range in.timers {
		if t := &in.timers[i]; first == nil || t.At < first.At {
			first = t
		}
	}
	var last *member
	for _, m := range in.members {
		if !m.Online && (last == nil || m.Until < last.Until) {
			last = m
		}
	}
	switch {
	case first != nil && (last == nil || first.At <= last.Until):
		return fmt.Sprintf("timer/%s/%d", first.Name, first.Number)
	case last != nil:
		return fmt.Sprintf("grace/%s/%d", last.ID, last.Until)
	}
	return ""
}

// NextFire is when the earliest timer or grace time is due; false: there is none. From then on an EventFire plays it.
func (in *Instance) NextFire() (time.Time, bool) {
	var next int64
	some := false
	take := func(at int64) {
		if !some || at < next {
			next, some = at, true
		}
	}
	for _, t := range in.timers {
		take(t.At)
	}
	for _, m := range in.members {
		if !m.Online {
			take(m.Until)
		}
	}
	if !some || in.ended {
		return time.Time{}, false
	}
	return time.Unix(0, next).UTC(), true
}
