// Package rabbitmq is the pipes in a RabbitMQ cluster (3.10 or later).
//
// docs/decisions/0002-rabbitmq-topology.md says which queues, exchanges, keys and connections it uses, and why.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

var _ broker.Broker = (*Broker)(nil)

// Config of a Broker.
type Config struct {
	// URLs are the nodes of one cluster, amqp:// or amqps://, with the same vhost; at least one. Each connection
	// begins with any of them and tries the next when one does not answer.
	URLs []string
	Log  *slog.Logger // default slog.Default()
}

// Broker is one process's hold on the cluster. It keeps up to five kinds of connections, each made when it is first
// needed, and makes each anew, with everything that belongs to it, whenever it is lost.
//
// While the cluster can't be reached, calls wait until their context ends; then their error wraps the context's and
// names the cause.
type Broker struct {
	urls []string
	log  *slog.Logger
	id   string // unique to this Broker: begins the message ids it gives
	sent atomic.Uint64

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	control *link
	running sync.WaitGroup // links, and changes of feeds

	mu      sync.Mutex
	closed  bool
	sending *link
	apart   *link // sends to suspect rooms
	asking  *link // asks queues that are to be consumed; nil until then
	workers []*link
	groups  map[string]*group  // those that may be joined, by name
	pipes   map[string][]*pipe // by room

	doubters map[*feed]struct{} // those who want to know of trouble

	bounds   bounds
	sends    suspects
	consumes suspects
	trials   chan struct{}

	deadAfter time.Duration // that constant; tests have less
}

// New returns a Broker. It tries to connect once, no longer than ctx lasts; if that fails it returns all the same and
// goes on trying, and Ready says what is wrong. The one error is a wrong Config. Ending ctx later does nothing.
func New(ctx context.Context, c Config) (*Broker, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("rabbitmq: no address given")
	}
	for i, url := range c.URLs {
		if _, err := amqp.ParseURI(url); err != nil {
			return nil, fmt.Errorf("rabbitmq: address %d: %w", i+1, err) // the address may hold a password
		}
	}
	b := &Broker{
		urls: c.URLs, log: c.Log, id: fmt.Sprintf("%08x", rand.Uint32()), trials: make(chan struct{}, trials), deadAfter: deadAfter,
	}
	b.sends.what, b.consumes.what = "send", "consume"
	if b.log == nil {
		b.log = slog.Default()
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.control = b.newLink("control", nil)
	select {
	case <-b.control.tried:
	case <-ctx.Done():
	}
	return b, nil
}

// Ready reports whether the connections that this process has needed so far are there and not blocked. It does not wait; one that is
// being made for the first time is not missed before all addresses have been tried.
// A room whose queue does not answer is no reason to send players to another process: see Suspects.
func (b *Broker) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.ctx.Err() != nil {
		return broker.ErrClosed
	}
	b.mu.Lock()
	links := append([]*link{b.control}, b.workers...)
	if b.sending != nil {
		links = append(links, b.sending)
	}
	b.mu.Unlock()
	for _, l := range links {
		s, err := l.now()
		if err != nil && l != b.control && !l.wasTried() {
			continue
		}
		if err != nil {
			return err
		}
		if reason := s.blockedBy(); reason != "" {
			return fmt.Errorf("rabbitmq holds publishers back: %s", reason)
		}
	}
	return nil
}

// Close closes all connections and returns when all goroutines have ended, after 3 s at the latest per connection. It
// must not be called from Wake, Deliver or a watcher.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
	return nil
}

// newLink starts a link; it must not be called after Close has returned.
func (b *Broker) newLink(name string, up func(*session) error) *link {
	ctx, cancel := context.WithCancel(b.ctx)
	l := &link{
		broker: b, name: name, up: up,
		cancel: cancel, ended: make(chan struct{}), tried: make(chan struct{}), changed: make(chan struct{}),
		err: errors.New("connecting"),
	}
	b.running.Add(1)
	go func() {
		defer b.running.Done()
		l.run(ctx)
	}()
	return l
}

// start is newLink for links that are made later.
func (b *Broker) start(name string, up func(*session) error) (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	return b.newLink(name, up), nil
}

// enter lets a goroutine in that ends with running.Done; false after Close.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.running.Add(1)
	return true
}

// checkRoom refuses names that would mean something else in routing keys and bindings.
func checkRoom(room string) error {
	if room == "" || len(room) > 200 || strings.ContainsAny(room, ".*#\r\n\x00") {
		return fmt.Errorf("room name %q: want 1 to 200 bytes without '.', '*', '#' and line ends", room)
	}
	return nil
}
