package web

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web/stomp"
)

// encoding is one output as MESSAGE frames, made when it is first asked for and then shared. Its values need no
// escape, so one encoding serves every version.
type encoding struct {
	topic         string
	o             *broker.Output
	plain, answer packet // the addressee's answer bears its request
}

// headBytes is about what stands before the body.
const headBytes = 256

func (e *encoding) packet(head []byte, answer bool) packet {
	p := &e.plain
	if answer {
		p = &e.answer
	}
	if p.body == nil {
		p.body = appendOutput(make([]byte, 0, headBytes+len(e.o.Body)), e.topic, e.o, answer)
		p.binary = !utf8.Valid(e.o.Body)
	}
	made := packet{head: head, body: p.body, binary: p.binary}
	if e.o.Latest {
		made.latest = e.o.Type
	}
	return made
}

// appendOutput appends what follows the subscription in the MESSAGE frame of an output.
func appendOutput(dst []byte, topic string, o *broker.Output, answer bool) []byte {
	var space [10]stomp.Field
	fields := append(space[:0],
		stomp.Field{Name: "destination", Value: topic},
		stomp.Field{Name: "message-id", Value: formatPosition(o.At)},
		stomp.Field{Name: "type", Value: clean(o.Type)},
	)
	if o.From != "" {
		fields = append(fields, stomp.Field{Name: "from", Value: clean(o.From)})
	}
	fields = append(fields, stomp.Field{Name: "timestamp", Value: formatTime(o.Time)})
	if answer && o.Request != 0 {
		fields = append(fields, stomp.Field{Name: "request", Value: strconv.FormatUint(o.Request, 10)})
	}
	if o.Code != "" {
		fields = append(fields, stomp.Field{Name: "code", Value: clean(o.Code)})
	}
	if o.Part == broker.Snapshot {
		fields = append(fields, stomp.Field{Name: "handled", Value: strconv.FormatUint(o.Handled, 10)})
	}
	return appendMessage(dst, fields, o.ContentType, o.Body)
}

func appendMessage(dst []byte, fields []stomp.Field, contentType string, body []byte) []byte {
	if contentType != "" {
		fields = append(fields, stomp.Field{Name: "content-type", Value: clean(contentType)})
	}
	fields = append(fields, stomp.Field{Name: "content-length", Value: strconv.Itoa(len(body))})
	return stomp.AppendMessageRest(dst, stomp.V12, fields, body)
}

func formatPosition(p broker.Position) string {
	var space [41]byte
	b := strconv.AppendUint(space[:0], p.Epoch, 10)
	b = append(b, '-')
	return string(strconv.AppendUint(b, p.N, 10))
}

func formatTime(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
