package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

const (
	lanes = 4
	// unconfirmed is how many messages of a lane may be without the broker's answer; the next ones wait. It is below
	// the 400 after which RabbitMQ stops reading the whole connection while one of its channels is stuck.
	unconfirmed = 384
)

// lane is a publishing channel; a room is always on the same one. One goroutine publishes; each sender waits for its
// own confirm. A lane that has no answers for a time is given up; what waits there is sent again elsewhere.
type lane struct {
	session  *session
	channel  *amqp.Channel
	patience time.Duration
	born     time.Time
	answered atomic.Int64 // when the last answer came: nanoseconds since 1970

	given  sync.Once
	renew  func() error  // puts another one in its place
	dead   chan struct{} // closed when it is given up
	ending sync.Once
	users  int // of a suspect room's lane; guarded by session.mu

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
		if b.sends.has(m.Room) {
			return b.sendApart(ctx, m.Room, p)
		}
		s, err := l.get(ctx)
		if err != nil {
			return err
		}
		if err := s.passable(ctx); err != nil {
			return err
		}
		err = b.refused(ctx, m.Room, s.lane(laneOf(m.Room)).send(ctx, queueOf(m.Room), p))
		if errors.Is(err, errStalled) {
			b.suspect(&b.sends, m.Room, err)
		}
		return err
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
		b.sending = b.newLink("send", openLanes)
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
	for i := range lanes {
		l, err := s.newLane(context.Background(), unconfirmed, patience) // ends with the session at the latest
		if err != nil {
			return err
		}
		s.put(i, l)
	}
	return nil
}

// put makes l the session's lane i, and says how it is replaced.
func (s *session) put(i int, l *lane) {
	l.renew = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		fresh, err := s.newLane(ctx, unconfirmed, patience)
		if err == nil {
			s.put(i, fresh)
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i == len(s.lanes) {
		s.lanes = append(s.lanes, l)
		return
	}
	s.lanes[i] = l
}

func (s *session) lane(i int) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lanes[i]
}

// newLane opens a lane, or gives up when ctx ends.
func (s *session) newLane(ctx context.Context, places int, patience time.Duration) (*lane, error) {
	if !s.enter() {
		return nil, errLost
	}
	opened := make(chan *lane)
	failed := make(chan error, 1)
	go func() {
		defer s.using.Done()
		ch, err := s.conn.Channel()
		if err == nil {
			err = ch.Confirm(false)
		}
		if err != nil {
			failed <- err
			return
		}
		l := &lane{
			session:  s,
			channel:  ch,
			patience: patience,
			born:     time.Now(),
			dead:     make(chan struct{}),
			requests: make(chan *sending),
			places:   make(chan struct{}, places),
			returns:  ch.NotifyReturn(make(chan amqp.Return, places)),
			returned: map[string]bool{},
		}
		select {
		case opened <- l:
			l.run()
		case <-ctx.Done():
			_ = ch.Close()
		}
	}()
	select {
	case l := <-opened:
		return l, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lane) run() {
	for {
		select {
		case r := <-l.requests:
			confirm, err := l.channel.PublishWithDeferredConfirm("", r.queue, true, false, r.publishing)
			r.published <- published{confirm, err}
		case <-l.dead:
			return
		case <-l.session.lost:
			return
		}
	}
}

// giveUp replaces the lane, once. If the broker does not open another channel either, it is the connection that is sick.
func (l *lane) giveUp() { l.replace(func() {}) }

// retire replaces the lane, once, and lets what is under way there have its answers.
func (l *lane) retire() {
	l.replace(func() {
		for late := time.Now().Add(l.patience); len(l.places) > 0 && time.Now().Before(late); {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-l.session.lost:
				return
			}
		}
	})
}

