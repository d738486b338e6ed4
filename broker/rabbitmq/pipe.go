package rabbitmq

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

var _ broker.Pipe = (*pipe)(nil)

const (
	defaultPrefetch = 256
	// roomsPerConnection: from this many on another connection is made. The broker allows 2,047 channels on one.
	roomsPerConnection = 500
	// window is how many outputs of one Publish may be without a confirm.
	window = 512
)

// pipe is one consumer of one room, on the channel of its group.
type pipe struct {
	broker *Broker
	group  *group
	room   string
	wake   func()
	ending atomic.Pointer[ending] // its queue is being, or has been, deleted here; nil: not

	mu      sync.Mutex
	err     error             // why it has ended
	waiting []broker.Delivery // what the broker has given and Take has not; at most Prefetch
	given   uint64            // the last tag that Take has given
	owed    []uint64          // tags given and not acked
}

// Consume stands in line for a room's queue, on a connection that also carries what its Pipe publishes.
func (b *Broker) Consume(ctx context.Context, c broker.Consumption) (broker.Pipe, error) {
	if checkRoom(c.Room) != nil {
		return nil, broker.ErrNoRoom
	}
	var p *pipe
	err := b.retry(ctx, func() error {
		suspected := b.consumes.has(c.Room)
		err := b.sound(ctx, &c, suspected)
		switch {
		case suspected && b.consumes.isDead(c.Room, err, b.deadAfter) && b.pulse(ctx) == nil:
			return fmt.Errorf("%w: %s", broker.ErrDead, err.Error()) // its code would have it tried again
		case sickening(err):
			b.suspect(&b.consumes, c.Room, err)
			return err
		case err == nil, isCode(err, amqp.NotFound) && !passing(err):
			b.clear(&b.consumes, c.Room)
		}
		if err != nil {
			return err
		}
		p, err = b.consume(ctx, c)
		if sickening(err) {
			b.suspect(&b.consumes, c.Room, err)
		}
		return err
	})
	if isCode(err, amqp.NotFound) {
		return nil, broker.ErrNoRoom
	}
	if err != nil {
		if err == broker.ErrClosed {
			return nil, err
		}
		return nil, fmt.Errorf("consume room %s: %w", c.Room, err)
	}
	return p, nil
}

// worker returns the connection that has the fewest pipes, or a new one. b.mu is held.
func (b *Broker) worker() *link {
	var best *link
	fewest := roomsPerConnection
	for _, l := range b.workers {
		if n := l.load(); n < fewest {
			best, fewest = l, n
		}
	}
	if best == nil {
		if len(b.workers) == 0 { // so that its queue is there before there is trouble
			b.running.Go(func() { _ = b.pulse(b.ctx) })
		}
		best = b.newLink(fmt.Sprintf("worker-%d", len(b.workers)+1), nil)
		b.workers = append(b.workers, best)
	}
	return best
}

func (l *link) load() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rooms
}

func (l *link) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms++
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms--
}

func (b *Broker) consume(ctx context.Context, c broker.Consumption) (*pipe, error) {
	p := &pipe{broker: b, room: c.Room, wake: c.Wake}
	if p.wake == nil {
		p.wake = func() {}
	}
	if c.Prefetch <= 0 {
		c.Prefetch = defaultPrefetch
	}
	if err := b.join(ctx, p, &c); err != nil {
		return nil, err
	}
	b.note(p)
	if err := p.group.consume(ctx, p); err != nil {
		b.forget(p)
		return nil, err
	}
	return p, nil
}

// read takes what comes until the channel is closed, by whomever, or the broker has cancelled the consumer: its queue is gone.
func (p *pipe) read(deliveries <-chan amqp.Delivery) {
	defer p.broker.forget(p)
	for d := range deliveries {
		m := broker.Delivery{Message: decodeMessage(p.room, &d), Tag: d.DeliveryTag, Redelivered: d.Redelivered}
		p.mu.Lock()
		ended := p.err != nil
		if !ended {
			p.waiting = append(p.waiting, m)
		}
		p.mu.Unlock()
		if ended && p.over() {
			_ = p.group.ack([]uint64{d.DeliveryTag}) // see drop
			continue
		}
		p.wake()
	}
	if p.end(p.lostBy()) {
		p.wake()
	}
	switch {
	case p.group.channel.IsClosed():
	case p.over():
		p.drop()
	case p.owes():
		p.group.leave() // whatever the reason was: what it has had and not acked goes back with the channel alone
	}
	p.group.remove(p)
}

