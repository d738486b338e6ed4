package load

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/web/stomp"
)

// member is one client in one room. Its reader owns what is not atomic.
type member struct {
	room   *room
	index  int // in the room
	socket *websocket.Conn
	stomp  *stomp.Decoder
	queue  string
	live   chan struct{} // closed once the snapshot is there
	lost   atomic.Bool
	window atomic.Pointer[window]

	isLive bool
	next   []int64       // number of the next message of each sender
	order  atomic.Uint64 // hash of all message-ids, in the order of their coming

	sent int64 // by the room's talker
}

// kind is the message type of the load.
const kind = "load"

var errRefused = errors.New("refused")

// connect opens the socket, signs in and subscribes. living bounds the connection.
func (m *member) connect(ctx, living context.Context, s seat) error {
	socket, _, err := websocket.Dial(ctx, s.Stomp.URL, &websocket.DialOptions{
		Subprotocols: []string{stomp.V12.Subprotocol()}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	socket.SetReadLimit(8 << 20)
	m.socket, m.queue = socket, s.Stomp.Queue
	m.stomp = stomp.NewDecoder(stomp.Limits{BodyBytes: 1 << 20})
	hello := stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{Command: "CONNECT", Fields: []stomp.Field{
		{Name: "accept-version", Value: "1.2"}, {Name: "host", Value: "madang"},
		{Name: "passcode", Value: s.token}, {Name: "heart-beat", Value: "0,0"},
	}})
	hello = stomp.AppendFrame(hello, stomp.V12, &stomp.Frame{Command: "SUBSCRIBE", Fields: []stomp.Field{
		{Name: "destination", Value: s.Stomp.Topic}, {Name: "id", Value: "room"},
	}})
	if err := socket.Write(ctx, websocket.MessageText, hello); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	go m.read(living)
	select {
	case <-m.live:
		return nil
	case <-m.room.crowd.failed:
		return m.room.crowd.why()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read takes everything that comes until the socket ends.
func (m *member) read(living context.Context) {
	// Once for the socket: handed to Reader, living would be watched anew for each message.
	defer context.AfterFunc(living, func() { _ = m.socket.CloseNow() })()
	buffer := make([]byte, 32<<10)
	for {
		_, r, err := m.socket.Reader(context.Background())
		for err == nil {
			var n int
			n, err = r.Read(buffer)
			if n > 0 {
				if wrong := m.stomp.Push(buffer[:n], m.take); wrong != nil {
					m.end(living, wrong)
					return
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			m.end(living, err)
			return
		}
	}
}

func (m *member) end(living context.Context, why error) {
	if living.Err() == nil && !m.room.crowd.leaving.Load() {
		m.lost.Store(true)
		m.room.crowd.fail(fmt.Errorf("connection lost: %w", why))
	}
}

func (m *member) take(f *stomp.Frame) error {
	if f.Command == "ERROR" {
		code, _ := f.Get("code")
		text, _ := f.Get("message")
		return fmt.Errorf("%w: %s: %s", errRefused, code, text)
	}
	if f.Command != "MESSAGE" {
		return nil
	}
	switch typ, _ := f.Get("type"); typ {
	case "$snapshot":
		if !m.isLive {
			m.isLive = true
			close(m.live)
		}
	case kind:
		id, _ := f.Get("message-id")
		return m.count(f.Body, id)
	case "error":
		code, _ := f.Get("code")
		return fmt.Errorf("%w: %s", errRefused, code)
	}
	return nil
}

// count checks one message of the load against what must come next.
func (m *member) count(body []byte, id string) error {
	sender, number, due, err := parse(body)
	if err != nil || sender >= len(m.next) {
		return fmt.Errorf("not a message of this load: %.80q", body)
	}
	t := &m.room.tally
	switch want := m.next[sender]; {
	case number == want:
		m.next[sender]++
	case number > want: // those between are lost, unless they come later
		t.gaps.Add(number - want)
		m.next[sender] = number + 1
	default: // a double, or one that comes late
		t.late.Add(1)
	}
	h := fnv.New64a()
	var was [8]byte
	for i := range was {
		was[i] = byte(m.order.Load() >> (8 * i))
	}
	h.Write(was[:])
	io.WriteString(h, id)
	m.order.Store(h.Sum64())

	t.delivered.Add(1)
	if w := m.window.Load(); w != nil && !due.Before(w.begin) && due.Before(w.end) {
		m.room.crowd.latency.add(time.Since(due))
	}
	return nil
}

// The body of a message: fixed places, so that it costs next to nothing to read, and JSON all the same.
//
//	{"from":"00000007","n":"0000000042","due":"01732300000000000000","pad":"xxxx"}
const (
	fromAt = len(`{"from":"`)
	fromN  = 8
	numAt  = fromAt + fromN + len(`","n":"`)
	numN   = 10
	dueAt  = numAt + numN + len(`","due":"`)
	dueN   = 20
	frame  = len(`{"from":"","n":"","due":"","pad":""}`) + fromN + numN + dueN
)

func appendBody(dst []byte, size, sender int, number int64, due time.Time) []byte {
	dst = append(dst, `{"from":"`...)
	dst = appendPadded(dst, int64(sender), fromN)
	dst = append(dst, `","n":"`...)
	dst = appendPadded(dst, number, numN)
	dst = append(dst, `","due":"`...)
	dst = appendPadded(dst, due.UnixNano(), dueN)
	dst = append(dst, `","pad":"`...)
	for range size - frame {
		dst = append(dst, 'x')
	}
	return append(dst, `"}`...)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], v, 10)
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

var errBody = errors.New("not a body of this load")

func parse(body []byte) (sender int, number int64, due time.Time, err error) {
	if len(body) < frame {
		return 0, 0, due, errBody
	}
	s, ok1 := digits(body[fromAt : fromAt+fromN])
	n, ok2 := digits(body[numAt : numAt+numN])
	d, ok3 := digits(body[dueAt : dueAt+dueN])
	if !ok1 || !ok2 || !ok3 {
		return 0, 0, due, errBody
	}
	return int(s), n, time.Unix(0, d), nil
}

func digits(text []byte) (v int64, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}
