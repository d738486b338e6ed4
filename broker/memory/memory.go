// Package memory is the pipes inside one process.
//
// Nothing here waits: Send, Publish and Ack take a lock of their own room for some nanoseconds, and call out (Wake,
// Deliver) after they have let it go. An open room is a map entry of some 200 bytes and no goroutine.
package memory

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/madang-games/madang/broker"
)

var _ broker.Broker = (*Broker)(nil)

// Config of a Broker. The zero value works.
type Config struct {
	Log *slog.Logger // default slog.Default()
}

// Broker is one process's hold on a system of pipes. What the pipes hold lives as long as the system has a Broker that
// somebody refers to; the death of the process ends it.
type Broker struct {
	system *system
	log    *slog.Logger

	closed atomic.Bool // changes under mu

	mu       sync.Mutex
	pipes    map[*pipe]struct{}
	feeds    map[*feed]struct{}
	watchers map[*watcher]struct{}
	running  sync.WaitGroup // the watchers' goroutines
}

// system is what all Brokers that were made from one another share.
type system struct {
	seed   maphash.Seed
	shards [64]shard
	board  board
}

// shard holds the rooms and topics whose names fall to it, so that rooms don't wait for one another.
type shard struct {
	mu     sync.RWMutex
	rooms  map[string]*room
	topics map[string][]*feed // each slice is replaced, never changed: readers keep it
}

// New returns a Broker on a new, empty system.
func New(c Config) *Broker {
	s := &system{seed: maphash.MakeSeed()}
	return s.broker(c.Log)
}

// Peer returns another Broker on the same system, as another process would have it: closing one leaves the other as it
// is. It is for tests of what happens between processes.
func (b *Broker) Peer() *Broker { return b.system.broker(b.log) }

func (s *system) broker(log *slog.Logger) *Broker {
	if log == nil {
		log = slog.Default()
	}
	return &Broker{
		system:   s,
		log:      log,
		pipes:    map[*pipe]struct{}{},
		feeds:    map[*feed]struct{}{},
		watchers: map[*watcher]struct{}{},
	}
}

func (s *system) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%uint64(len(s.shards))]
}

func (s *system) room(name string) *room {
	sh := s.shard(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.rooms[name]
}

// Open makes the room's queue.
func (b *Broker) Open(ctx context.Context, s broker.Spec) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	bound := s.Bound
	if bound <= 0 {
		bound = broker.DefaultBound
	}
	sh := b.system.shard(s.Room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.rooms[s.Room] != nil {
		return nil
	}
	if sh.rooms == nil {
		sh.rooms = map[string]*room{}
	}
	sh.rooms[s.Room] = &room{name: s.Room, bound: bound}
	return nil
}

// Delete removes the room's queue.
func (b *Broker) Delete(ctx context.Context, name string) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	sh := b.system.shard(name)
	sh.mu.Lock()
	r := sh.rooms[name]
	delete(sh.rooms, name)
	sh.mu.Unlock()
	if r == nil {
		return nil
	}
	for _, p := range r.delete() {
		p.broker.forget(p)
		p.wake()
	}
	return nil
}

// Send puts m into its room's queue.
func (b *Broker) Send(ctx context.Context, m *broker.Message) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	r := b.system.room(m.Room)
	if r == nil {
		return broker.ErrNoRoom
	}
	wake, err := r.put(m)
	if wake != nil {
		wake()
	}
	return err
}

// Ready reports ErrClosed after Close.
func (b *Broker) Ready(ctx context.Context) error { return b.usable(ctx) }

func (b *Broker) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.closed.Load() {
		return broker.ErrClosed
	}
	return nil
}

// Close ends the pipes, feeds and watchers of this Broker; other Brokers of the system go on. It must not be called
// from Wake, Deliver or a watcher.
func (b *Broker) Close() error {
	b.mu.Lock()
	closed := b.closed.Swap(true)
	pipes, feeds, watchers := b.pipes, b.feeds, b.watchers
	b.pipes, b.feeds, b.watchers = nil, nil, nil
	b.mu.Unlock()
	if closed {
		return nil
	}
	for p := range pipes {
		p.end(broker.ErrClosed)
		p.wake()
	}
	for f := range feeds {
		f.end()
	}
	for w := range watchers {
		w.cancel()
	}
	b.running.Wait()
	return nil
}

// forget strikes a pipe off the list for Close.
func (b *Broker) forget(p *pipe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pipes, p)
}
