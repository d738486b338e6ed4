package handlers

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// maxAfter is how far ahead a timer may be set.
const maxAfter = 366 * 24 * time.Hour

// timer is one that waits.
type timer struct {
	Name        string `json:"name"`
	At          int64  `json:"at"`
	Number      uint64 `json:"number"` // tells it from an earlier one of that name
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"body,omitempty"`
}

// After sets the timer called name: after d its [OnTimer] function is called with body, once. It replaces a timer of that
// name. At most a year, and [MaxTimers] wait in one room. A timer of a sleeping room wakes it.
func (r *Room) After(d time.Duration, name string, body any) error {
	if err := r.may(); err != nil {
		return fmt.Errorf("set timer %s: %w", name, err)
	}
	if r.in.rules.timers[name] == nil {
		return fmt.Errorf("set timer %s: the game has no handlers.OnTimer(game, %q, ...)", name, name)
	}
	if d > maxAfter {
		return fmt.Errorf("set timer %s: %v ahead is over a year", name, d)
	}
	contentType, data, err := encodeBody(body, MaxBody)
	if err != nil {
		return fmt.Errorf("set timer %s: %w", name, err)
	}
	in := r.in
	i := in.timer(name)
	if i < 0 && len(in.timers) == MaxTimers {
		return fmt.Errorf("set timer %s: %d timers wait in this room, more are not allowed", name, MaxTimers)
	}
	r.touched = true
	if i >= 0 {
		in.timers = slices.Delete(in.timers, i, i+1)
	}
	in.timerCount++
	in.timers = append(in.timers, timer{name, in.clock + int64(max(d, 0)), in.timerCount, contentType, data})
	return nil
}

// Cancel takes the timer called name away. There may be none.
func (r *Room) Cancel(name string) {
	r.must("Cancel")
	if i := r.in.timer(name); i >= 0 {
		r.touched = true
		r.in.timers = slices.Delete(r.in.timers, i, i+1)
	}
}

func (in *Instance) timer(name string) int {
	return slices.IndexFunc(in.timers, func(t timer) bool { return t.Name == name })
}

// due are the timers and grace times that are due at the event's time, each as a step of its own, earliest first. What
// they set anew is for the next EventFire, so that one can't go on for ever.
func (in *Instance) due(ev Event) []step {
	var steps []step
	now := in.clock
	if !ev.Time.IsZero() {
		now = max(now, ev.Time.UnixNano())
	}
	for _, t := range in.timers {
		if t.At <= now {
			s := step{Event: ev, timer: t.Number, at: t.At}
			s.Type = t.Name
			steps = append(steps, s)
		}
	}
	for _, m := range in.members {
		if !m.Online && m.Until <= now {
			s := step{Event: ev, at: m.Until}
			s.User, s.Reason = m.ID, "timeout"
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return steps
}

// stillDue reports whether an earlier step of the same EventFire has left s to do.
func (in *Instance) stillDue(s *step) bool {
	if s.timer > 0 {
		return slices.ContainsFunc(in.timers, func(t timer) bool { return t.Number == s.timer })
	}
	m := in.byID[s.User]
	return m != nil && !m.Online
}

// fire plays a timer or the end of a grace time.
func (in *Instance) fire(s *step) error {
	if s.timer == 0 {
		return in.leave(s)
	}
	i := slices.IndexFunc(in.timers, func(t timer) bool { return t.Number == s.timer })
	t := in.timers[i]
	in.timers = slices.Delete(in.timers, i, i+1)
	if s.undone {
		return nil
	}
	h := in.rules.timers[t.Name]
	if h == nil {
		return fmt.Errorf("timer %s was set, but the game has no handlers.OnTimer for it any more", t.Name)
	}
	return guard(func() error { return h(&in.room, Message{t.Name, t.ContentType, t.Body}) })
}
