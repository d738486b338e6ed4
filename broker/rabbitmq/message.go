package rabbitmq

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

// Headers. Their values may come as strings, as RabbitMQ's STOMP plugin makes them from a client's STOMP headers.
// docs/decisions/0002-rabbitmq-topology.md has the table.
const (
	hKind    = "kind"
	hFrom    = "from"
	hName    = "name"
	hSeq     = "seq"
	hConn    = "conn"
	hConnSeq = "conn-seq"
	hAttempt = "attempt"
	hPrev    = "prev"
	hResume  = "resume"
	hReason  = "reason"
	hMillis  = "timestamp_in_ms" // the property timestamp has seconds only
	hPart    = "part"
	hTerm    = "term"
	hTo      = "to"
	hRequest = "request"
	hCode    = "code"
	hUnseat  = "unseat"
	hHandled = "handled"
	hLatest  = "latest"
	// Where a value is too long for its property:
	hType        = "type"
	hContentType = "content-type"
)

const (
	shortString = 255       // bytes that a property holds
	maxHeaders  = 100 << 10 // bytes of all headers: they travel in one frame, of 128 KiB
	maxTo       = 2_000
)

var partWords = [...]string{broker.Line: "", broker.Replay: "replay", broker.Snapshot: "snapshot", broker.Live: "live", broker.Again: "again", broker.More: "more"}

// encodeMessage puts all of m but its room, which the queue's name says, into a publishing.
func encodeMessage(m *broker.Message) (amqp.Publishing, error) {
	h := headers{}
	h.text(hKind, string(m.Kind))
	h.text(hFrom, m.User)
	h.text(hName, m.Name)
	h.number(hSeq, m.Seq)
	h.text(hConn, m.Conn)
	h.number(hConnSeq, m.ConnSeq)
	h.text(hAttempt, m.Attempt)
	if m.Resume != (broker.Position{}) {
		h.text(hResume, formatPosition(m.Resume))
	}
	h.text(hReason, m.Reason)
	p := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: m.Body}
	err := finish(&p, h, m.Type, m.ContentType, m.Time)
	return p, err
}

func decodeMessage(room string, d *amqp.Delivery) *broker.Message {
	h := headers(d.Headers)
	m := &broker.Message{
		Room:    room,
		Kind:    broker.Kind(h.asText(hKind)),
		User:    h.asText(hFrom),
		Name:    h.asText(hName),
		Seq:     h.asNumber(hSeq),
		Conn:    h.asText(hConn),
		ConnSeq: h.asNumber(hConnSeq),
		Attempt: h.asText(hAttempt),
		Resume:  parsePosition(h.asText(hResume)),
		Reason:  h.asText(hReason),
		Body:    d.Body,
	}
	m.Type, m.ContentType, m.Time = h.rest(d)
	return m
}

func encodeOutput(o *broker.Output) (amqp.Publishing, error) {
	h := headers{}
	if int(o.Part) < len(partWords) {
		h.text(hPart, partWords[o.Part])
	}
	h.number(hTerm, o.Term)
	h.text(hFrom, o.From)
	if len(o.To) > maxTo {
		return amqp.Publishing{}, fmt.Errorf("output for %d users, the most is %d", len(o.To), maxTo)
	}
	if len(o.To) > 0 {
		to := make([]any, len(o.To))
		for i, user := range o.To {
			to[i] = user
		}
		h[hTo] = to
	}
	h.number(hRequest, o.Request)
	h.text(hConn, o.Conn)
	h.text(hAttempt, o.Attempt)
	h.number(hPrev, o.Prev)
	h.text(hCode, o.Code)
	h.text(hUnseat, o.Unseat)
	h.number(hHandled, o.Handled)
	if o.Latest {
		h.number(hLatest, 1)
	}
	p := amqp.Publishing{DeliveryMode: amqp.Transient, MessageId: formatPosition(o.At), Body: o.Body}
	err := finish(&p, h, o.Type, o.ContentType, o.Time)
	return p, err
}

