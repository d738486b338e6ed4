package rabbitmq

import (
	"fmt"
	"math/rand/v2"

	amqp "github.com/rabbitmq/amqp091-go"
)

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
	deliveries, err := ch.Consume(queue, "", false, true, false, false, nil)
	if err != nil {
		return err
	}
	if !s.enter() {
		return errLost
	}
	go func() {
		defer s.using.Done()
		defer s.kill()
		var batch []amqp.Delivery
		unacked := 0
		for d := range deliveries {
			batch = append(batch[:0], d)
			open := true
			for more := true; more && len(batch) < together; {
				select {
				case d, open = <-deliveries:
					if more = open; open {
						batch = append(batch, d)
					}
				default:
					more = false
				}
			}
			each(batch)
			last := batch[len(batch)-1].DeliveryTag
			if unacked += len(batch); len(batch) < together || unacked >= ahead/4 {
				if ch.Ack(last, true) != nil {
					return
				}
				unacked = 0
			}
			clear(batch)
		}
	}()
	return nil
}
