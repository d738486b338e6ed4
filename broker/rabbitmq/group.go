package rabbitmq

import (
	"context"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

const (
	// groupMost is how many pipes share a channel at most.
	groupMost = 32
	// leavePatience is how long the last pipes of a group that leaves have to finish: long enough for a database that starts again, since a
	// room that is not Durable leaves its memory there. The others of the group are silent as long.
	leavePatience = 5 * time.Second
)

// group is a channel and the pipes that have it. What the broker has for a process that dies it has for each channel, and that is most
// of how long it takes until a dead worker's rooms answer again: so pipes of the same Consumption.Group share one. One without a Group
// has a channel of its own.
//
// A consumer is never cancelled (see the decision page), so that a pipe that leaves has to take the channel with it: it is closed when
// all have left, or after leavePatience: who is not ready then loses its place as in a crash.
type group struct {
	broker *Broker
	name   string // "": nobody joins
	link   *link

	ready   chan struct{} // closed when the channel is open, or has failed to
	session *session
	channel *amqp.Channel
	err     error

	// turn has one place, for who writes to the channel what another's frames may not cut in two, or waits for an answer on it: the
	// library keeps neither apart.
	turn   chan struct{}
	acking sync.Mutex
	acks   acks // acking guards it, and what it says is written in that order

	mu      sync.Mutex
	pipes   map[*pipe]struct{} // those that have not left
	shared  bool               // there has been more than one
	leaving bool
	late    *time.Timer   // while it leaves
	gone    chan struct{} // closed when the channel is

	shutting sync.Once
}

// join gives p a place in a group and returns when its channel is open.
func (b *Broker) join(ctx context.Context, p *pipe, c *broker.Consumption) error {
	g, fresh, err := b.place(p, c.Group)
	if err != nil {
		return err
	}
	p.group = g
	if fresh {
		g.session, g.channel, g.err = g.open(ctx, c.Prefetch)
		close(g.ready)
	}
	select {
	case <-g.ready:
		err = g.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	g.remove(p)
	if !fresh && ctx.Err() == nil {
		return errLost // who has made the group may have given up
	}
	return err
}

// place makes p a member of the named group, which is fresh if its channel has to be opened.
func (b *Broker) place(p *pipe, name string) (g *group, fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, false, broker.ErrClosed
	}
	if g = b.groups[name]; g != nil && g.admit(p) {
		return g, false, nil
	}
	g = &group{
		broker: b, name: name, link: b.worker(), ready: make(chan struct{}), gone: make(chan struct{}), turn: make(chan struct{}, 1),
		pipes: map[*pipe]struct{}{p: {}},
	}
	g.link.enter()
	if name != "" {
		if b.groups == nil {
			b.groups = map[string]*group{}
		}
		b.groups[name] = g
	}
	return g, true, nil
}

func (g *group) admit(p *pipe) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving || len(g.pipes) == 0 || len(g.pipes) >= groupMost {
		return false
	}
	select {
	case <-g.ready:
		if g.err != nil || g.channel.IsClosed() {
			return false
		}
	default:
	}
	g.pipes[p], g.shared = struct{}{}, true
	g.link.enter()
	return true
}

// open opens the channel. When ctx ends it returns; the channel is closed then as soon as the broker has opened it.
func (g *group) open(ctx context.Context, prefetch int) (*session, *amqp.Channel, error) {
	s, err := g.link.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := s.passable(ctx); err != nil { // there would be no answer
		return nil, nil, err
	}
	var ch *amqp.Channel
	err = s.await(ctx, func() (err error) {
		ch, err = openChannel(s, prefetch)
		return err
	}, func() { _ = ch.Close() })
	if err != nil {
		return nil, nil, err
	}
	return s, ch, nil
}

func openChannel(s *session, prefetch int) (*amqp.Channel, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err = ch.Qos(prefetch, 0, false); err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		_ = ch.Close()
		return nil, err
	}
	return ch, nil
}

// errEnding is errLost before anything was asked.
var errEnding = fmt.Errorf("%w, and its session is ending", errLost)

// await runs call, which waits for an answer of the broker, and returns what it does, errStalled after consumePatience, or ctx's
// error. If it succeeds later, undo is called. It returns errEnding if call was not run.
func (s *session) await(ctx context.Context, call func() error, undo func()) error {
	if !s.enter() {
		return errEnding
	}
	result := make(chan error)
	abandoned := make(chan struct{})
	go func() {
		defer s.using.Done()
		err := call()
		select {
		case result <- err:
		case <-abandoned:
			if err == nil {
				undo()
			}
		}
	}()
	asked := time.Now()
	late := time.NewTimer(consumePatience)
	defer late.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-late.C:
			if left := consumePatience - time.Since(s.dueSince(asked)); left > 0 {
				late.Reset(left)
				continue
			}
			close(abandoned)
			return errStalled
		case <-ctx.Done():
			close(abandoned)
			return ctx.Err()
		}
	}
}

