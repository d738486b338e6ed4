package memory

import (
	"context"
	"fmt"
	"time"
)

// settleEvery is the time between two looks of Settle.
const settleEvery = 10 * time.Millisecond

// Settle returns once no message waits in any queue that ends with the process: consumers have taken all there was, though
// perhaps not acked it. What the journal keeps is not waited for. It is for an orderly stop, after the last Send. When ctx
// ends first, the error says how many were waiting.
func (b *Broker) Settle(ctx context.Context) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		waiting := b.system.waiting()
		if waiting == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d messages still wait: %w", waiting, ctx.Err())
		}
	}
}

// waiting counts the messages that no consumer has taken and no journal keeps.
func (s *system) waiting() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		for _, r := range sh.rooms {
			if r.journal != nil {
				continue
			}
			r.mu.Lock()
			n += r.waiting.n
			r.mu.Unlock()
		}
		sh.mu.RUnlock()
	}
	return n
}
