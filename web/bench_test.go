package web_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web"
)

// desk is a store of four tables.
type desk struct {
	notebook
	register
	mu        sync.Mutex
	sessions  map[store.TokenHash]store.Session
	seats     map[string]bool // "room user"
	watching  map[string]bool // of these, spectators'
	rooms     map[string]store.Room
	farewells map[string]store.Farewell // "room user"
	took      time.Duration             // since it has found a session, when it answers
	tick      time.Duration
	seating   func()       // called first by Seat, without the lock
	reading   func() error // the same of Farewell; its error is Farewell's
	finding   func() error // the same of Session
}

func (d *desk) Session(_ context.Context, token store.TokenHash, _ time.Time) (store.Session, error) {
	d.mu.Lock()
	finding := d.finding
	d.mu.Unlock()
	if finding != nil {
		if err := finding(); err != nil {
			return store.Session{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.sessions[token]; ok {
		d.tick++ // no two in one moment
		s.FoundAt = time.Now().Add(d.tick - d.took)
		return s, nil
	}
	return store.Session{}, store.ErrNotFound
}

func (d *desk) Seat(_ context.Context, room, user string) (store.Seat, error) {
	d.mu.Lock()
	seating := d.seating
	d.mu.Unlock()
	if seating != nil {
		seating()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seats[room+" "+user] {
		return store.Seat{Room: room, User: user, Spectator: d.watching[room+" "+user]}, nil
	}
	return store.Seat{}, store.ErrNotFound
}

func (d *desk) Room(_ context.Context, id string) (store.Room, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := d.rooms[id]; ok {
		return r, nil
	}
	return store.Room{}, store.ErrNotFound
}

// Farewell gives whole runs that reach beyond after, as a store does.
func (d *desk) Farewell(_ context.Context, room, user string, after uint64, _ time.Time) (store.Farewell, error) {
	d.mu.Lock()
	f, ok := d.farewells[room+" "+user]
	reading := d.reading
	d.mu.Unlock()
	if reading != nil {
		if err := reading(); err != nil {
			return store.Farewell{}, err
		}
	}
	if !ok {
		return store.Farewell{}, store.ErrNotFound
	}
	f.Log = slices.DeleteFunc(slices.Clone(f.Log), func(l store.Logged) bool { return l.Last <= after })
	return f, nil
}

// signIn gives user a session whose token is "t-" and the session's id.
func (d *desk) signIn(user, session string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for token, s := range d.sessions {
		if s.User == user {
			delete(d.sessions, token)
		}
	}
	d.sessions[sha256.Sum256([]byte("t-"+session))] = store.Session{ID: session, User: user, Name: "Name of " + user}
}

func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// pipes is the memory broker, with accidents.
type pipes struct {
	*memory.Broker
	send     atomic.Pointer[func(*broker.Message) error] // called first; its error is Send's
	receiver broker.Receiver
	bound    atomic.Int64 // rooms bound by the feed
	binds    atomic.Int64 // times that it has bound one
}

func (p *pipes) Send(ctx context.Context, m *broker.Message) error {
	if before := p.send.Load(); before != nil {
		if err := (*before)(m); err != nil {
			return err
		}
	}
	return p.Broker.Send(ctx, m)
}

func (p *pipes) onSend(before func(*broker.Message) error) { p.send.Store(&before) }

func (p *pipes) Feed(ctx context.Context, r broker.Receiver) (broker.Feed, error) {
	p.receiver = r
	f, err := p.Broker.Feed(ctx, r)
	return countedFeed{f, p}, err
}

type countedFeed struct {
	broker.Feed
	pipes *pipes
}

func (f countedFeed) Bind(ctx context.Context, room string) error {
	f.pipes.bound.Add(1)
	f.pipes.binds.Add(1)
	return f.Feed.Bind(ctx, room)
}

func (f countedFeed) Unbind(ctx context.Context, room string) error {
	f.pipes.bound.Add(-1)
	return f.Feed.Unbind(ctx, room)
}

// bench is a gateway with everything around it, in a bubble of its own: time passes only when nothing else can
// happen, and the test does not end while one goroutine is left.
type bench struct {
	*testing.T
	desk    *desk
	pipes   *pipes
	gateway *web.Gateway
	dial    func() (net.Conn, error)
	stop    func() // ends Run and waits for it
}

func play(t *testing.T, c web.Config, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, desk: &desk{
			sessions: map[store.TokenHash]store.Session{}, seats: map[string]bool{}, rooms: map[string]store.Room{},
			farewells: map[string]store.Farewell{},
		}}
		for _, user := range []string{"ann", "bob", "cho"} {
			b.desk.signIn(user, "s-"+user)
			b.desk.seats["r1 "+user] = user != "cho"
		}
		b.desk.rooms["r1"] = store.Room{ID: "r1", Game: "relay", Version: "1", State: store.Open}
		b.desk.rooms["over"] = store.Room{ID: "over", State: store.Closed}
		b.pipes = &pipes{Broker: memory.New(memory.Config{Log: slog.New(slog.DiscardHandler)})}
		defer b.pipes.Close()
		b.serve(c)
		defer func() { b.stop() }()
		test(b)
	})
}

// serve starts the gateway; a second call starts another one on the same desk and a peer of the pipes.
func (b *bench) serve(c web.Config) {
	c.Store, c.Broker = b.desk, b.pipes
	c.Log = slog.New(slog.DiscardHandler)
	g, err := web.New(c)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	listener := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: g}
	go server.Serve(listener)
	synctest.Wait()
	b.gateway, b.dial = g, listener.dial
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			b.Errorf("Run = %v, want nil", err)
		}
		server.Close()
	})
}

