package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

const (
	// heartbeat: the broker takes a silent worker's rooms away after 2.5 times this; a silent broker is left after
	// 3 times this, whatever is stuck in a write.
	heartbeat = time.Second

	dialTimeout  = 3 * time.Second  // TCP; a frozen node is passed over after one of these two
	greetTimeout = 3 * time.Second  // TLS and AMQP
	upTimeout    = 30 * time.Second // what a new connection is made whole with
	closeTimeout = 2 * time.Second

	firstPause = 50 * time.Millisecond // between two rounds over the addresses; doubles
	lastPause  = 2 * time.Second
	repeatLog  = 30 * time.Second // how often a failure that stays the same is logged
)

var (
	errLost = errors.New("connection to rabbitmq is lost")
	errSlow = errors.New("rabbitmq does not answer")
)

// link is a connection that is made again whenever it is lost. What belongs to one of these connections belongs to its
// session and ends with it.
type link struct {
	broker *Broker
	name   string
	up     func(*session) error // makes a new session whole before anybody uses it; may be nil

	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned
	tried  chan struct{} // closed after the first round over the addresses

	mu      sync.Mutex
	current *session      // nil: none
	err     error         // why there is none
	changed chan struct{} // closed and replaced whenever current is set
	rooms   int           // workers' links: pipes
}

// session is the life of one connection.
type session struct {
	link   *link
	conn   *amqp.Connection
	socket *socket
	lost   chan struct{} // closed when the connection is gone
	pool   pool

	using sync.WaitGroup // goroutines that begin with enter

	mu      sync.Mutex
	ended   bool
	err     error         // why it was lost
	blocked string        // the broker's reason for holding publishers back, and reading nothing; "": it does not
	held    chan struct{} // closed while blocked
	free    chan struct{} // while blocked: closed at the end of it
	freed   time.Time     // when it was blocked last

	lanes []*lane          // of the link "send"
	apart map[string]*lane // of the link "send-apart", by room
}

// get waits for a session.
func (l *link) get(ctx context.Context) (*session, error) {
	for {
		l.mu.Lock()
		s, changed, err := l.current, l.changed, l.err
		l.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-l.ended:
			return nil, broker.ErrClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("%w, waiting for rabbitmq: %w", ctx.Err(), err)
		}
	}
}

// now returns the session, or why there is none.
func (l *link) now() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil, fmt.Errorf("not connected to rabbitmq: %w", l.err)
	}
	return l.current, nil
}

