package memory

import (
	"slices"
	"sync"

	"github.com/madang-games/madang/broker"
)

// entry is a message in a room's queue.
type entry struct {
	message     *broker.Message
	redelivered bool
}

// room is a server queue and the line of consumers before it. The first in line is the active one.
type room struct {
	name    string
	bound   int
	journal *journal // nil: nothing is written
	kept    *kept

	mu      sync.Mutex
	deleted bool
	waiting ring[entry]
	line    []*pipe
}

// put adds a message and returns whom to wake and what to wait for, if anything.
func (r *room) put(m *broker.Message) (wake func(), written *batch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted {
		return nil, nil, broker.ErrNoRoom
	}
	if r.waiting.n >= r.bound {
		return nil, nil, broker.ErrFull
	}
	if r.journal != nil { // in the order of the queue
		if written, err = r.journal.put(r.kept, m); err != nil {
			return nil, nil, err
		}
	}
	r.waiting.push(entry{message: m})
	return r.callLocked(), written, nil
}

// callLocked returns the active consumer's Wake if there is something for it that it has not been called for.
func (r *room) callLocked() func() {
	if len(r.line) == 0 || r.waiting.n == 0 {
		return nil
	}
	p := r.line[0]
	if p.called || p.unacked.n >= p.prefetch {
		return nil
	}
	p.called = true
	return p.wake
}

// join puts a consumer at the end of the line.
func (r *room) join(p *pipe) (wake func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.deleted:
		return nil, broker.ErrNoRoom
	case p.err != nil: // the Broker was closed meanwhile
		return nil, p.err
	}
	r.line = append(r.line, p)
	return r.callLocked(), nil
}

// leave takes a consumer out of the line; what it has not acked goes back to where it was.
func (r *room) leave(p *pipe, why error) (wake func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.err != nil {
		return nil
	}
	p.err = why
	r.line = slices.DeleteFunc(r.line, func(other *pipe) bool { return other == p })
	if len(r.line) == 0 {
		r.line = nil
	}
	for i := p.unacked.n - 1; i >= 0; i-- {
		r.waiting.pushFront(entry{p.unacked.at(i), true})
	}
	p.unacked = ring[*broker.Message]{}
	return r.callLocked()
}

// delete empties the room and returns its consumers, which have lost it, and what to wait for, if anything.
func (r *room) delete() (lost []*pipe, written *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost = r.endLocked()
	if r.journal != nil {
		written = r.journal.delete(r.kept)
	}
	return lost, written
}

// retire is delete if the room holds nothing; nobody waits for the disk.
func (r *room) retire() (lost []*pipe, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting.n > 0 || slices.ContainsFunc(r.line, func(p *pipe) bool { return p.unacked.n > 0 }) {
		return nil, false
	}
	if r.journal != nil {
		r.journal.retire(r.kept)
	}
	return r.endLocked(), true
}

// endLocked empties the room and returns its consumers, which have lost it.
func (r *room) endLocked() (lost []*pipe) {
	lost = r.line
	for _, p := range lost {
		p.err = broker.ErrLost
		p.unacked = ring[*broker.Message]{}
	}
	r.deleted, r.line, r.waiting = true, nil, ring[entry]{}
	return lost
}
