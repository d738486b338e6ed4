package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

var _ broker.Feed = (*feed)(nil)

const (
	topicExchange = "amq.topic"
	// ahead is how many outputs or notices the broker gives before the first of them is acked.
	ahead = 4096
	// feedBound is how many outputs wait in the broker for a gateway that is behind; then it loses the oldest
	// and sees a hole.
	feedBound = 100_000
	// together is how many outputs of a room are delivered in one call at most.
	together = 64
)

// feed is one gateway process's queue and what it is bound to.
type feed struct {
	broker   *Broker
	link     *link
	receiver broker.Receiver
	again    bool // a session has been up before; belongs to the link's goroutine

	turn chan struct{} // held by the one Bind or Unbind that is under way

	mu    sync.Mutex
	rooms map[string]struct{}
	on    *session // where queue and binder are
	queue string
	binds *amqp.Channel
}

// Feed starts a feed. It returns once its queue is there.
func (b *Broker) Feed(ctx context.Context, r broker.Receiver) (broker.Feed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &feed{broker: b, receiver: r, turn: make(chan struct{}, 1), rooms: map[string]struct{}{}}
	l, err := b.start("feed", f.up)
	if err != nil {
		return nil, err
	}
	f.link = l
	b.doubting(f, true)
	if _, err := l.get(ctx); err != nil {
		b.doubting(f, false)
		l.cancel() // the rest ends by itself: a caller whose context has ended is not kept waiting
		return nil, err
	}
	return f, nil
}

// up makes the queue of a new session and binds all rooms to it.
func (f *feed) up(s *session) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	binds, err := s.conn.Channel()
	if err != nil {
		return err
	}
	queue, err := ownQueue(ch, "madang.feed.", feedBound)
	if err != nil {
		return err
	}
	f.mu.Lock()
	rooms := slices.Collect(maps.Keys(f.rooms))
	f.mu.Unlock()
	for i, room := range rooms {
		// The channel keeps order: the answer to the last one is the answer to all.
		if err := binds.QueueBind(queue, feedKey(room), topicExchange, i < len(rooms)-1, nil); err != nil {
			return err
		}
	}
	err = listen(s, ch, queue, f.deliver)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.on, f.queue, f.binds = s, queue, binds
	f.mu.Unlock()
	if f.again && f.receiver.Broken != nil {
		f.receiver.Broken()
	}
	f.again = true
	return nil
}

// deliver groups what has come by rooms, as long as they follow one another.
func (f *feed) deliver(ds []amqp.Delivery) {
	for len(ds) > 0 {
		room := roomOfKey(ds[0].RoutingKey)
		var outs []*broker.Output
		for len(ds) > 0 && len(outs) < together && roomOfKey(ds[0].RoutingKey) == room {
			outs = append(outs, decodeOutput(room, &ds[0]))
			ds = ds[1:]
		}
		f.receiver.Deliver(room, outs)
	}
}

func feedKey(room string) string { return "room." + room + ".#" }

// Bind adds a room. When ctx ends before the broker has answered, the room will be bound all the same; Unbind it if
// that is not wanted.
func (f *feed) Bind(ctx context.Context, room string) error {
	if err := checkRoom(room); err != nil {
		return err
	}
	return f.change(ctx, room, true)
}

// Unbind takes a room away.
func (f *feed) Unbind(ctx context.Context, room string) error {
	if checkRoom(room) != nil {
		return nil
	}
	return f.change(ctx, room, false)
}

// change makes one change at a time, so that the broker's bindings end up as rooms says.
func (f *feed) change(ctx context.Context, room string, bound bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case f.turn <- struct{}{}:
	case <-f.link.ended:
		return broker.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("bind room %s: %w", room, ctx.Err())
	}
	select { // of two ready cases select takes any
	case <-f.link.ended:
		<-f.turn
		return broker.ErrClosed
	default:
	}
	f.mu.Lock()
	if _, is := f.rooms[room]; is == bound {
		f.mu.Unlock()
		<-f.turn
		return nil
	}
	if bound {
		f.rooms[room] = struct{}{}
	} else {
		delete(f.rooms, room)
	}
	f.mu.Unlock()
	result := make(chan error, 1)
	if !f.broker.enter() {
		<-f.turn
		return broker.ErrClosed
	}
	go func() { // it goes on until it is done, over lost connections
		defer f.broker.running.Done()
		defer func() { <-f.turn }()
		result <- f.tell(room, bound)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("bind room %s: %w", room, ctx.Err())
	}
}

// tell has the broker change a binding.
func (f *feed) tell(room string, bound bool) error {
	return f.broker.retry(f.broker.ctx, func() error {
		s, err := f.link.get(f.broker.ctx)
		if err != nil {
			return err
		}
		f.mu.Lock()
		on, queue, binds := f.on, f.queue, f.binds
		f.mu.Unlock()
		if on != s {
			return errLost // another one is coming up
		}
		if bound {
			err = binds.QueueBind(queue, feedKey(room), topicExchange, false, nil)
		} else {
			err = binds.QueueUnbind(queue, feedKey(room), topicExchange, nil)
		}
		if err != nil && !s.isLost() {
			s.kill(fmt.Errorf("bind: %w", err)) // the channel alone has failed
			return errors.Join(errLost, err)
		}
		return err
	})
}

// Close ends the feed.
func (f *feed) Close() error {
	f.broker.doubting(f, false)
	f.link.stop()
	return nil
}

// doubting says whether f wants to know of trouble.
func (b *Broker) doubting(f *feed, wants bool) {
	if f.receiver.Doubt == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !wants {
		delete(b.doubters, f)
		return
	}
	if b.doubters == nil {
		b.doubters = map[*feed]struct{}{}
	}
	b.doubters[f] = struct{}{}
}

// doubt tells the feeds of trouble: a connection was lost.
func (b *Broker) doubt() {
	b.mu.Lock()
	all := slices.Collect(maps.Keys(b.doubters))
	b.mu.Unlock()
	for _, f := range all {
		f.receiver.Doubt()
	}
}
