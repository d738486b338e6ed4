// Package memory is the pipes inside one process.
//
// Nothing here waits: Send, Publish and Ack take a lock of their own room for some nanoseconds, and call out (Wake,
// Deliver) after they have let it go. An open room is a map entry of some 200 bytes and no goroutine.
//
// With a journal ([Open]) what Kept rooms hold survives the death of the process and of the machine. Then Send to such a
// room and its Delete wait for the disk; a consumer has the message before that.
package memory

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/madang-games/madang/broker"
)

var (
	_ broker.Broker  = (*Broker)(nil)
	_ broker.Retirer = (*Broker)(nil)
)

// Config of a Broker. The zero value works.
type Config struct {
	Log *slog.Logger // default slog.Default()
	// Journal is the folder in which [Open] keeps what Kept rooms hold; "": nothing is kept.
	Journal string
}

// Broker is one process's hold on a system of pipes. What the pipes hold lives as long as the system has a Broker that
// somebody refers to; the death of the process ends what is not in a journal.
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

	journal *journal     // nil: none
	brokers atomic.Int64 // that are not closed; the last one closes the journal
}

// shard holds the rooms and topics whose names fall to it, so that rooms don't wait for one another.
type shard struct {
	mu     sync.RWMutex
	rooms  map[string]*room
	topics map[string][]*feed // each slice is replaced, never changed: readers keep it
}

// New returns a Broker on a new, empty system without a journal.
func New(c Config) *Broker {
	if c.Journal != "" {
		panic("memory.New: a journal needs memory.Open")
	}
	s := &system{seed: maphash.MakeSeed()}
	return s.broker(c.Log)
}

// Open returns a Broker on a new system that holds what c.Journal, a folder that is made if need be, has kept: the Kept
// rooms that were open, and in each, in the old order and marked as redelivered, the messages that were sent and not
// acked. Without c.Journal it is New.
//
// Send to a Kept room returns nil when the message is on disk. When the disk takes no writes, Send and Open refuse at once with an
// error that says so, as does Ready, until it does again; a message that was under way then may be held or not.
//
// The folder belongs to one process at a time: for another one Open gives an error. So it does when the folder can't be
// written, or what it holds is damaged; but an end that is not whole was never receipted, and is cut off.
func Open(c Config) (*Broker, error) {
	if c.Journal == "" {
		return New(c), nil
	}
	return open(c, realDisk)
}

func open(c Config, d disk) (*Broker, error) {
	s := &system{seed: maphash.MakeSeed()}
	b := s.broker(c.Log)
	j, err := openJournal(c.Journal, b.log, d)
	if err != nil {
		return nil, err
	}
	s.journal = j
	for _, k := range j.rooms { // nobody else has them yet
		r := &room{name: k.name, bound: k.bound, journal: j, kept: k}
		for i := range k.held.n {
			r.waiting.push(entry{k.held.at(i).message, true})
		}
		s.shard(k.name).add(r)
	}
	return b, nil
}

// Peer returns another Broker on the same system, as another process would have it: closing one leaves the other as it
// is. It is for tests of what happens between processes.
func (b *Broker) Peer() *Broker { return b.system.broker(b.log) }

func (s *system) broker(log *slog.Logger) *Broker {
	if log == nil {
		log = slog.Default()
	}
	s.brokers.Add(1)
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

func (sh *shard) add(r *room) {
	if sh.rooms == nil {
		sh.rooms = map[string]*room{}
	}
	sh.rooms[r.name] = r
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
	r := &room{name: s.Room, bound: bound}
	if j := b.system.journal; j != nil && s.Durability == broker.Kept {
		k, err := j.open(s.Room, bound)
		if err != nil {
			return err
		}
		r.journal, r.kept = j, k
	}
	sh.add(r)
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
	if r == nil {
		sh.mu.Unlock()
		if b.system.journal != nil { // an earlier Delete may not have come to the disk
			return b.system.journal.err()
		}
		return nil
	}
	delete(sh.rooms, name)
	lost, written := r.delete() // under the lock, so that the journal hears of it before the room is opened again
	sh.mu.Unlock()
	for _, p := range lost {
		p.broker.forget(p)
		p.wake()
	}
	if written == nil {
		return nil
	}
	return written.wait(ctx)
}

// Retire removes the room's queue if nothing is in it.
func (b *Broker) Retire(ctx context.Context, name string) (gone bool, err error) {
	if err := b.usable(ctx); err != nil {
		return false, err
	}
	sh := b.system.shard(name)
	sh.mu.Lock()
	r := sh.rooms[name]
	if r == nil {
		sh.mu.Unlock()
		return true, nil
	}
	lost, gone := r.retire() // under the lock, as in Delete
	if gone {
		delete(sh.rooms, name)
	}
	sh.mu.Unlock()
	for _, p := range lost {
		p.broker.forget(p)
		p.wake()
	}
	return gone, nil
}

// Opened lists the rooms that have a queue.
func (b *Broker) Opened(ctx context.Context) ([]string, error) {
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	var names []string
	for i := range b.system.shards {
		sh := &b.system.shards[i]
		sh.mu.RLock()
		for name := range sh.rooms {
			names = append(names, name)
		}
		sh.mu.RUnlock()
	}
	return names, nil
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
	wake, written, err := r.put(m)
	if wake != nil {
		wake()
	}
	if err != nil || written == nil {
		return err
	}
	return written.wait(ctx)
}

// Ready reports ErrClosed after Close, and why the journal takes nothing, if so.
func (b *Broker) Ready(ctx context.Context) error {
	if err := b.usable(ctx); err != nil || b.system.journal == nil {
		return err
	}
	return b.system.journal.err()
}

func (b *Broker) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.closed.Load() {
		return broker.ErrClosed
	}
	return nil
}

// Close ends the pipes, feeds and watchers of this Broker; other Brokers of the system go on. The last one writes what the
// journal has not yet written; an error says that it could not. Close must not be called from Wake, Deliver or a watcher.
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
	if b.system.brokers.Add(-1) == 0 && b.system.journal != nil {
		return b.system.journal.close()
	}
	return nil
}

// forget strikes a pipe off the list for Close.
func (b *Broker) forget(p *pipe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pipes, p)
}
