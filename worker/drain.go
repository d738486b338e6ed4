package worker

import "time"

// Drain makes the worker hand each room over to another worker that plays its version, and play on what only it can
// play, until those rooms are over; it takes no new ones. It returns at once; [Worker.Left] says what is left. The
// process's announcement should say that it drains.
func (w *Worker) Drain() {
	if !w.draining.Swap(true) {
		w.log.Info("worker drains", "rooms", w.Left())
		w.lookSoon()
	}
}

// leastPatience is what [Worker.Run] has at least to finish what is under way.
const leastPatience = 2 * time.Second

// FinishBy has [Worker.Run] finish what is under way by then, should that be sooner than after [Config].Drain: for who has waited
// before. It has 2 s in any case.
func (w *Worker) FinishBy(t time.Time) { w.by.Store(t.UnixNano()) }

// patience is how long Run waits for what is under way, from now on.
func (w *Worker) patience() time.Duration {
	by := w.by.Load()
	if by == 0 {
		return w.drain
	}
	return min(w.drain, max(time.Until(time.Unix(0, by)), leastPatience))
}

// Left is how many rooms the worker holds, asleep and awake.
func (w *Worker) Left() int { return w.count() }

// rankWhileDraining is nowhere when another worker can have the room; else the worker keeps what it has.
func (w *Worker) rankWhileDraining(room string, others []string) int {
	if len(others) > 0 {
		return nowhere
	}
	if w.held(room) == nil {
		return nowhere
	}
	return first
}
