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

// controlChannels is how many control calls run at a time.
const controlChannels = 8

// pool is the channels of a session for short calls. Each channel is in confirm mode and belongs to one call at a time.
type pool struct {
	tokens chan struct{}
	mu     sync.Mutex
	idle   []*amqp.Channel
}

func newPool() pool { return pool{tokens: make(chan struct{}, controlChannels)} }

// with runs call on a channel of its own. When ctx ends it returns; the call goes on until the broker answers.
func (s *session) with(ctx context.Context, call func(*amqp.Channel) error) error {
	select {
	case s.pool.tokens <- struct{}{}:
	case <-s.lost:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.enter() {
		<-s.pool.tokens
		return errLost
	}
	result := make(chan error, 1)
	go func() {
		defer s.using.Done()
		release := sync.OnceFunc(func() { <-s.pool.tokens })
		late := time.AfterFunc(controlPatience, release) // a sick queue does not keep the others out
		ch, err := s.borrow()
		if err == nil {
			err = call(ch)
			if late.Stop() {
				s.giveBack(ch)
			} else {
				_ = ch.Close()
			}
		} else {
			late.Stop()
		}
		release()
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) borrow() (*amqp.Channel, error) {
	s.pool.mu.Lock()
	if n := len(s.pool.idle); n > 0 {
		ch := s.pool.idle[n-1]
		s.pool.idle = s.pool.idle[:n-1]
		s.pool.mu.Unlock()
		return ch, nil
	}
	s.pool.mu.Unlock()
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	return ch, nil
}

func (s *session) giveBack(ch *amqp.Channel) {
	if ch.IsClosed() {
		return
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.idle = append(s.pool.idle, ch)
}

// do runs call on a control channel, again and again over lost connections, until it has an answer or ctx ends. It must not
// publish: under an alarm the broker reads nothing more from a connection that has.
func (b *Broker) do(ctx context.Context, call func(*amqp.Channel) error) error {
	return b.retry(ctx, func() error {
		s, err := b.control.get(ctx)
		if err != nil {
			return err
		}
		return s.with(ctx, call)
	})
}

// doSending is do for what publishes.
func (b *Broker) doSending(ctx context.Context, call func(*amqp.Channel) error) error {
	l, err := b.sender()
	if err != nil {
		return err
	}
	return b.retry(ctx, func() error {
		s, err := l.get(ctx)
		if err != nil {
			return err
		}
		if err := s.passable(ctx); err != nil {
			return err
		}
		return s.with(ctx, call)
	})
}

// retry calls try until it gives nil or an error that another connection or a little later would not mend.
func (b *Broker) retry(ctx context.Context, try func() error) error {
	pause := 10 * time.Millisecond
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := try()
		if err == nil || !passing(err) {
			return err
		}
		if b.ctx.Err() != nil {
			return broker.ErrClosed
		}
		if !sleep(ctx, pause) {
			return fmt.Errorf("%w, last: %w", ctx.Err(), err)
		}
		pause = min(2*pause, time.Second)
	}
}

// passing reports whether err is about the state of connections and nodes, and not about what was asked.
func passing(err error) bool {
	if errors.Is(err, errLost) || errors.Is(err, errStalled) {
		return true
	}
	var e *amqp.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case amqp.AccessRefused, amqp.PreconditionFailed, amqp.ResourceLocked, amqp.NotAllowed, amqp.NotImplemented,
		amqp.ContentTooLarge:
		return false
	case amqp.NotFound: // a queue whose node is down is there, but can't be used
		return strings.Contains(e.Reason, "down or inaccessible")
	default:
		return true
	}
}

// isCode reports whether err is the broker's refusal with that code.
func isCode(err error, code int) bool {
	var e *amqp.Error
	return errors.As(err, &e) && e.Code == code
}

func queueOf(room string) string { return "room." + room }

// Open declares the room's queue. One that exists stays as it is.
func (b *Broker) Open(ctx context.Context, s broker.Spec) error {
	if err := checkRoom(s.Room); err != nil {
		return err
	}
	bound := int64(s.Bound)
	if bound <= 0 {
		bound = broker.DefaultBound
	}
	err := b.declare(ctx, s.Room, s.Durability, bound)
	if isCode(err, amqp.PreconditionFailed) {
		return nil // it exists, opened with another Spec
	}
	if err != nil {
		return fmt.Errorf("open room %s: %w", s.Room, err)
	}
	return nil
}

func (b *Broker) declare(ctx context.Context, room string, d broker.Durability, bound int64) error {
	args := amqp.Table{
		"x-single-active-consumer": true,
		"x-max-length":             bound,
		"x-overflow":               "reject-publish",
	}
	kept := d == broker.Kept
	if kept {
		args["x-queue-type"] = "quorum"
		args["x-delivery-limit"] = int64(deliveryLimit)
		args["x-queue-leader-locator"] = "balanced" // not all on the node that the opener happens to talk to
	} else {
		args["x-queue-type"] = "classic"
	}
	return b.do(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queueOf(room), kept, false, false, false, args)
		return err
	})
}

// deliveryLimit keeps RabbitMQ 4 from dropping a message that has come back 20 times, which is its default: a room's
// worker decides what to give up.
const deliveryLimit = 1_000_000

// Delete deletes the room's queue.
func (b *Broker) Delete(ctx context.Context, room string) error {
	if err := checkRoom(room); err != nil {
		return nil // there can't be one
	}
	decide := b.deleting(room)
	err := b.do(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(queueOf(room), false, false, false)
		return err
	})
	decide(err == nil || isCode(err, amqp.NotFound))
	if err != nil && !isCode(err, amqp.NotFound) {
		return fmt.Errorf("delete room %s: %w", room, err)
	}
	return nil
}
