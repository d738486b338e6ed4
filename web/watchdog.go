package web

import (
	"sync"
	"time"
)

// watchdog bites when what it waits for does not come in time. Its owner moves it from one wait to the next; only the
// last one counts. Set bite before its first use.
type watchdog struct {
	bite func(why *refusal) // called in a goroutine of its own

	mu    sync.Mutex
	timer *time.Timer
	due   time.Time
	why   *refusal // nil: it waits for nothing
}

// wait bites with why after d, unless wait or stop is called before.
func (w *watchdog) wait(d time.Duration, why *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due, w.why = time.Now().Add(d), why
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.ring)
	} else {
		w.timer.Reset(d)
	}
}

// stop makes it wait for nothing.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.why = nil
	if w.timer != nil {
		w.timer.Stop()
	}
}

// ring is called by the timer, which may have been moved in the same moment.
func (w *watchdog) ring() {
	w.mu.Lock()
	why := w.why
	if time.Now().Before(w.due) {
		why = nil
	}
	w.mu.Unlock()
	if why != nil {
		w.bite(why)
	}
}
