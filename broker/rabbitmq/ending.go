package rabbitmq

import "slices"

// This file is about rooms that end here: their queue is deleted by this process, while their channel lives on with other rooms.

// ending is a room's queue that is being deleted: what its pipes have had can't go back in disorder any more if it succeeds.
type ending struct {
	decided chan struct{}
	over    bool
}

// deleting marks the pipes of a room whose queue is about to be deleted; decide says how that ended.
func (b *Broker) deleting(room string) (decide func(over bool)) {
	e := &ending{decided: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pipes[room] {
		p.ending.Store(e)
	}
	return func(over bool) {
		e.over = over
		close(e.decided)
	}
}

// note keeps in mind that p consumes its room, until forget.
func (b *Broker) note(p *pipe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pipes == nil {
		b.pipes = map[string][]*pipe{}
	}
	b.pipes[p.room] = append(b.pipes[p.room], p)
}

func (b *Broker) forget(p *pipe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := slices.DeleteFunc(b.pipes[p.room], func(other *pipe) bool { return other == p })
	if len(rest) == 0 {
		delete(b.pipes, p.room)
		return
	}
	b.pipes[p.room] = rest
}

// over reports whether the room's queue has been deleted by this process. It waits for that if it is being deleted.
func (p *pipe) over() bool {
	e := p.ending.Load()
	if e == nil {
		return false
	}
	select {
	case <-e.decided:
		return e.over
	case <-p.group.session.lost: // nothing lives on
		return false
	}
}

// drop acks what a queue that has been deleted has given. Nobody misses it, but the channel lives on with the group's other rooms, and
// the broker closes a channel that owes an ack for half an hour.
func (p *pipe) drop() {
	p.mu.Lock()
	tags := p.owed
	p.owed = nil
	p.mu.Unlock()
	if len(tags) > 0 {
		_ = p.group.ack(tags) // fails when the channel is gone
	}
}