func (l *link) set(s *session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.err = s, err
	if s != nil {
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// stop ends the link and returns when its goroutines have ended.
func (l *link) stop() {
	l.cancel()
	<-l.ended
}

// run keeps the connection until ctx ends.
func (l *link) run(ctx context.Context) {
	defer close(l.ended)
	log := l.broker.log.With("connection", l.name)
	next := rand.IntN(len(l.broker.urls)) // so that processes spread over the nodes
	var lostAt time.Time
	for {
		s, err := l.connect(ctx, &next, func(address string, err error) {
			log.Warn("can't connect to rabbitmq, trying on", "address", address, "error", err)
		})
		if err != nil {
			l.set(nil, broker.ErrClosed)
			l.triedOnce()
			return
		}
		if lostAt.IsZero() {
			log.Info("connected to rabbitmq", "address", s.conn.RemoteAddr().String())
		} else {
			log.Info("back on rabbitmq", "address", s.conn.RemoteAddr().String(), "after", time.Since(lostAt).Round(time.Millisecond))
		}
		l.set(s, nil)
		l.triedOnce()
		select {
		case <-s.lost:
			l.set(nil, s.why())
			lostAt = time.Now()
			log.Warn("lost the connection to rabbitmq", "error", s.why())
			if l.name != tryingOut { // that is a question of ours, asked again and again
				l.broker.doubt()
			}
			s.end()
		case <-ctx.Done():
			l.set(nil, broker.ErrClosed)
			s.end()
			return
		}
	}
}

// connect goes over the addresses until one takes it, with pauses between the rounds.
func (l *link) connect(ctx context.Context, next *int, failed func(address string, err error)) (*session, error) {
	urls := l.broker.urls
	pause := firstPause
	var logged string
	var loggedAt time.Time
	for {
		for range urls {
			address := urls[*next%len(urls)]
			*next++
			s, err := l.dial(ctx, address)
			if err == nil {
				return s, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			l.set(nil, err)
			if text := err.Error(); text != logged || time.Since(loggedAt) > repeatLog {
				logged, loggedAt = text, time.Now()
				failed(hostOf(address), err)
			}
		}
		l.triedOnce()
		if !sleep(ctx, pause/2+rand.N(pause)) {
			return nil, ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// triedOnce belongs to run's goroutine.
func (l *link) triedOnce() {
	if !l.wasTried() {
		close(l.tried)
	}
}

func (l *link) wasTried() bool {
	select {
	case <-l.tried:
		return true
	default:
		return false
	}
}

func (l *link) dial(ctx context.Context, address string) (*session, error) {
	s := &session{link: l, lost: make(chan struct{}), held: make(chan struct{})}
	keep := func() bool { return true }
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("madang " + l.name + " " + l.broker.id)
	conn, err := amqp.DialConfig(address, amqp.Config{
		Heartbeat:  heartbeat,
		Properties: properties,
		Dial: func(network, addr string) (net.Conn, error) {
			d := net.Dialer{Timeout: dialTimeout}
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			keep = context.AfterFunc(ctx, func() { c.Close() })
			s.socket = newSocket(c)
			return s.socket, c.SetDeadline(time.Now().Add(greetTimeout)) // amqp091 takes it away afterwards
		},
	})
	kept := keep()
	if err != nil || !kept {
		if s.socket != nil {
			s.socket.Close()
		}
		return nil, errors.Join(err, ctx.Err())
	}
	s.conn = conn
	s.pool = newPool()
	closes := conn.NotifyClose(make(chan *amqp.Error, 1))
	blocks := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	s.enter()
	go func() {
		defer s.using.Done()
		s.watch(closes, blocks)
	}()
	if l.up != nil {
		late := time.AfterFunc(upTimeout, func() { s.kill(errSlow) })
		over := context.AfterFunc(ctx, func() { s.kill(broker.ErrClosed) }) // whoever stops the link does not wait for a frozen node
		err := l.up(s)
		late.Stop()
		over()
		if err != nil {
			s.end()
			return nil, err
		}
	}
	return s, nil
}

// watch notes what the broker says about the connection, until it is gone.
func (s *session) watch(closes <-chan *amqp.Error, blocks <-chan amqp.Blocking) {
	for {
		select {
		case e := <-closes:
			s.mu.Lock()
			if s.err == nil { // else it was killed
				if s.err = errLost; e != nil {
					s.err = e
				}
			}
			s.mu.Unlock()
			s.setBlocked("")
			close(s.lost)
			return
		case b, ok := <-blocks:
			if !ok {
				blocks = nil
				continue
			}
			reason := ""
			if b.Active {
				if reason = b.Reason; reason == "" {
					reason = "an alarm"
				}
			}
			log := s.link.broker.log.With("connection", s.link.name)
			switch changed := s.setBlocked(reason); {
			case changed && b.Active:
				log.Warn("rabbitmq holds publishers back", "reason", reason)
			case changed:
				log.Info("rabbitmq lets publishers go on")
			}
		}
	}
}

func (s *session) setBlocked(reason string) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.blocked != reason
	switch {
	case reason != "" && s.free == nil:
		s.free = make(chan struct{})
		close(s.held)
	case reason == "" && s.free != nil:
		close(s.free)
		s.free, s.held, s.freed = nil, make(chan struct{}), time.Now()
	}
	s.blocked = reason
	return changed
}

func (s *session) blockedBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked
}

// holding is closed while the broker holds publishers back.
func (s *session) holding() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// dueSince returns since when the broker could have answered what it was asked at that time: not while it holds publishers back,
// since then it does not read.
func (s *session) dueSince(asked time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.blocked != "":
		return time.Now()
	case s.freed.After(asked):
		return s.freed
	}
	return asked
}

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// passable waits while the broker holds publishers back.
func (s *session) passable(ctx context.Context) error {
	for {
		s.mu.Lock()
		free, reason := s.free, s.blocked
		s.mu.Unlock()
		if free == nil {
			return nil
		}
		select {
		case <-free:
		case <-ctx.Done():
			return fmt.Errorf("%w, rabbitmq holds publishers back: %s", ctx.Err(), reason)
		}
	}
}

// isLost reports whether the connection is gone.
func (s *session) isLost() bool {
	select {
	case <-s.lost:
		return true
	default:
		return s.conn.IsClosed()
	}
}

// kill cuts a connection of which a part has failed, for why, so that all of it is made anew.
func (s *session) kill(why error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = why
	}
	s.mu.Unlock()
	s.socket.Close()
}

// enter lets a goroutine in that ends with using.Done; false when the session is ending.
func (s *session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.using.Add(1)
	return true
}

// end closes the connection and returns when its goroutines have ended.
func (s *session) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	cut := time.AfterFunc(closeTimeout+time.Second, func() { s.kill(errSlow) })
	_ = s.conn.CloseDeadline(time.Now().Add(closeTimeout)) // fails when it is gone already
	s.using.Wait()
	cut.Stop()
}

// sleep reports false when ctx has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hostOf leaves user and password out.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
