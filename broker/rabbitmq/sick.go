package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

// A quorum queue without a leader is sick: publishing to it and consuming it block their channel in the broker for a
// minute or so, or end the connection with an internal error; or all that is published to it is refused, on that channel
// even when there is a leader again. A suspect room, whose queue has shown one of these, is kept
// apart until its queue has answered: its sends have a channel of their own on another connection, and it is tried out
// on a connection of its own before it may be consumed where other rooms are.

const (
	// patience is how long a lane may be without any confirm while one is due; then its channel is given up.
	patience = 2 * time.Second
	// apartPatience is the same for the channel of one suspect room.
	apartPatience = 10 * time.Second
	// apartUnconfirmed is how many messages of one suspect room may be without an answer.
	apartUnconfirmed = 16
	// consumePatience is how long the broker may take to answer a consumer.
	consumePatience = 5 * time.Second
	// controlPatience is how long a control call may hold its place among the others.
	controlPatience = 5 * time.Second
	// deadAfter is how long a queue may be without a leader, while others have theirs, before it is given up. RabbitMQ 3.10 leaves
	// such a queue behind for ever when a node stops or freezes while it is declared; others have a new leader within seconds.
	deadAfter = 20 * time.Second
	// trials is how many suspect rooms are tried out at a time.
	trials = 8
)

// errStalled: the broker did not answer in time, and others do get answers.
var errStalled = errors.New("the room's queue does not answer")

// suspects is a set of rooms. Safe for concurrent use.
type suspects struct {
	what   string // what was tried, for the log
	mu     sync.Mutex
	since  map[string]time.Time
	silent map[string]silence // of those whose leader has not answered
}

// silence is a time without a leader, as far as it was observed.
type silence struct{ since, last time.Time }

// isDead takes in a suspect room's latest answer, and reports whether its queue has had no leader for so long that it gets none
// any more. While nobody looks, nothing is known: a silence that was not observed for as long begins anew.
func (s *suspects) isDead(room string, answer error, after time.Duration) bool {
	if answer != errStalled && !isHollow(answer) {
		return false // it tells of the connection, and nothing of the queue
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	silent, known := s.silent[room]
	if !known || now.Sub(silent.last) >= after {
		silent.since = now
	}
	silent.last = now
	if s.silent == nil {
		s.silent = map[string]silence{}
	}
	s.silent[room] = silent
	return now.Sub(silent.since) >= after
}

// isHollow reports whether the broker has said that it knows of no process of a queue.
func isHollow(err error) bool {
	var e *amqp.Error
	return errors.As(err, &e) && e.Code == amqp.InternalError && strings.HasSuffix(e.Reason, ": noproc")
}

// pulseQueue is a quorum queue that tells whether such queues work at all. It holds nothing that matters.
const pulseQueue = "madang.pulse"

// pulse returns nil when a quorum queue has just taken a message.
func (b *Broker) pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, controlPatience)
	defer cancel()
	return b.doSending(ctx, func(ch *amqp.Channel) error {
		args := amqp.Table{"x-queue-type": "quorum", "x-max-length": int64(1), "x-overflow": "drop-head"}
		if _, err := ch.QueueDeclare(pulseQueue, true, false, false, false, args); err != nil {
			return err
		}
		confirmed, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", pulseQueue, true, false, amqp.Publishing{})
		if err != nil {
			return err
		}
		taken, err := confirmed.WaitContext(ctx)
		if err == nil && !taken {
			err = errStalled
		}
		return err
	})
}

func (s *suspects) has(room string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.since[room]
	return is
}

func (s *suspects) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.since)
}

// suspect takes room in and says so in the log, once.
func (b *Broker) suspect(s *suspects, room string, why error) {
	s.mu.Lock()
	_, known := s.since[room]
	if !known {
		if s.since == nil {
			s.since = map[string]time.Time{}
		}
		s.since[room] = time.Now()
	}
	s.mu.Unlock()
	if !known {
		b.log.Warn("a room's queue does not answer: keeping it apart", "room", room, "what", s.what, "error", why)
	}
}

// clear lets room go, and returns since when it was in.
func (b *Broker) clear(s *suspects, room string) (since time.Time, known bool) {
	s.mu.Lock()
	since, known = s.since[room]
	delete(s.since, room)
	delete(s.silent, room)
	s.mu.Unlock()
	if known {
		b.log.Info("a room's queue answers again", "room", room, "what", s.what, "after", time.Since(since).Round(time.Millisecond))
	}
	return since, known
}

// Suspects returns how many rooms are kept apart at the moment, since their queue did not answer this process.
func (b *Broker) Suspects() int { return b.sends.len() + b.consumes.len() }

// sendApart sends on the suspect room's own channel. Any answer is the room's acquittal.
func (b *Broker) sendApart(ctx context.Context, room string, p amqp.Publishing) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return broker.ErrClosed
	}
	if b.apart == nil {
		b.apart = b.newLink("send-apart", nil)
	}
	l := b.apart
	b.mu.Unlock()
	s, err := l.get(ctx)
	if err != nil {
		return err
	}
	if err := s.passable(ctx); err != nil {
		return err
	}
	own, err := s.enterApart(ctx, room)
	if err != nil {
		return err
	}
	defer s.leaveApart(own, room)
	err = b.refused(ctx, room, own.send(ctx, queueOf(room), p))
	switch {
	case errors.Is(err, errStalled):
		s.forgetApart(own, room) // the next try has a channel that knows nothing of the queue yet
	case err == nil, err == broker.ErrNoRoom, err == broker.ErrFull:
		b.acquit(room)
	}
	return err
}

