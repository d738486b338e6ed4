package rabbitmq

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

// bounds are the bounds of queues that have refused something, as far as this process has asked. Safe for concurrent
// use.
type bounds struct {
	mu    sync.Mutex
	rooms map[string]int
}

const maxBounds = 10_000

// currentBound is in what RabbitMQ says of a queue that was declared with another bound than it has.
var currentBound = regexp.MustCompile(`'x-max-length'.*but current is[^0-9]*([0-9]+)`)

// nearlyFull is how many messages a queue holds at least while it refuses more: RabbitMQ takes messages again below
// 0.8 of the bound. 1 when the bound can't be found out.
//
// A sender does not know how the room was opened, and AMQP has no way to ask. Declaring the queue with a bound that none
// can have makes no queue, and for one that is there the refusal names the bound that it has.
func (b *Broker) nearlyFull(ctx context.Context, room string) int {
	b.bounds.mu.Lock()
	bound := b.bounds.rooms[room]
	b.bounds.mu.Unlock()
	for _, d := range []broker.Durability{broker.Kept, broker.Passing} {
		if bound > 0 {
			break
		}
		err := b.declare(ctx, room, d, -1)
		if e := (*amqp.Error)(nil); errors.As(err, &e) {
			if found := currentBound.FindStringSubmatch(e.Reason); found != nil {
				bound, _ = strconv.Atoi(found[1])
			}
		}
	}
	if bound == 0 {
		return 1
	}
	b.bounds.mu.Lock()
	defer b.bounds.mu.Unlock()
	if b.bounds.rooms == nil || len(b.bounds.rooms) >= maxBounds {
		b.bounds.rooms = map[string]int{}
	}
	b.bounds.rooms[room] = bound
	return max(1, bound*3/4)
}
