package web

import (
	"sync"
	"time"
)

// watchdog bites when what it waits for does not come in time. Its owner moves it from one wait to the next; only the
// last one counts. It notices when it is looked at.
type watchdog struct {
	mu  sync.Mutex
	due time.Time
	why *refusal // nil: it waits for nothing
}

// wait bites with why after d, unless wait or stop is called before.
func (w *watchdog) wait(d time.Duration, why *refusal) {
	due := time.Now().Add(d)
	w.mu.Lock()
	w.due, w.why = due, why
	w.mu.Unlock()
}

// stop makes it wait for nothing.
func (w *watchdog) stop() {
	w.mu.Lock()
	w.why = nil
	w.mu.Unlock()
}

// look returns why it bites, nil: it does not. It bites once.
func (w *watchdog) look(now time.Time) (why *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why != nil && !now.Before(w.due) {
		why, w.why = w.why, nil
	}
	return why
}
