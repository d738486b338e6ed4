package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

const (
	boardExchange = "madang.board"
	boardBound    = 10_000   // notices that wait in the broker for a watcher that is behind
	maxNotice     = 64 << 10 // bytes
)

// declareBoard makes the board's exchange, for whoever comes first.
func declareBoard(s *session) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return ch.ExchangeDeclare(boardExchange, "fanout", true, false, false, false, nil)
}

// Post publishes n and waits for the confirm. A connection that is lost meanwhile may make watchers see it twice.
func (b *Broker) Post(ctx context.Context, n broker.Notice) error {
	if len(n.Body) > maxNotice {
		return fmt.Errorf("post a notice: its body has %d bytes, the most is %d", len(n.Body), maxNotice)
	}
	h := headers{}
	h.text(hFrom, n.From)
	p := amqp.Publishing{DeliveryMode: amqp.Transient, Body: n.Body}
	if err := finish(&p, h, n.Kind, "application/json", n.Time); err != nil {
		return fmt.Errorf("post a notice: %w", err)
	}
	err := b.doSending(ctx, func(ch *amqp.Channel) error {
		confirm, err := ch.PublishWithDeferredConfirm(boardExchange, "", false, false, p)
		if err != nil {
			return err
		}
		if !confirm.Wait() {
			return errLost
		}
		return nil
	})
	if err != nil && err != broker.ErrClosed {
		return fmt.Errorf("post a notice: %w", err)
	}
	return err
}

// Watch has a connection and a queue of its own.
func (b *Broker) Watch(ctx context.Context, see func(broker.Notice)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	again := false // of the link's goroutine
	l, err := b.start("board", func(s *session) error {
		if err := declareBoard(s); err != nil {
			return err
		}
		ch, err := s.conn.Channel()
		if err != nil {
			return err
		}
		queue, err := ownQueue(ch, "madang.board.", boardBound)
		if err != nil {
			return err
		}
		if err := ch.QueueBind(queue, "", boardExchange, false, nil); err != nil {
			return err
		}
		if again && ctx.Err() == nil { // nobody listens yet, so see is not called by two
			see(broker.Notice{Kind: broker.NoticeMissed, Time: time.Now()})
		}
		again = true
		return listen(s, ch, queue, func(ds []amqp.Delivery) {
			for i := range ds {
				if ctx.Err() != nil {
					return
				}
				see(decodeNotice(&ds[i]))
			}
		})
	})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, l.cancel)
	_, err = l.get(ctx)
	return err
}

func decodeNotice(d *amqp.Delivery) broker.Notice {
	h := headers(d.Headers)
	n := broker.Notice{From: h.asText(hFrom), Body: d.Body}
	n.Kind, _, n.Time = h.rest(d)
	return n
}
