package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/madang-games/madang/client/wire"
	"github.com/madang-games/madang/web/stomp"
)

// ErrClosed: the Conn or the Room was closed by this program.
var ErrClosed = errors.New("closed")

// byeTime is how long Close waits for the gateway's good-bye.
const byeTime = time.Second

// Conn is a player's connection. When it is lost it comes back by itself, subscribes its rooms again from where they
// were, and sends again what had no receipt. It is safe for concurrent use.
//
// It ends for good with Close, with the session (codes not_signed_in and session_replaced), and where coming back would
// change nothing (such as version_not_supported).
type Conn struct {
	client *Client
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	up     chan struct{} // closed when it has been connected once
	done   chan struct{} // closed when run has returned

	mu     sync.Mutex
	link   *wire.Link       // nil: not connected now
	rooms  map[string]*Room // by id of the subscription
	inbox  *Inbox           // nil: none
	joined uint64           // subscriptions so far
	last   error            // why there is no link
	err    error            // why it has ended
}

// Connect connects the signed-in player. It returns once the connection stands; until then it tries again and again
// while ctx lasts. ctx does not bound the Conn, which must be closed. Codes: not_signed_in, session_replaced.
func (c *Client) Connect(ctx context.Context) (*Conn, error) {
	if c.Token() == "" {
		return nil, fmt.Errorf("connect: %w", &Error{Code: "not_signed_in", Detail: "sign in first"})
	}
	conn := &Conn{client: c, up: make(chan struct{}), done: make(chan struct{}), rooms: map[string]*Room{}}
	conn.ctx, conn.cancel = context.WithCancel(context.Background())
	go conn.run()
	select {
	case <-conn.up:
		return conn, nil
	case <-conn.done:
		return nil, fmt.Errorf("connect: %w", conn.Err())
	case <-ctx.Done():
		conn.cancel()
		<-conn.done
		return nil, fmt.Errorf("connect: %w (last: %w)", context.Cause(ctx), conn.lastFailure())
	}
}

// Done is closed when the Conn has ended for good; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is nil while the Conn lives, connected or on its way back.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Connected reports whether the connection stands at this moment.
func (c *Conn) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link != nil
}

func (c *Conn) lastFailure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return errors.New("no answer yet")
	}
	return c.last
}

// Close signs off and ends the Conn and its Rooms with ErrClosed; seats are kept. Messages without a receipt may be lost.
// On return all goroutines of the Conn have ended. A second call does nothing.
func (c *Conn) Close() error {
	c.mu.Lock()
	link := c.link
	c.mu.Unlock()
	c.cancel() // rooms that hold the reader up let it go
	if link != nil {
		ctx, cancel := context.WithTimeout(context.Background(), byeTime)
		link.Bye(ctx)
		cancel()
	}
	<-c.done
	return nil
}

// run makes one link after another.
func (c *Conn) run() {
	defer close(c.done)
	r := retries{backoff: c.client.config.Backoff, lost: time.Now()}
	for {
		stood, err := c.once()
		if c.ctx.Err() != nil {
			c.end(ErrClosed)
			return
		}
		if err = c.blame(err); isFinal(err) {
			c.end(err)
			return
		}
		var refusal *Error
		wait := r.next(stood, errors.As(err, &refusal), time.Now())
		c.client.config.Log.Warn("connection lost; coming back", "user", c.client.Me().ID, "err", err, "wait", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
		}
	}
}

const dialTime = 15 * time.Second

