package rabbitmq

import (
	"context"
	"time"

	"github.com/madang-games/madang/broker"
)

// NearlyFull is how many messages a room's queue holds at least while it refuses more.
func (b *Broker) NearlyFull(ctx context.Context, room string) int { return b.nearlyFull(ctx, room) }

// TryOut asks whether a suspect room's queue answers.
func (b *Broker) TryOut(ctx context.Context, room string) error { return b.tryOut(ctx, room) }

// SetDeadAfter sets how long a queue may be without any process before it is given up.
func (b *Broker) SetDeadAfter(d time.Duration) { b.deadAfter = d }

// PulseQueue is there as soon as somebody has consumed a queue, and is no room's.
const PulseQueue = pulseQueue

// Pulse returns nil when a quorum queue has just taken a message.
func (b *Broker) Pulse(ctx context.Context) error { return b.pulse(ctx) }

// ConsumePatience is how long the broker may take to answer a consumer.
const ConsumePatience = consumePatience

// GroupMost is how many pipes share a channel at most.
const GroupMost = groupMost

// Hold has a pipe's channel wait for an answer that does not come, until release.
func Hold(p broker.Pipe) (release func()) {
	turn := p.(*pipe).group.turn
	turn <- struct{}{}
	return func() { <-turn }
}
