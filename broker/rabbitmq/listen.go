package rabbitmq

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ackEvery is how long what was given waits for its ack at most: an ack for each would cost the broker about as much as
// the messages do.
const ackEvery = 100 * time.Millisecond

// ownQueue declares a queue that belongs to this connection and goes with it; when it is full it loses the oldest.
func ownQueue(ch *amqp.Channel, prefix string, bound int64) (string, error) {
	name := fmt.Sprintf("%s%016x", prefix, rand.Uint64())
	_, err := ch.QueueDeclare(name, false, true, true, false, amqp.Table{
		"x-queue-type": "classic",
		"x-max-length": bound,
		"x-overflow":   "drop-head",
	})
	return name, err
}

// listen gives what comes in an own queue to each, in order and in one goroutine, until the session ends. If the queue
// goes before, so does the session.
func listen(s *session, ch *amqp.Channel, queue string, each func([]amqp.Delivery)) error {
	if err := ch.Qos(ahead, 0, false); err != nil {
		return err
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	canceled := ch.NotifyCancel(make(chan string, 1))
	deliveries, err := ch.Consume(queue, "", false, true, false, false, nil)
	if err != nil {
		return err
	}
	if !s.enter() {
		return errLost
	}
	go func() {
		defer s.using.Done()
		defer func() { s.kill(whyEnded(closed, canceled)) }()
		var batch []amqp.Delivery
		unacked := 0
		pause := time.NewTimer(ackEvery)
		pause.Stop()
		defer pause.Stop()
		for {
			select {
			case d, open := <-deliveries:
				if !open {
					return
				}
				batch = append(batch[:0], d)
			case <-pause.C:
				if unacked = 0; ch.Ack(0, true) != nil { // 0: all
					return
				}
				continue
			}
			for more := true; more && len(batch) < together; {
				select {
				case d, open := <-deliveries:
					if more = open; open {
						batch = append(batch, d)
					}
				default:
					more = false
				}
			}
			each(batch)
			if unacked == 0 {
				pause.Reset(ackEvery)
			}
			if unacked += len(batch); unacked >= ahead/4 {
				unacked = 0
				pause.Stop()
				if ch.Ack(batch[len(batch)-1].DeliveryTag, true) != nil {
					return
				}
			}
			clear(batch)
		}
	}()
	return nil
}

var (
	errChannel  = errors.New("rabbitmq has closed a channel")
	errCanceled = errors.New("rabbitmq has deleted the queue")
)

// whyEnded is why a consumer's channel gives nothing any more.
func whyEnded(closed <-chan *amqp.Error, canceled <-chan string) error {
	select {
	case <-canceled:
		return errCanceled
	default:
	}
	select {
	case e := <-closed:
		if e != nil {
			return e
		}
	default:
	}
	return errChannel
}