func (l *lane) replace(before func()) {
	l.given.Do(func() {
		if !l.session.enter() {
			return
		}
		go func() {
			defer l.session.using.Done()
			err := l.renew()
			if err == nil {
				before()
			}
			l.abandon()
			if err != nil {
				l.session.kill(fmt.Errorf("replace a channel: %w", err))
			}
		}()
	})
}

// abandon ends the lane. What the broker has of it may still reach its queue.
func (l *lane) abandon() {
	l.ending.Do(func() {
		close(l.dead)
		go func() { _ = l.channel.Close() }() // has its answer when the queue has, or when the connection ends
	})
}

func (l *lane) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

func (l *lane) send(ctx context.Context, queue string, p amqp.Publishing) error {
	late := time.NewTimer(l.patience)
	defer late.Stop()
	for placed := false; !placed; {
		select {
		case l.places <- struct{}{}:
			placed = true
		case <-late.C: // full of messages without an answer
			l.complain(time.Now().Add(-l.patience))
			late.Reset(l.patience)
		case <-l.dead:
			return errStalled
		case <-l.session.lost:
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r := &sending{queue, p, make(chan published, 1)}
	select {
	case l.requests <- r:
	case <-l.dead:
		return errStalled
	case <-l.session.lost:
		return errLost
	case <-ctx.Done():
		<-l.places
		return ctx.Err()
	}
	var pub published
	select {
	case pub = <-r.published:
	case <-ctx.Done():
		go func() { l.settle(r, <-r.published) }()
		return ctx.Err()
	}
	if pub.err != nil {
		return l.settle(r, pub)
	}
	begun := time.Now()
	late.Reset(l.patience)
	for {
		select {
		case <-pub.confirm.Done():
			return l.settle(r, pub)
		case <-l.dead:
			return errStalled
		case <-late.C:
			late.Reset(l.patience)
			begun = l.session.dueSince(begun)
			if !l.complain(begun) && time.Since(begun) > 2*l.patience-l.patience/4 {
				go l.settle(r, pub) // the others on this lane have answers, only this one has none
				return errStalled
			}
		case <-ctx.Done():
			go l.settle(r, pub)
			return ctx.Err()
		}
	}
}

// complain gives the lane up if it has had no answer for its patience, and reports whether it has.
func (l *lane) complain(begun time.Time) bool {
	last := max(l.answered.Load(), l.session.dueSince(begun).UnixNano())
	silent := time.Since(time.Unix(0, last)) >= l.patience*3/4
	if silent {
		l.giveUp()
	}
	return silent
}

// settle waits for the broker's answer to r, frees its place and says what the answer was.
func (l *lane) settle(r *sending, pub published) error {
	defer func() { <-l.places }()
	if pub.err != nil {
		if l.isDead() {
			return errStalled
		}
		if !l.session.isLost() {
			l.session.kill(fmt.Errorf("send: %w", pub.err)) // the channel alone has failed
		}
		return errLost
	}
	acked := pub.confirm.Wait()
	l.answered.Store(time.Now().UnixNano())
	if l.wasReturned(r.publishing.MessageId) {
		return broker.ErrNoRoom
	}
	switch {
	case acked:
		return nil
	case l.isDead():
		return errStalled
	case !l.channel.IsClosed():
		return broker.ErrFull
	case !l.session.isLost():
		l.session.kill(errChannel)
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

// refused looks behind a refusal. The broker refuses a message whose queue is full, and also one whose queue has just
// gone with its node, or has no leader at the moment: then the queue is not there or is not nearly full, and the message
// is tried again.
func (b *Broker) refused(ctx context.Context, room string, err error) error {
	if err != broker.ErrFull {
		return err
	}
	holds := 0
	asked := b.do(ctx, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(queueOf(room), true, false, false, false, nil)
		holds = q.Messages
		return err
	})
	switch {
	case isCode(asked, amqp.NotFound) && !passing(asked):
		return broker.ErrNoRoom
	case asked == nil && holds < b.nearlyFull(ctx, room):
		return errStalled
	}
	return broker.ErrFull
}