// acquit lets room back among the others. A channel that has published to a queue while it had no leader may take the
// dead one for the leader as long as it lives, and refuse whatever comes for it: so the one that the room was suspected
// on is replaced.
func (b *Broker) acquit(room string) {
	since, was := b.clear(&b.sends, room)
	if !was {
		return
	}
	l, err := b.sender()
	if err != nil {
		return
	}
	s, err := l.now()
	if err != nil {
		return
	}
	if lane := s.lane(laneOf(room)); lane.born.Before(since) {
		lane.retire()
	}
}

// enterApart returns the room's own lane, which lives as long as somebody uses it.
func (s *session) enterApart(ctx context.Context, room string) (*lane, error) {
	s.mu.Lock()
	l := s.apart[room]
	if l != nil {
		l.users++
	}
	s.mu.Unlock()
	if l != nil {
		return l, nil
	}
	fresh, err := s.newLane(ctx, apartUnconfirmed, apartPatience)
	if err != nil {
		return nil, err
	}
	fresh.renew = func() error {
		s.forgetApart(fresh, room)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l = s.apart[room]; l != nil { // somebody was faster
		l.users++
		fresh.abandon()
		return l, nil
	}
	if s.apart == nil {
		s.apart = map[string]*lane{}
	}
	fresh.users = 1
	s.apart[room] = fresh
	return fresh, nil
}

func (s *session) forgetApart(l *lane, room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apart[room] == l {
		delete(s.apart, room)
	}
}

func (s *session) leaveApart(l *lane, room string) {
	s.mu.Lock()
	l.users--
	last := l.users == 0
	if last && s.apart[room] == l {
		delete(s.apart, room)
	}
	s.mu.Unlock()
	if last {
		l.abandon()
	}
}

// sound returns nil when the queue to be consumed answers, so that it may be consumed where other rooms are. A queue that is known to
// have a consumer or a message has answered; of one that says that it has neither, or that is suspected, nobody knows: RabbitMQ gives
// zeros for a queue that does not answer, too.
func (b *Broker) sound(ctx context.Context, c *broker.Consumption, suspected bool) error {
	if suspected {
		return b.tryOut(ctx, c.Room)
	}
	s, err := b.control.get(ctx)
	if err != nil {
		return err
	}
	try, cancel := context.WithTimeout(ctx, consumePatience)
	defer cancel()
	var queue amqp.Queue
	err = s.with(try, func(ch *amqp.Channel) (err error) {
		queue, err = ch.QueueDeclarePassive(queueOf(c.Room), true, false, false, false, nil)
		return err
	})
	switch {
	case err != nil && try.Err() != nil && ctx.Err() == nil:
		return errStalled
	case err != nil || queue.Consumers > 0 || queue.Messages > 0 || c.Durability == broker.Passing:
		return err
	}
	return b.asked(ctx, c.Room)
}

const tryingOut = "try-out"

// asked asks a queue that is not suspected. These questions share a connection: should one end it, the others are asked again.
func (b *Broker) asked(ctx context.Context, room string) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return broker.ErrClosed
	}
	if b.asking == nil {
		b.asking = b.newLink(tryingOut, nil)
	}
	l := b.asking
	b.mu.Unlock()
	err := ask(ctx, l, room)
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.InternalError && !strings.Contains(e.Reason, queueOf(room)) {
		return errLost
	}
	return err
}

// tryOut asks the suspect room's queue, on a connection of its own.
func (b *Broker) tryOut(ctx context.Context, room string) error {
	select {
	case b.trials <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w, waiting to try the room's queue", ctx.Err())
	}
	defer func() { <-b.trials }()
	l, err := b.start(tryingOut, nil)
	if err != nil {
		return err
	}
	defer l.cancel()
	return ask(ctx, l, room)
}

// ask asks a room's queue for a message, and returns nil when the queue has answered. A quorum queue with a single active
// consumer refuses (405), but only its leader can, so the answer tells that there is one, and nothing was taken. Consuming it
// instead would give what was taken back behind what others have given back already, and a room that is given a newer message
// first takes the older for one that it has handled.
func ask(ctx context.Context, l *link, room string) error {
	try, cancel := context.WithTimeout(ctx, consumePatience)
	defer cancel()
	s, err := l.get(try)
	switch {
	case err != nil && try.Err() != nil && ctx.Err() == nil:
		return errLost // no connection, so that nothing is known of the queue
	case err != nil:
		return err
	}
	err = s.with(try, func(ch *amqp.Channel) error {
		_, given, err := ch.Get(queueOf(room), false)
		if given { // by a classic queue, which puts it back where it was
			return ch.Close()
		}
		return err
	})
	switch {
	case isCode(err, amqp.ResourceLocked):
		return nil
	case err != nil && try.Err() != nil && ctx.Err() == nil:
		return errStalled
	}
	return err
}

// sickening reports whether a consumer's failure may be the queue's fault.
func sickening(err error) bool {
	return errors.Is(err, errStalled) || isCode(err, amqp.InternalError)
}
