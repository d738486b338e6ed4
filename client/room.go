package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/madang-games/madang/web/stomp"
)

var (
	// ErrOutboxFull: as many messages as Config.Outbox says wait for their receipts; this one was not taken.
	ErrOutboxFull = errors.New("outbox is full")
	// ErrTooLarge: the body has more than 64 KiB; it was not taken.
	ErrTooLarge = errors.New("message is too large")
)

const maxBody = 64 << 10

// Room is a seat in a room, heard and spoken to over a Conn. It is safe for concurrent use.
//
// It ends with Close, with the Conn, when the room is over (code room_closed), and when the player has no seat in it any
// more (not_seated).
type Room struct {
	Place Place

	conn  *Conn
	id    string        // of the subscription
	inbox chan *Message // filled by the Conn's reader alone
	slots chan struct{} // one for each entry of outbox
	live  chan struct{} // closed with the first snapshot
	done  chan struct{} // closed at the end

	// under conn.mu
	begun  bool // live is closed
	seq    uint64
	outbox []*entry // without receipt, ascending seq
	last   position // of what has been taken
	err    error
}

// entry is a message on its way to the broker.
type entry struct {
	seq    uint64
	frame  stomp.Frame
	result chan error // takes one: nil when the broker holds it
}

// Join subscribes a seat. It returns once the room has answered; its $snapshot is the first message of [Room.Next].
// That takes a worker: while none plays the game, Join waits until ctx ends. Codes: not_seated, room_closed,
// room_not_found, and those that end the Conn.
func (c *Conn) Join(ctx context.Context, p Place) (*Room, error) {
	config := c.client.config
	r := &Room{
		Place: p,
		conn:  c,
		inbox: make(chan *Message, config.Inbox),
		slots: make(chan struct{}, config.Outbox),
		live:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	if err := r.add(); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	select {
	case <-r.live:
		return r, nil
	case <-r.done:
		return nil, fmt.Errorf("join: %w", r.Err())
	case <-ctx.Done():
		r.Close()
		return nil, fmt.Errorf("join: wait for the room: %w", context.Cause(ctx))
	}
}

func (r *Room) add() error {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	for _, other := range c.rooms {
		if other.Place.Stomp.Topic == r.Place.Stomp.Topic {
			return errors.New("the room is joined already on this connection")
		}
	}
	c.joined++
	r.id = strconv.FormatUint(c.joined, 10)
	c.rooms[r.id] = r
	r.subscribeLocked()
	return nil
}

// subscribeLocked asks for what follows the last message taken; for everything by a snapshot when there is none.
func (r *Room) subscribeLocked() {
	fields := []stomp.Field{{Name: "destination", Value: r.Place.Stomp.Topic}, {Name: "id", Value: r.id}, {Name: "receipt", Value: r.id}}
	if r.begun {
		fields = append(fields, stomp.Field{Name: "resume", Value: r.last.String()})
	}
	r.conn.writeLocked(&stomp.Frame{Command: "SUBSCRIBE", Fields: fields})
}

// Next returns the room's next message, in the room's order, each once. When the Room has ended it first gives what had
// come before, and then the error that says why it has. Messages that are not asked for hold up the whole Conn once
// there are Config.Inbox of them.
func (r *Room) Next(ctx context.Context) (*Message, error) {
	select {
	case m := <-r.inbox:
		return m, nil
	default:
	}
	select {
	case m := <-r.inbox:
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-r.done:
	}
	select {
	case m := <-r.inbox: // it came before the end
		return m, nil
	default:
		return nil, r.Err()
	}
}

// Send says something to the room and returns when the broker holds it: from then on it survives everything. It is sent
// again over as many connections as that takes, and handled once. seq is the number under which answers refer to it
// ([Message.Request]).
//
// body becomes JSON, but []byte goes as it is; nil is an empty body. When ctx ends first the message stays on its way
// and may still be handled; and when the room ends first (room_closed) it may have been: it may be what ended the room. An [*Error] says that it was refused before the room got it (queue_full, bad_message, ...).
func (r *Room) Send(ctx context.Context, typ string, body any) (seq uint64, err error) {
	fields, content, err := encode(typ, body)
	if err != nil {
		return 0, err
	}
	select {
	case r.slots <- struct{}{}:
	case <-r.done:
		return 0, r.Err()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	e, err := r.post(fields, content)
	if err != nil {
		return 0, err
	}
	select {
	case err := <-e.result:
		return e.seq, err
	case <-ctx.Done():
		return e.seq, context.Cause(ctx)
	}
}

// SendAsync is Send without waiting: the message is on its way, behind all others of this Room. ErrOutboxFull when too
// many are. A refusal comes as a [Message] of type error.
func (r *Room) SendAsync(typ string, body any) (seq uint64, err error) {
	fields, content, err := encode(typ, body)
	if err != nil {
		return 0, err
	}
	select {
	case r.slots <- struct{}{}:
	default:
		select {
		case <-r.done:
			return 0, r.Err()
		default:
			return 0, ErrOutboxFull
		}
	}
	e, err := r.post(fields, content)
	if err != nil {
		return 0, err
	}
	return e.seq, nil
}

func encode(typ string, body any) (fields []stomp.Field, content []byte, err error) {
	fields = []stomp.Field{{Name: "type", Value: typ}}
	switch b := body.(type) {
	case nil:
	case []byte:
		content = slices.Clone(b)
	default:
		if content, err = json.Marshal(body); err != nil {
			return nil, nil, fmt.Errorf("encode %s: %w", typ, err)
		}
		fields = append(fields, stomp.Field{Name: "content-type", Value: "application/json"})
	}
	if len(content) > maxBody {
		return nil, nil, ErrTooLarge
	}
	return fields, content, nil
}

// post gives a message its number, keeps it and sends it. The caller has a slot.
func (r *Room) post(fields []stomp.Field, content []byte) (*entry, error) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	r.seq++
	number := strconv.FormatUint(r.seq, 10)
	e := &entry{seq: r.seq, result: make(chan error, 1), frame: stomp.Frame{
		Command: "SEND",
		Fields: append(fields,
			stomp.Field{Name: "destination", Value: r.Place.Stomp.Queue},
			stomp.Field{Name: "seq", Value: number},
			stomp.Field{Name: "receipt", Value: r.id + "-" + number}),
		Body: content,
	}}
	r.outbox = append(r.outbox, e)
	c.writeLocked(&e.frame)
	return e, nil
}

// dropLocked takes a message out of the outbox: the broker holds it, or it was refused.
func (r *Room) dropLocked(seq uint64, result error) {
	i, found := slices.BinarySearchFunc(r.outbox, seq, func(e *entry, seq uint64) int {
		return cmp.Compare(e.seq, seq)
	})
	if !found {
		return // its receipt came twice
	}
	r.outbox[i].result <- result
	r.outbox = slices.Delete(r.outbox, i, i+1)
	<-r.slots
}

// take handles a MESSAGE. It waits while the inbox is full.
func (r *Room) take(f *stomp.Frame) {
	m := messageOf(f)
	r.conn.mu.Lock()
	fresh := r.noteLocked(m, f)
	r.conn.mu.Unlock()
	if fresh {
		select {
		case r.inbox <- m:
		case <-r.done:
		case <-r.conn.ctx.Done():
		}
	}
	var left struct {
		User   string `json:"user"`
		Reason string `json:"reason"`
	}
	var over *Error
	switch {
	case m.Type == "$closed":
		over = &Error{Code: "room_closed", Detail: "the room is over"}
	case m.Type == "$left" && m.Decode(&left) == nil && left.User == r.Place.Seat.User:
		over = &Error{Code: "not_seated", Detail: "the seat is given up: " + left.Reason}
	default:
		return
	}
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	r.endLocked(over)
}

// noteLocked moves on to a message, and reports whether it is new.
func (r *Room) noteLocked(m *Message, f *stomp.Frame) bool {
	if r.err != nil {
		return false
	}
	if value, ok := f.Get("handled"); ok {
		if handled, err := strconv.ParseUint(value, 10, 64); err == nil {
			r.seq = max(r.seq, handled)
		}
	}
	receipt, refused := f.Get("receipt-id")
	if refused { // before the room got it: there will be no RECEIPT
		if _, seq := r.conn.ofReceiptLocked(receipt); seq > 0 {
			var said struct {
				Message string `json:"message"`
			}
			_ = m.Decode(&said) // the code is enough
			r.dropLocked(seq, &Error{Code: m.Code, Detail: said.Message})
		}
	}
	switch {
	case m.Type == "$snapshot":
		r.last = m.at
		if !r.begun {
			r.begun = true
			close(r.live)
		}
	case m.at == position{}: // the gateway's own word, outside the room's line
	case m.at.Epoch < r.last.Epoch, m.at.Epoch == r.last.Epoch && m.at.N <= r.last.N:
		return refused // the gateway's own word carries the number where the line stands
	default:
		r.last = m.at
	}
	return true
}

// Err is nil while the Room lives.
func (r *Room) Err() error {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	return r.err
}

// Waiting is how many messages of this player are on their way and have neither a receipt nor a refusal.
func (r *Room) Waiting() int {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	return len(r.outbox)
}

// Close ends the subscription with ErrClosed; the seat is kept, and held for the grace time. To give it up, call
// [Client.LeaveRoom]. A second call does nothing.
func (r *Room) Close() {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	r.endLocked(ErrClosed)
}

func (r *Room) endLocked(err error) {
	if r.err != nil {
		return
	}
	r.err = err
	delete(r.conn.rooms, r.id)
	for _, e := range r.outbox {
		e.result <- err
	}
	r.outbox = nil
	close(r.done)
	r.conn.writeLocked(&stomp.Frame{Command: "UNSUBSCRIBE", Fields: []stomp.Field{{Name: "id", Value: r.id}}})
}