// consume has the broker give p what its room's queue holds, and returns when it has agreed. One that does not answer takes the whole
// group with it, whose channel stands still meanwhile.
func (g *group) consume(ctx context.Context, p *pipe) error {
	if err := g.take(ctx, p); err != nil {
		g.remove(p)
		if ctx.Err() == nil {
			return errLost
		}
		return err
	}
	if g.leaves() { // no use to join
		<-g.turn
		g.remove(p)
		return errLost
	}
	err := g.session.await(ctx, func() error {
		defer func() { <-g.turn }()
		deliveries, err := g.channel.Consume(queueOf(p.room), "", false, false, false, false, nil)
		if err != nil {
			return err
		}
		if !g.session.enter() {
			return errLost // and the channel goes with it
		}
		go func() {
			defer g.session.using.Done()
			p.read(deliveries)
		}()
		return nil
	}, func() { _ = p.Close() })
	switch {
	case err == nil:
		return nil
	case err == errEnding:
		<-g.turn
	case err == errStalled:
		g.shut()
		g.cutOff()
	case ctx.Err() != nil: // the consumer may be there later, or is already
		g.leave()
	}
	g.remove(p)
	return err
}

// take waits for p's turn, until ctx ends or p does. Who has it gives it back with <-g.turn.
func (g *group) take(ctx context.Context, p *pipe) error {
	select {
	case g.turn <- struct{}{}:
	case <-g.gone:
		return p.lost()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := p.ended(); err != nil {
		<-g.turn
		return err
	}
	return nil
}

// remove takes p out. The last one closes the channel.
func (g *group) remove(p *pipe) {
	g.mu.Lock()
	_, was := g.pipes[p]
	delete(g.pipes, p)
	empty := len(g.pipes) == 0
	g.mu.Unlock()
	if was {
		g.link.leave()
	}
	if empty {
		g.shut()
	}
}

// leave tells the others that the channel is going to be closed.
func (g *group) leave() {
	g.mu.Lock()
	if g.leaving {
		g.mu.Unlock()
		return
	}
	g.leaving = true
	g.late = time.AfterFunc(leavePatience, g.lose)
	others := make([]*pipe, 0, len(g.pipes))
	for p := range g.pipes {
		others = append(others, p)
	}
	g.mu.Unlock()
	for _, p := range others {
		p.wake()
	}
}

// lose ends the patience with those who have not left, unless they can't since the broker holds them back.
func (g *group) lose() {
	select {
	case <-g.gone:
		return
	default:
	}
	if g.session.blockedBy() == "" {
		g.shut()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late.Reset(leavePatience)
}

func (g *group) leaves() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaving
}

// shut closes the channel: what is not acked goes back in order. It does not wait for that.
func (g *group) shut() {
	g.shutting.Do(func() {
		b := g.broker
		b.mu.Lock()
		if b.groups[g.name] == g {
			delete(b.groups, g.name)
		}
		b.mu.Unlock()
		g.mu.Lock()
		g.leaving = true
		if g.late != nil {
			g.late.Stop()
		}
		rest := make([]*pipe, 0, len(g.pipes))
		for p := range g.pipes {
			rest = append(rest, p)
		}
		g.mu.Unlock()
		for _, p := range rest {
			if p.end(p.lostBy()) {
				p.wake()
			}
		}
		<-g.ready
		if g.err != nil {
			close(g.gone)
			return
		}
		closing := func() error {
			g.turn <- struct{}{}
			_ = g.channel.Close() // fails when the connection is gone, and the channel with it
			close(g.gone)
			<-g.turn
			return nil
		}
		if !g.session.enter() { // it is ending
			_ = closing()
			return
		}
		go func() {
			defer g.session.using.Done()
			switch err := g.session.await(context.Background(), closing, func() {}); err {
			case errEnding:
				_ = closing()
			case errStalled:
				g.cutOff()
			}
		}()
	})
}

// cutOff is for a channel that does not answer, since a queue does not. The messages of others that have, or had, it stay there until it
// does, unless the connection goes. Who has it alone waits, and nobody else for it.
func (g *group) cutOff() {
	g.mu.Lock()
	shared := g.shared
	g.mu.Unlock()
	if shared {
		g.session.kill(errStalled)
	}
}

// publish writes one output, unless p has ended.
func (g *group) publish(ctx context.Context, p *pipe, key string, publishing amqp.Publishing) (*amqp.DeferredConfirmation, error) {
	if err := g.take(ctx, p); err != nil {
		return nil, err
	}
	defer func() { <-g.turn }()
	confirm, err := g.channel.PublishWithDeferredConfirm(topicExchange, key, false, false, publishing)
	if err != nil {
		return nil, p.lost()
	}
	return confirm, nil
}

// ack acks one pipe's tags, which rise.
func (g *group) ack(tags []uint64) error {
	g.acking.Lock()
	defer g.acking.Unlock()
	upTo, rest := g.acks.take(tags)
	if upTo > 0 {
		if err := g.channel.Ack(upTo, true); err != nil {
			return err
		}
	}
	for _, tag := range rest {
		if err := g.channel.Ack(tag, false); err != nil {
			return err
		}
	}
	return nil
}
