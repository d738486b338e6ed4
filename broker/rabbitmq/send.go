package rabbitmq

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

const (
	lanes = 4
	// unconfirmed is how many messages of a lane may be without the broker's answer; the next ones wait.
	unconfirmed = 1024
)

// lane is a publishing channel; a room is always on the same one. One goroutine publishes; each sender waits for its
// own confirm.
type lane struct {
	session  *session
	channel  *amqp.Channel
	requests chan *sending
	places   chan struct{} // one for each message without an answer

	// The broker returns a message that has no queue, and then confirms it. Returns has room for all messages
	// that can be without an answer, so a return lies in it before its confirm is seen.
	returns  chan amqp.Return
	mu       sync.Mutex
	returned map[string]bool // message ids
}

type sending struct {
	queue      string
	publishing amqp.Publishing
	published  chan published // takes one
}

type published struct {
	confirm *amqp.DeferredConfirmation
	err     error
}

// Send publishes m to its room's queue and waits for the confirm. A connection that is lost meanwhile leaves open
// whether the broker has m: it is sent again, so that the queue may hold it twice.
func (b *Broker) Send(ctx context.Context, m *broker.Message) error {
	if b.ctx.Err() != nil {
		return broker.ErrClosed
	}
	if checkRoom(m.Room) != nil {
		return broker.ErrNoRoom // none can be opened by that name
	}
	p, err := encodeMessage(m)
	if err != nil {
		return fmt.Errorf("send to room %s: %w", m.Room, err)
	}
	p.MessageId = b.id + "-" + strconv.FormatUint(b.sent.Add(1), 10)
	l, err := b.sender()
	if err != nil {
		return err
	}
	err = b.retry(ctx, func() error {
		s, err := l.get(ctx)
		if err != nil {
			return err
		}
		if err := s.passable(ctx); err != nil {
			return err
		}
		return s.lanes[laneOf(m.Room)].send(ctx, queueOf(m.Room), p)
	})
	if err == nil || err == broker.ErrNoRoom || err == broker.ErrFull {
		return err
	}
	return fmt.Errorf("send to room %s: %w", m.Room, err)
}

func (b *Broker) sender() (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	if b.sending == nil {
		b.sending = b.newLink("send", heartbeat, openLanes)
	}
	return b.sending, nil
}

func laneOf(room string) int {
	h := fnv.New32a()
	h.Write([]byte(room))
	return int(h.Sum32() % lanes)
}

func openLanes(s *session) error {
	if err := declareBoard(s); err != nil {
		return err
	}
	for range lanes {
		ch, err := s.conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		l := &lane{
			session:  s,
			channel:  ch,
			requests: make(chan *sending),
			places:   make(chan struct{}, unconfirmed),
			returns:  ch.NotifyReturn(make(chan amqp.Return, unconfirmed)),
			returned: map[string]bool{},
		}
		if !s.enter() {
			return errLost
		}
		go func() {
			defer s.using.Done()
			l.run()
		}()
		s.lanes = append(s.lanes, l)
	}
	return nil
}

func (l *lane) run() {
	for {
		select {
		case r := <-l.requests:
			confirm, err := l.channel.PublishWithDeferredConfirm("", r.queue, true, false, r.publishing)
			r.published <- published{confirm, err}
		case <-l.session.lost:
			return
		}
	}
}

func (l *lane) send(ctx context.Context, queue string, p amqp.Publishing) error {
	select {
	case l.places <- struct{}{}:
	case <-l.session.lost:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
	r := &sending{queue, p, make(chan published, 1)}
	select {
	case l.requests <- r:
	case <-l.session.lost:
		return errLost
	case <-ctx.Done():
		<-l.places
		return ctx.Err()
	}
	select {
	case pub := <-r.published:
		if pub.err == nil {
			select {
			case <-pub.confirm.Done():
			case <-ctx.Done():
				go l.settle(r, pub)
				return ctx.Err()
			}
		}
		return l.settle(r, pub)
	case <-ctx.Done():
		go func() { l.settle(r, <-r.published) }()
		return ctx.Err()
	}
}

// settle waits for the broker's answer to r, frees its place and says what the answer was.
func (l *lane) settle(r *sending, pub published) error {
	defer func() { <-l.places }()
	if pub.err != nil {
		if !l.session.isLost() {
			l.session.kill() // the channel alone has failed
		}
		return errLost
	}
	acked := pub.confirm.Wait()
	if l.wasReturned(r.publishing.MessageId) {
		return broker.ErrNoRoom
	}
	switch {
	case acked:
		return nil
	case !l.channel.IsClosed():
		return broker.ErrFull
	case !l.session.isLost():
		l.session.kill()
	}
	return errLost
}

func (l *lane) wasReturned(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		select {
		case r, ok := <-l.returns:
			if ok {
				l.returned[r.MessageId] = true
				continue
			}
		default:
		}
		was := l.returned[id]
		delete(l.returned, id)
		return was
	}
}