func (p *pipe) owes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.owed) > 0
}

func (p *pipe) lostBy() error {
	if p.broker.ctx.Err() != nil {
		return broker.ErrClosed
	}
	return broker.ErrLost
}

// end reports whether this was the end.
func (p *pipe) end(why error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	for _, d := range p.waiting {
		p.owed = append(p.owed, d.Tag)
	}
	p.err, p.waiting = why, nil
	return true
}

func (p *pipe) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// lost is the error of a channel that does not work any more.
func (p *pipe) lost() error {
	p.end(p.lostBy())
	return p.ended()
}

// Take returns what has come.
func (p *pipe) Take(into []broker.Delivery) ([]broker.Delivery, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return into, p.err
	}
	if n := len(p.waiting); n > 0 {
		into = append(into, p.waiting...)
		p.given = p.waiting[n-1].Tag
		for _, d := range p.waiting {
			p.owed = append(p.owed, d.Tag)
		}
		clear(p.waiting)
		if p.waiting = p.waiting[:0]; n > 64 {
			p.waiting = nil // an idle room keeps little
		}
	}
	return into, nil
}

// Publish sends outs and waits for their confirms. While the broker holds publishers back it waits until ctx ends; only
// a write that had begun before goes on.
func (p *pipe) Publish(ctx context.Context, outs []*broker.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	confirms := make([]*amqp.DeferredConfirmation, 0, len(outs))
	confirmed := 0
	await := func(n int) error {
		for ; confirmed < n; confirmed++ {
			if acked, err := confirms[confirmed].WaitContext(ctx); err != nil {
				return fmt.Errorf("publish to room %s: %w", p.room, err)
			} else if !acked && p.group.channel.IsClosed() {
				return p.lost()
			} else if !acked {
				return fmt.Errorf("publish to room %s: rabbitmq refused an output", p.room)
			}
		}
		return nil
	}
	for i, o := range outs {
		if err := await(i + 1 - window); err != nil {
			return err
		}
		if err := p.group.session.passable(ctx); err != nil {
			return fmt.Errorf("publish to room %s: %w", p.room, err)
		}
		publishing, err := encodeOutput(o)
		if err != nil {
			return fmt.Errorf("publish to room %s: %w", p.room, err)
		}
		confirm, err := p.group.publish(ctx, p, outputKey(p.room, o), publishing)
		if err != nil {
			return fmt.Errorf("publish to room %s: %w", p.room, err)
		}
		confirms = append(confirms, confirm)
	}
	if err := await(len(confirms)); err != nil {
		return err
	}
	return p.ended()
}

// Ack acks the deliveries up to tag.
func (p *pipe) Ack(tag uint64) error {
	p.mu.Lock()
	err, given := p.err, p.given
	n := 0
	for n < len(p.owed) && p.owed[n] <= tag {
		n++
	}
	var tags []uint64
	if err == nil && tag <= given {
		tags, p.owed = p.owed[:n], p.owed[n:]
		if len(p.owed) == 0 {
			p.owed = nil // an idle room keeps nothing
		}
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		return err
	case tag > given:
		return fmt.Errorf("ack %d of room %s: the last tag given is %d", tag, p.room, given)
	case n == 0:
		return nil
	}
	if err := p.group.ack(tags); err != nil {
		return p.lost()
	}
	return nil
}

// Leaving reports whether the channel is going to be closed because another room's pipe has been.
func (p *pipe) Leaving() bool { return p.group.leaves() && p.ended() == nil }

// Close leaves the line and returns when the broker has closed the channel, with all that share it: when they have closed their pipes,
// too, or lost them. Under an alarm it does not wait: what is not acked goes back when that is over, or with the connection.
func (p *pipe) Close() error {
	if !p.end(broker.ErrLost) {
		return nil
	}
	if p.over() {
		p.drop()
		p.group.remove(p)
		return nil
	}
	holding := p.group.session.holding()
	p.group.leave()
	p.group.remove(p)
	select {
	case <-p.group.gone:
	case <-holding:
	}
	return nil
}