// once connects and serves the link until it is lost; it returns how long the link stood, 0 when there was none.
func (c *Conn) once() (stood time.Duration, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, dialTime)
	defer cancel()
	config := c.client.config
	link, err := wire.Dial(ctx, c.client.Gateway(), wire.Config{Token: c.client.Token(), HTTP: config.HTTP, HeartBeat: config.HeartBeat})
	if err != nil {
		c.mu.Lock()
		c.last = err
		c.mu.Unlock()
		return 0, err
	}
	up := time.Now()
	c.mu.Lock()
	c.link = link
	for _, r := range c.rooms {
		r.subscribeLocked()
		for _, e := range r.outbox {
			c.writeLocked(&e.frame)
		}
	}
	if c.inbox != nil {
		c.inbox.subscribeLocked()
	}
	c.mu.Unlock()
	select {
	case <-c.up:
	default:
		close(c.up)
	}
	if c.ctx.Err() != nil { // Close came before it could see the link
		link.Close()
	}
	err = link.Serve(c.take)
	c.mu.Lock()
	c.link, c.last = nil, err
	c.mu.Unlock()
	return time.Since(up), err
}

// writeLocked queues a frame on the link, if there is one; on a link that does not take it nothing is lost, since all
// that matters is written again on the next.
func (c *Conn) writeLocked(f *stomp.Frame) {
	if c.link == nil {
		return
	}
	if err := c.link.Write(f); errors.Is(err, wire.ErrBehind) {
		c.link.Close()
	}
}

// take handles one frame of the gateway.
func (c *Conn) take(f *stomp.Frame) error {
	switch f.Command {
	case "MESSAGE":
		id, _ := f.Get("subscription")
		c.mu.Lock()
		r, inbox := c.rooms[id], c.inbox
		c.mu.Unlock()
		if typ, _ := f.Get("type"); inbox != nil && typ == "$notice" { // it comes by whichever subscription is there first
			r, id = nil, inbox.id
		}
		switch { // else it was closed a moment ago
		case r != nil:
			r.take(f)
		case inbox != nil && id == inbox.id:
			inbox.take(f)
		}
	case "RECEIPT":
		receipt, _ := f.Get("receipt-id")
		c.mu.Lock()
		if r, seq := c.ofReceiptLocked(receipt); r != nil && seq > 0 {
			r.dropLocked(seq, nil)
		} else if c.inbox != nil && receipt == c.inbox.id {
			c.inbox.receiptLocked(f)
		}
		c.mu.Unlock()
	}
	return nil
}

// Receipts are "<subscription>" for a SUBSCRIBE and "<subscription>-<seq>" for a SEND.

func (c *Conn) ofReceiptLocked(receipt string) (r *Room, seq uint64) {
	id, number, isSend := strings.Cut(receipt, "-")
	if isSend {
		var err error
		if seq, err = strconv.ParseUint(number, 10, 64); err != nil {
			return nil, 0
		}
	}
	return c.rooms[id], seq
}

// passing are the codes with which a gateway sends a client away to come back: with any other one, coming back the
// same would change nothing.
var passing = map[string]bool{
	"frame_timeout": true, "connect_timeout": true, "no_heart_beat": true, "slow_reader": true, "draining": true,
	"unavailable": true, "room_unavailable": true, "queue_full": true, "internal": true, "rate_limited": true,
	"maintenance": true, "unknown": true,
}

// aboutConn are codes that end the connection even when the refused frame was a room's.
var aboutConn = map[string]bool{"not_signed_in": true, "session_replaced": true}

// blame ends the room that a refusal is about, and returns what else the refusal is.
func (c *Conn) blame(err error) error {
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	said := &Error{Code: refusal.Code, Detail: refusal.Text}
	if passing[said.Code] || aboutConn[said.Code] {
		return said
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inbox != nil && refusal.Receipt == c.inbox.id {
		c.inbox.endLocked(said)
		return nil
	}
	r, _ := c.ofReceiptLocked(refusal.Receipt)
	if r == nil {
		return said
	}
	r.endLocked(said)
	return nil
}

func isFinal(err error) bool {
	var said *Error
	return errors.As(err, &said) && !passing[said.Code]
}

// end ends everything.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, r := range c.rooms {
		r.endLocked(err)
	}
	if c.inbox != nil {
		c.inbox.endLocked(err)
	}
}
