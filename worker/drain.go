package worker

// Drain makes the worker hand each room over to another worker that plays its version, and play on what only it can
// play, until those rooms are over; it takes no new ones. It returns at once; [Worker.Left] says what is left. The
// process's announcement should say that it drains.
func (w *Worker) Drain() {
	if !w.draining.Swap(true) {
		w.log.Info("worker drains", "rooms", w.Left())
		w.lookSoon()
	}
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
