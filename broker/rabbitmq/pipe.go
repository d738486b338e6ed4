package rabbitmq

import (
	"context"
	"fmt"
	"sync"
	"time"

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

// pipe is one consumer of one room, with a channel of its own.
type pipe struct {
	broker  *Broker
	session *session
	channel *amqp.Channel
	room    string
	wake    func()

	// io is held while something is written to the channel that must not be cut in two by its closing.
	io sync.Mutex

	mu      sync.Mutex
	err     error             // why it has ended
	waiting []broker.Delivery // what the broker has given and Take has not; at most Prefetch
	given   uint64            // the last tag that Take has given
	acked   uint64            // the last tag that was acked
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
		l, err := b.worker()
		if err != nil {
			return err
		}
		if p, err = b.consume(ctx, l, c); err != nil {
			l.leave()
		}
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

// worker gives a place for one pipe on the connection that has the fewest.
func (b *Broker) worker() (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
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
	best.mu.Lock()
	defer best.mu.Unlock()
	best.rooms++
	return best, nil
}

func (l *link) load() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rooms
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms--
}

func (b *Broker) consume(ctx context.Context, l *link, c broker.Consumption) (*pipe, error) {
	s, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.passable(ctx); err != nil { // its channel would have no answer
		return nil, err
	}
	if !s.enter() {
		return nil, errLost
	}
	p := &pipe{broker: b, session: s, room: c.Room, wake: c.Wake}
	if p.wake == nil {
		p.wake = func() {}
	}
	if c.Prefetch <= 0 {
		c.Prefetch = defaultPrefetch
	}
	result := make(chan error)
	abandoned := make(chan struct{})
	go func() {
		defer s.using.Done()
		deliveries, err := p.open(c.Prefetch)
		select {
		case result <- err:
		case <-abandoned: // its place on the link is given up already
			if err == nil {
				_ = p.channel.Close()
				for range deliveries { //nolint:revive // until the library has let go of it
				}
			}
			return
		}
		if err != nil {
			return
		}
		p.read(deliveries)
		l.leave()
	}()
	asked := time.Now()
	late := time.NewTimer(consumePatience)
	defer late.Stop()
	for {
		select {
		case err := <-result:
			if err != nil {
				return nil, err
			}
			return p, nil
		case <-late.C:
			if left := consumePatience - time.Since(s.dueSince(asked)); left > 0 {
				late.Reset(left)
				continue
			}
			close(abandoned)
			return nil, errStalled
		case <-ctx.Done():
			close(abandoned)
			return nil, ctx.Err()
		}
	}
}

func (p *pipe) open(prefetch int) (<-chan amqp.Delivery, error) {
	ch, err := p.session.conn.Channel()
	if err != nil {
		return nil, err
	}
	p.channel = ch
	if err = ch.Qos(prefetch, 0, false); err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		_ = ch.Close()
		return nil, err
	}
	deliveries, err := ch.Consume(queueOf(p.room), "", false, false, false, false, nil)
	if err != nil {
		_ = ch.Close() // the broker has done so already if it has refused
		return nil, err
	}
	return deliveries, nil
}

// read takes what comes until the channel is closed, by whomever, or the broker has cancelled the consumer.
func (p *pipe) read(deliveries <-chan amqp.Delivery) {
	for d := range deliveries {
		m := broker.Delivery{Message: decodeMessage(p.room, &d), Tag: d.DeliveryTag, Redelivered: d.Redelivered}
		p.mu.Lock()
		p.waiting = append(p.waiting, m)
		p.mu.Unlock()
		p.wake()
	}
	why := broker.ErrLost
	if p.broker.ctx.Err() != nil {
		why = broker.ErrClosed
	}
	if p.end(why) {
		p.wake()
	}
	p.shut()
}

// end reports whether this was the end.
func (p *pipe) end(why error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	p.err, p.waiting = why, nil
	return true
}

// shut closes the channel: what is not acked goes back in order. A consumer is never cancelled (see the decision page).
func (p *pipe) shut() {
	p.io.Lock()
	defer p.io.Unlock()
	_ = p.channel.Close() // fails when the connection is gone, and the channel with it
}

func (p *pipe) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// lost is the error of a channel that does not work any more.
func (p *pipe) lost() error {
	if p.broker.ctx.Err() != nil {
		p.end(broker.ErrClosed)
	}
	p.end(broker.ErrLost)
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
			} else if !acked && p.channel.IsClosed() {
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
		if err := p.session.passable(ctx); err != nil {
			return fmt.Errorf("publish to room %s: %w", p.room, err)
		}
		publishing, err := encodeOutput(o)
		if err != nil {
			return fmt.Errorf("publish to room %s: %w", p.room, err)
		}
		confirm, err := p.publish(outputKey(p.room, o), publishing)
		if err != nil {
			return err
		}
		confirms = append(confirms, confirm)
	}
	if err := await(len(confirms)); err != nil {
		return err
	}
	return p.ended()
}

func (p *pipe) publish(key string, publishing amqp.Publishing) (*amqp.DeferredConfirmation, error) {
	p.io.Lock()
	defer p.io.Unlock()
	if err := p.ended(); err != nil {
		return nil, err
	}
	confirm, err := p.channel.PublishWithDeferredConfirm(topicExchange, key, false, false, publishing)
	if err != nil {
		return nil, p.lost()
	}
	return confirm, nil
}

// Ack acks the deliveries up to tag.
func (p *pipe) Ack(tag uint64) error {
	p.mu.Lock()
	err, given, acked := p.err, p.given, p.acked
	p.mu.Unlock()
	switch {
	case err != nil:
		return err
	case tag > given:
		return fmt.Errorf("ack %d of room %s: the last tag given is %d", tag, p.room, given)
	case tag <= acked:
		return nil
	}
	if err := p.channel.Ack(tag, true); err != nil {
		return p.lost()
	}
	p.mu.Lock()
	p.acked = tag
	p.mu.Unlock()
	return nil
}

// Close closes the channel and returns when the broker has done so. Under an alarm it does not wait: what is not acked goes back
// when that is over, or with the connection.
func (p *pipe) Close() error {
	if !p.end(broker.ErrLost) {
		return nil
	}
	if !p.session.enter() { // it is ending
		p.shut()
		return nil
	}
	shut := make(chan struct{})
	go func() {
		defer p.session.using.Done()
		defer close(shut)
		p.shut()
	}()
	select {
	case <-shut:
	case <-p.session.holding():
	}
	return nil
}