func decodeOutput(room string, d *amqp.Delivery) *broker.Output {
	h := headers(d.Headers)
	o := &broker.Output{
		Room:    room,
		Term:    h.asNumber(hTerm),
		At:      parsePosition(d.MessageId),
		From:    h.asText(hFrom),
		Request: h.asNumber(hRequest),
		Conn:    h.asText(hConn),
		Attempt: h.asText(hAttempt),
		Prev:    h.asNumber(hPrev),
		Code:    h.asText(hCode),
		Unseat:  h.asText(hUnseat),
		Handled: h.asNumber(hHandled),
		Latest:  h.asNumber(hLatest) == 1,
		Body:    d.Body,
	}
	word := h.asText(hPart)
	for part, w := range partWords {
		if w == word {
			o.Part = broker.Part(part)
		}
	}
	if to, ok := h[hTo].([]any); ok {
		for _, user := range to {
			if s, ok := text(user); ok {
				o.To = append(o.To, s)
			}
		}
	}
	o.Type, o.ContentType, o.Time = h.rest(d)
	return o
}

// outputKey is the routing key of o: personal outputs and those that are for the machinery don't reach clients that
// are subscribed to the broker itself.
func outputKey(room string, o *broker.Output) string {
	if o.Part != broker.Line || len(o.To) > 0 {
		return "room." + room + ".some"
	}
	return "room." + room
}

// roomOfKey is the room that a routing key of an output names; "" if it names none.
func roomOfKey(key string) string {
	room, ok := strings.CutPrefix(key, "room.")
	if !ok {
		return ""
	}
	room, _, _ = strings.Cut(room, ".")
	return room
}

type headers amqp.Table

// finish adds what messages and outputs have in common.
func finish(p *amqp.Publishing, h headers, typ, contentType string, at time.Time) error {
	p.Type, p.ContentType = typ, contentType
	if len(typ) > shortString {
		p.Type = ""
		h.text(hType, typ)
	}
	if len(contentType) > shortString {
		p.ContentType = ""
		h.text(hContentType, contentType)
	}
	if !at.IsZero() {
		p.Timestamp = at
		h[hMillis] = at.UnixMilli()
	}
	if size := h.size(); size > maxHeaders {
		return fmt.Errorf("headers of %d bytes, the most is %d", size, maxHeaders)
	}
	p.Headers = amqp.Table(h)
	return nil
}

func (h headers) rest(d *amqp.Delivery) (typ, contentType string, at time.Time) {
	typ, contentType, at = d.Type, d.ContentType, d.Timestamp
	if typ == "" {
		typ = h.asText(hType)
	}
	if contentType == "" {
		contentType = h.asText(hContentType)
	}
	if ms := h.asNumber(hMillis); ms > 0 && ms <= math.MaxInt64 {
		at = time.UnixMilli(int64(ms))
	}
	return typ, contentType, at
}

func (h headers) text(key, value string) {
	if value != "" {
		h[key] = value
	}
}

// number writes what AMQP has no type for, above 2^63-1, as text.
func (h headers) number(key string, value uint64) {
	switch {
	case value == 0:
	case value <= math.MaxInt64:
		h[key] = int64(value)
	default:
		h[key] = strconv.FormatUint(value, 10)
	}
}

// size is about what h takes in a frame.
func (h headers) size() int {
	n := 0
	for key, value := range h {
		n += len(key) + 10
		switch v := value.(type) {
		case string:
			n += len(v)
		case []any:
			for _, e := range v {
				n += len(e.(string)) + 5
			}
		}
	}
	return n
}

func (h headers) asText(key string) string {
	s, _ := text(h[key])
	return s
}

func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int8, int16, int32, int64, int, uint8, uint16, uint32:
		return fmt.Sprint(v), true
	}
	return "", false
}

// asNumber is 0 for what is no whole number from 0 to 2^64-1.
func (h headers) asNumber(key string) uint64 {
	s, _ := text(h[key])
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func formatPosition(p broker.Position) string {
	return strconv.FormatUint(p.Epoch, 10) + "-" + strconv.FormatUint(p.N, 10)
}

// parsePosition is zero for what is no position.
func parsePosition(s string) broker.Position {
	before, after, _ := strings.Cut(s, "-")
	epoch, err1 := strconv.ParseUint(before, 10, 64)
	n, err2 := strconv.ParseUint(after, 10, 64)
	if err1 != nil || err2 != nil {
		return broker.Position{}
	}
	return broker.Position{Epoch: epoch, N: n}
}
