package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/madang-games/madang/web/stomp"
)

const lobbyQueue = "/user/queue/lobby"

// Inbox is what the player is told outside of rooms: matches, friends, direct messages, announcements, and what the game says by
// its own routes. It is safe for concurrent use, and ends with Close or with the Conn.
type Inbox struct {
	conn  *Conn
	id    string        // of the subscription, and of its receipt; no other Inbox or Room of the Conn has or had it
	inbox chan *Message // filled by the Conn's reader alone
	live  chan struct{} // closed with the first receipt
	done  chan struct{} // closed at the end

	// under conn.mu
	begun bool   // live is closed
	last  uint64 // number of the last note taken
	err   error
}

// Inbox subscribes to what the player is told outside of rooms from now on. It returns once the gateway has agreed: what was
// said before is read with [Client.Notes]. A Conn has one at a time.
func (c *Conn) Inbox(ctx context.Context) (*Inbox, error) {
	b := &Inbox{conn: c, inbox: make(chan *Message, c.client.config.Inbox), live: make(chan struct{}), done: make(chan struct{})}
	if err := b.add(); err != nil {
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	select {
	case <-b.live:
		return b, nil
	case <-b.done:
		return nil, fmt.Errorf("open the inbox: %w", b.Err())
	case <-ctx.Done():
		b.Close()
		return nil, fmt.Errorf("open the inbox: %w", context.Cause(ctx))
	}
}

func (b *Inbox) add() error {
	c := b.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.inbox != nil {
		return errors.New("it is open already on this connection")
	}
	c.joined++
	b.id = "lobby" + strconv.FormatUint(c.joined, 10) // what comes late for an earlier one is not for b
	c.inbox = b
	b.subscribeLocked()
	return nil
}

// subscribeLocked asks for what follows the last note taken.
func (b *Inbox) subscribeLocked() {
	fields := []stomp.Field{{Name: "destination", Value: lobbyQueue}, {Name: "id", Value: b.id}, {Name: "receipt", Value: b.id}}
	if b.begun {
		fields = append(fields, stomp.Field{Name: "resume", Value: "lobby-" + strconv.FormatUint(b.last, 10)})
	}
	b.conn.writeLocked(&stomp.Frame{Command: "SUBSCRIBE", Fields: fields})
}

// Next returns the next thing that the player is told, in order. Notes, which have an ID, come each once; what has none is of the
// moment. When the Inbox has ended it first gives what had come before, and then the error that says why it has. What is not asked
// for holds up the whole Conn once there are Config.Inbox of them.
func (b *Inbox) Next(ctx context.Context) (*Message, error) {
	select {
	case m := <-b.inbox:
		return m, nil
	default:
	}
	select {
	case m := <-b.inbox:
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-b.done:
	}
	select {
	case m := <-b.inbox: // it came before the end
		return m, nil
	default:
		return nil, b.Err()
	}
}

// take handles a MESSAGE. It waits while the inbox is full.
func (b *Inbox) take(f *stomp.Frame) {
	m := messageOf(f)
	b.conn.mu.Lock()
	fresh := b.err == nil && b.noteLocked(m.ID)
	b.conn.mu.Unlock()
	if fresh {
		select {
		case b.inbox <- m:
		case <-b.done:
		case <-b.conn.ctx.Done():
		}
	}
}

// noteLocked moves on to a note, and reports whether it is new, or none.
func (b *Inbox) noteLocked(id string) bool {
	text, isNote := strings.CutPrefix(id, "lobby-")
	n, err := strconv.ParseUint(text, 10, 64)
	if !isNote || err != nil {
		return true
	}
	if n <= b.last && b.begun {
		return false
	}
	b.last = n
	return true
}

// receiptLocked takes the gateway's agreement.
func (b *Inbox) receiptLocked(f *stomp.Frame) {
	if b.begun {
		return
	}
	id, _ := f.Get("message-id")
	last := b.last
	b.noteLocked(id)
	b.last = max(b.last, last)
	b.begun = true
	close(b.live)
}

// Err is nil while the Inbox lives.
func (b *Inbox) Err() error {
	b.conn.mu.Lock()
	defer b.conn.mu.Unlock()
	return b.err
}

// Close ends the subscription with ErrClosed. A second call does nothing.
func (b *Inbox) Close() {
	b.conn.mu.Lock()
	defer b.conn.mu.Unlock()
	b.endLocked(ErrClosed)
}

func (b *Inbox) endLocked(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	b.conn.inbox = nil
	close(b.done)
	b.conn.writeLocked(&stomp.Frame{Command: "UNSUBSCRIBE", Fields: []stomp.Field{{Name: "id", Value: b.id}}})
}