// wire is a listener without a network.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (w *wire) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.closed) }); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// room plays the worker of one room.
type room struct {
	b     *bench
	pipe  broker.Pipe
	heard chan *broker.Message // all that came by the queue
	mu    sync.Mutex
	term  uint64
	at    broker.Position
	// answer, if set, says what an attach gets; else it is a $snapshot "all of it".
	answer func(m *broker.Message) []*broker.Output
}

// open opens room r1 and plays it until the test ends.
func (b *bench) open() *room {
	ctx := context.Background()
	if err := b.pipes.Open(ctx, broker.Spec{Room: "r1"}); err != nil {
		b.Fatal(err)
	}
	r := &room{b: b, heard: make(chan *broker.Message, 1000), term: 1, at: broker.Position{Epoch: 1}}
	wake := make(chan struct{}, 1)
	pipe, err := b.pipes.Consume(ctx, broker.Consumption{Room: "r1", Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	r.pipe = pipe
	go func() {
		for {
			taken, err := pipe.Take(nil)
			if err != nil {
				close(r.heard)
				return
			}
			for _, d := range taken {
				r.heard <- d.Message
				if d.Kind == broker.Attach {
					r.attach(d.Message)
				}
				pipe.Ack(d.Tag)
			}
			if len(taken) == 0 {
				if _, ok := <-wake; !ok {
					return
				}
			}
		}
	}()
	return r
}

func (r *room) attach(m *broker.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	outs := []*broker.Output{{Part: broker.Snapshot, At: r.at, Type: "$snapshot", Handled: 7, Body: []byte("all of it")}}
	if r.answer != nil {
		outs = r.answer(m)
	}
	for _, o := range outs {
		o.Attempt, o.To = m.Attempt, []string{m.User}
	}
	r.publish(outs...)
}

func (r *room) publish(outs ...*broker.Output) {
	for _, o := range outs {
		o.Room = "r1"
		if o.Term == 0 {
			o.Term = r.term
		}
	}
	if err := r.pipe.Publish(context.Background(), outs); err != nil {
		r.b.Errorf("publish: %v", err)
	}
}

// say publishes the next outputs of the line, which have the given bodies.
func (r *room) say(bodies ...string) {
	for _, body := range bodies {
		r.line(&broker.Output{Type: "said", Body: []byte(body)})
	}
}

func (r *room) line(o *broker.Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at.N++
	o.At = r.at
	r.publish(o)
}

// skip loses the next output of the line.
func (r *room) skip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at.N++
}

// next returns the next message of the kind, passing over others.
func (r *room) next(kind broker.Kind) *broker.Message {
	r.b.Helper()
	select {
	case m := <-r.heard:
		if m == nil || m.Kind != kind {
			r.b.Fatalf("room heard %+v, want kind %q", m, kind)
		}
		return m
	case <-time.After(time.Hour):
		r.b.Fatalf("room heard nothing, want kind %q", kind)
		return nil
	}
}

func (r *room) quiet() {
	r.b.Helper()
	synctest.Wait()
	select {
	case m := <-r.heard:
		r.b.Fatalf("room heard %+v, want nothing", m)
	default:
	}
}
