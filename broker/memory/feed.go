package memory

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/madang-games/madang/broker"
)

var _ broker.Feed = (*feed)(nil)

// feed is one gateway's ear.
type feed struct {
	broker  *Broker
	receive func(room string, outs []*broker.Output)

	mu     sync.Mutex
	ended  bool
	topics map[string]struct{} // bound by this feed

	// calls counts the calls of receive that are under way; ending adds endedBit.
	calls atomic.Int64
	once  sync.Once
	quiet chan struct{} // closed when the last call after the end has returned
}

const endedBit = 1 << 62

// Feed starts a feed.
func (b *Broker) Feed(ctx context.Context, r broker.Receiver) (broker.Feed, error) {
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	f := &feed{broker: b, receive: r.Deliver, topics: map[string]struct{}{}, quiet: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	b.feeds[f] = struct{}{}
	return f, nil
}

// bound returns the feeds that have bound the room.
func (s *system) bound(name string) []*feed {
	sh := s.shard(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.topics[name]
}

func (f *feed) deliver(room string, outs []*broker.Output) {
	if f.calls.Add(1) < endedBit {
		f.receive(room, outs)
	}
	if f.calls.Add(-1) == endedBit {
		f.once.Do(func() { close(f.quiet) })
	}
}

// Bind adds a room.
func (f *feed) Bind(ctx context.Context, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return broker.ErrClosed
	}
	if _, ok := f.topics[room]; ok {
		return nil
	}
	f.topics[room] = struct{}{}
	sh := f.broker.system.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.topics == nil {
		sh.topics = map[string][]*feed{}
	}
	sh.topics[room] = append(slices.Clone(sh.topics[room]), f)
	return nil
}

// Unbind takes a room away.
func (f *feed) Unbind(ctx context.Context, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return broker.ErrClosed
	}
	f.unbindLocked(room)
	return nil
}

func (f *feed) unbindLocked(room string) {
	if _, ok := f.topics[room]; !ok {
		return
	}
	delete(f.topics, room)
	sh := f.broker.system.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(sh.topics[room]), func(other *feed) bool { return other == f })
	if len(left) == 0 {
		delete(sh.topics, room)
		return
	}
	sh.topics[room] = left
}

// Close ends the feed.
func (f *feed) Close() error {
	f.broker.mu.Lock()
	delete(f.broker.feeds, f)
	f.broker.mu.Unlock()
	f.end()
	return nil
}

// end returns when no call of receive is under way and none will come.
func (f *feed) end() {
	f.mu.Lock()
	if !f.ended {
		f.ended = true
		for room := range f.topics {
			f.unbindLocked(room)
		}
		if f.calls.Add(endedBit) == endedBit {
			f.once.Do(func() { close(f.quiet) })
		}
	}
	f.mu.Unlock()
	<-f.quiet
}
