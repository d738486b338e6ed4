package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

const (
	maxType        = 128 // bytes of a message's type
	maxContentType = 128

	// openTime is how long a message waits for a worker to open its room's queue.
	openTime = 10 * time.Second
	// openTry is how long after it has asked for a queue it tries again at first: a room that sleeps is back within milliseconds.
	openTry = 500 * time.Microsecond
	// openAsk is how long it waits at least before it asks again.
	openAsk = 50 * time.Millisecond
)

// send gives a player's message to the room's queue, and answers its receipt once the broker holds it.
func (s *session) send(f *stomp.Frame) error {
	if wait := s.bucket.take(time.Now()); wait > 0 {
		if err := s.pause(wait); err != nil {
			return err
		}
	}
	destination, _ := f.Get("destination")
	room, ok := roomOf(destination, queuePrefix)
	if !ok {
		return refuse(codeBadDestination, "SEND takes a destination of the form /queue/room.<id>")
	}
	if _, ok := f.Get("transaction"); ok {
		return s.notSupported(f)
	}
	// A live subscription of a player proves the seat: it ends with the seat.
	sub := s.subscriptionTo(room)
	if sub == nil || sub.over.Load() || sub.watches.Load() {
		watches, why := s.seated(room)
		if watches {
			why = refuseSpectator
		}
		if why != nil {
			return s.reject(f, sub, why)
		}
		if sub != nil {
			sub.watches.Store(false) // it has become a player
		}
	}
	m, why := s.message(f, room)
	if why != nil {
		return s.reject(f, sub, why)
	}
	switch err := s.g.send(s.ctx, m); {
	case err == nil:
		if sub != nil {
			sub.room.word.Store(s.g.now().UnixNano())
		}
		s.acknowledge(f)
		return nil
	case errors.As(err, &why):
		return s.reject(f, sub, why)
	case s.ctx.Err() != nil:
		return errOver
	default:
		s.g.log.Warn("cannot send to a room", "conn", s.id, "room", room, "err", err)
		return refuseUnavailable
	}
}

// message makes the room's message of a SEND.
func (s *session) message(f *stomp.Frame, room string) (*broker.Message, *refusal) {
	m := &broker.Message{
		Room: room, User: s.user.User, Name: s.user.Name, Conn: s.id,
		Time: s.g.now().Truncate(time.Millisecond),
	}
	m.Type, _ = f.Get("type")
	if m.Type == "" {
		m.Type = typeIn(f.Body)
	}
	switch {
	case m.Type == "":
		return nil, refuse(codeBadMessage, "the message has no type, neither as header nor in a JSON body")
	case !word(m.Type, maxType):
		return nil, refuse(codeBadMessage, "the type holds a character that is not allowed, or is longer than 128 bytes")
	case m.Type[0] == '$':
		return nil, refuse(codeBadMessage, "types that begin with $ are the system's")
	}
	if value, ok := f.Get("seq"); ok {
		seq, err := strconv.ParseUint(value, 10, 64)
		if err != nil || seq == 0 {
			return nil, refuse(codeBadMessage, "seq is no number from 1")
		}
		m.Seq = seq
	}
	m.ContentType, _ = f.Get("content-type")
	if m.ContentType != "" && !word(m.ContentType, maxContentType) {
		return nil, refuse(codeBadMessage, "content-type holds a character that is not allowed")
	}
	m.Body = bytes.Clone(f.Body)
	_, receipt := f.Get("receipt")
	m.Unawaited = !receipt
	s.connSeq++
	m.ConnSeq = s.connSeq
	return m, nil
}

// word reports whether s can stand in every version's headers as it is.
func word(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unsafeInHeader)
}

func unsafeInHeader(c rune) bool { return c < ' ' || c == 0x7f || c == ':' || c == '\\' }

// clean makes s a word.
func clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unsafeInHeader) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if unsafeInHeader(c) {
			return '_'
		}
		return c
	}, strings.ToValidUTF8(s, "_"))
}

// typeIn returns the member "type" of a JSON object, "" when there is none.
func typeIn(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ""
		}
		if name == "type" {
			value, _ := d.Token()
			kind, _ := value.(string)
			return kind
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return ""
		}
	}
	return ""
}

// reject tells the sender that its message was refused: by a message of type error on its subscription to the room,
// live or ended; where it has none, by an ERROR that ends the connection.
func (s *session) reject(f *stomp.Frame, sub *subscription, why *refusal) error {
	if sub == nil || why.code == codeUnavailable {
		return why
	}
	s.g.metrics.refusals.WithLabelValues(why.code).Inc()
	fields := []stomp.Field{{Name: "type", Value: "error"}, {Name: "code", Value: why.code}}
	if seq, ok := f.Get("seq"); ok {
		fields = append(fields, stomp.Field{Name: "request", Value: clean(seq)})
	}
	if receipt, ok := f.Get("receipt"); ok {
		fields = append(fields, stomp.Field{Name: "receipt-id", Value: clean(receipt)})
	}
	body, err := json.Marshal(map[string]string{"code": why.code, "message": why.text})
	if err != nil { // two strings
		panic(err)
	}
	if !sub.room.say(sub, fields, s.g.now(), body) {
		return refuseSlowReader
	}
	return nil
}

// subscriptionTo returns a subscription of this session to the room: a live one, else one that has ended, else nil. It is for the
// reading goroutine.
func (s *session) subscriptionTo(room string) (found *subscription) {
	if s.spoken != nil && s.spoken.room.id == room && !s.spoken.over.Load() { // as nearly always
		return s.spoken
	}
	defer func() { s.spoken = found }()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.room.id == room && (found == nil || found.over.Load()) {
			found = sub
		}
	}
	return found
}

// pause waits, or returns errOver when the session ends before.
func (s *session) pause(d time.Duration) error {
	if sleep(s.ctx, d) != nil {
		return errOver
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send gives m to its room's queue, again and again while the broker cannot say whether it holds it: the room knows
// m by its marks. It asks for a queue that is not there. A *refusal says why the message will not be taken; other
// errors are ctx's, or that the broker is closed.
func (g *Gateway) send(ctx context.Context, m *broker.Message) error {
	var opening, asked time.Time
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := g.broker.Send(ctx, m)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, errors.Is(err, broker.ErrClosed):
			return err
		case errors.Is(err, broker.ErrFull):
			return refuseQueueFull
		case errors.Is(err, broker.ErrNoRoom):
			if opening.IsZero() {
				opening, wait = time.Now(), openTry
			} else if time.Since(opening) >= openTime {
				return refuseRoomAway
			}
			if time.Since(asked) >= openAsk {
				asked = time.Now()
				if why := g.wake(ctx, m.Room); why != nil {
					return why
				}
			}
		default:
			g.log.Debug("sending to a room again", "room", m.Room, "conn", m.Conn, "err", err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// wake asks the workers to open a room's queue, unless the room is over.
func (g *Gateway) wake(ctx context.Context, room string) *refusal {
	r, err := g.store.Room(ctx, room)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuseRoomNotFound
	case err != nil:
		g.log.Debug("cannot look a room up", "room", room, "err", err)
		return nil
	case r.State == store.Closed:
		return refuseRoomClosed
	}
	err = g.post(ctx, broker.NoticeRoom, broker.RoomOpened{Room: r.ID, Game: r.Game, Version: r.Version})
	if err != nil {
		g.log.Debug("cannot ask for a room", "room", room, "err", err)
	}
	return nil
}
