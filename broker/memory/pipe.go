package memory

import (
	"context"
	"fmt"

	"github.com/madang-games/madang/broker"
)

var _ broker.Pipe = (*pipe)(nil)

const defaultPrefetch = 256

// pipe is one consumer of one room. Its state belongs to the room's lock, as the room's own does.
type pipe struct {
	broker   *Broker
	room     *room
	prefetch int
	wake     func()

	err     error                 // why it has ended
	called  bool                  // wake has been called since the last Take
	given   uint64                // the last tag
	unacked ring[*broker.Message] // its last has tag given
}

// Consume stands in line for a room's queue.
func (b *Broker) Consume(ctx context.Context, c broker.Consumption) (broker.Pipe, error) {
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	r := b.system.room(c.Room)
	if r == nil {
		return nil, broker.ErrNoRoom
	}
	p := &pipe{broker: b, room: r, prefetch: c.Prefetch, wake: c.Wake}
	if p.prefetch <= 0 {
		p.prefetch = defaultPrefetch
	}
	if p.wake == nil {
		p.wake = func() {}
	}
	b.mu.Lock()
	if b.closed.Load() {
		b.mu.Unlock()
		return nil, broker.ErrClosed
	}
	b.pipes[p] = struct{}{}
	b.mu.Unlock()
	wake, err := r.join(p)
	if err != nil {
		b.forget(p)
		return nil, err
	}
	if wake != nil {
		wake()
	}
	return p, nil
}

// Leaving is never true: here a pipe shares nothing.
func (p *pipe) Leaving() bool { return false }

// Take returns what waits.
func (p *pipe) Take(into []broker.Delivery) ([]broker.Delivery, error) {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.err != nil {
		return into, p.err
	}
	p.called = false
	if r.line[0] != p {
		return into, nil
	}
	for r.waiting.n > 0 && p.unacked.n < p.prefetch {
		e := r.waiting.pop()
		p.unacked.push(e.message)
		p.given++
		into = append(into, broker.Delivery{Message: e.message, Tag: p.given, Redelivered: e.redelivered})
	}
	return into, nil
}

// Publish gives outs to the feeds that have bound the room, in the caller's goroutine.
func (p *pipe) Publish(ctx context.Context, outs []*broker.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.room.mu.Lock()
	err := p.err
	p.room.mu.Unlock()
	if err != nil || len(outs) == 0 {
		return err
	}
	for _, f := range p.broker.system.bound(p.room.name) {
		f.deliver(p.room.name, outs)
	}
	return nil
}

// Ack forgets the deliveries up to tag.
func (p *pipe) Ack(tag uint64) error {
	wake, err := p.ack(tag)
	if wake != nil {
		wake()
	}
	return err
}

func (p *pipe) ack(tag uint64) (wake func(), err error) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	if tag > p.given {
		return nil, fmt.Errorf("ack %d: the last tag given is %d", tag, p.given)
	}
	done := 0
	for p.unacked.n > 0 && p.given-uint64(p.unacked.n) < tag {
		p.unacked.pop()
		done++
	}
	if p.room.journal != nil { // what is unacked is the oldest that the room holds
		p.room.journal.ack(p.room.kept, done)
	}
	return p.room.callLocked(), nil
}

// Close leaves the line.
func (p *pipe) Close() error {
	p.broker.forget(p)
	p.end(broker.ErrLost)
	return nil
}

func (p *pipe) end(why error) {
	if wake := p.room.leave(p, why); wake != nil {
		wake()
	}
}
