package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/web/stomp"
)

// member is one client in one room. Its reader owns what is not atomic.
type member struct {
	room   *room
	index  int // in the room
	seat   seat
	socket *socket
	stream stream
	live   chan struct{} // closed once the snapshot is there
	lost   atomic.Bool
	window atomic.Pointer[window]

	isLive bool
	now    int64         // when what is being read arrived: nanoseconds since 1970
	next   []int64       // number of the next message of each sender
	hash   uint64        // of all message-ids, in the order of their coming
	order  atomic.Uint64 // the same, for others
	got    int64         // deliveries that the tally has not been told yet

	grid    grid       // of a room that collects
	counted chan int64 // the room's answer to how many notes it has heard

	sent, noted int64 // by the room's talker
}

var errRefused = errors.New("refused")

const (
	firstBuffer = 4 << 10  // of a reader
	mostBuffer  = 64 << 10 // of one that reads full buffers
)

// connect opens the socket, signs in, subscribes and waits for the room. living bounds the connection.
func (m *member) connect(ctx, living context.Context, from string) error {
	socket, rest, err := dial(ctx, m.seat.Stomp.URL, from, stomp.V12.Subprotocol())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	m.socket, m.stream.socket = socket, socket
	beats := "0,0"
	if m.room.crowd.beats {
		beats = "25000,25000"
	}
	if err := socket.write(hello(m.seat, beats)); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	go m.read(living, rest)
	select {
	case <-m.live:
		return nil
	case <-m.room.crowd.failed:
		return m.room.crowd.why()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hello is what who has a seat says first: sign-in and subscription.
func hello(s seat, beats string) []byte {
	b := stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{Command: "CONNECT", Fields: []stomp.Field{
		{Name: "accept-version", Value: "1.2"}, {Name: "host", Value: "madang"},
		{Name: "passcode", Value: s.token}, {Name: "heart-beat", Value: beats},
	}})
	return stomp.AppendFrame(b, stomp.V12, &stomp.Frame{Command: "SUBSCRIBE", Fields: []stomp.Field{
		{Name: "destination", Value: s.Stomp.Topic}, {Name: "id", Value: "room"},
	}})
}

// read takes everything that comes, rest first, until the socket ends.
func (m *member) read(living context.Context, rest []byte) {
	if wrong := m.stream.push(rest, m.take); wrong != nil {
		m.end(living, wrong)
		return
	}
	buffer := make([]byte, firstBuffer)
	for {
		n, err := m.socket.conn.Read(buffer)
		if n > 0 {
			m.now = time.Now().UnixNano()
			wrong := m.stream.push(buffer[:n], m.take)
			m.publish()
			if wrong != nil {
				m.end(living, wrong)
				return
			}
			if n == len(buffer) && n < mostBuffer {
				buffer = make([]byte, mostBuffer)
			}
		}
		if err != nil {
			m.end(living, err)
			return
		}
	}
}

// publish tells the others what has been read.
func (m *member) publish() {
	if m.got > 0 {
		m.order.Store(m.hash)
		m.room.tally.delivered.Add(m.got)
		if w := m.window.Load(); w != nil && w.holds(m.now) {
			m.room.tally.measured.Add(m.got)
		}
		m.got = 0
	}
}

func (m *member) end(living context.Context, why error) {
	if living.Err() == nil && !m.room.crowd.leaving.Load() {
		m.lost.Store(true)
		m.room.crowd.fail(fmt.Errorf("connection lost: %w", why))
	}
}

func (m *member) take(f *frame) error {
	switch string(f.command) {
	case "ERROR":
		return fmt.Errorf("%w: %s: %s", errRefused, f.code, f.text)
	case "MESSAGE":
	default:
		return nil
	}
	switch string(f.kind) {
	case kindSay:
		if m.room.crowd.collect {
			at, _ := digits(f.time)
			m.grid.see(at * int64(time.Millisecond))
		}
		return m.count(f.body, f.id)
	case kindCounted:
		return m.answered(f.body)
	case "$snapshot":
		if !m.isLive {
			m.isLive = true
			close(m.live)
		}
	case "error":
		return fmt.Errorf("%w: %s", errRefused, f.code)
	}
	return nil
}

// count checks one message of the load against what must come next.
func (m *member) count(body, id []byte) error {
	sender, number, due, ok := parse(body)
	if !ok || sender >= len(m.next) {
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
	for _, c := range id { // FNV-1a
		m.hash = (m.hash ^ uint64(c)) * 1099511628211
	}
	m.hash *= 1099511628211
	m.got++
	if w := m.window.Load(); w != nil && w.holds(due) {
		m.room.crowd.latency.add(time.Duration(m.now - due))
		if m.room.crowd.collect {
			m.room.crowd.beyond.add(time.Duration(m.grid.beyond(due, m.now)))
		}
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
	whole  = len(`{"from":"","n":"","due":"","pad":""}`) + fromN + numN + dueN
)

func appendBody(dst []byte, size, sender int, number, due int64) []byte {
	dst = append(dst, `{"from":"`...)
	dst = appendPadded(dst, int64(sender), fromN)
	dst = append(dst, `","n":"`...)
	dst = appendPadded(dst, number, numN)
	dst = append(dst, `","due":"`...)
	dst = appendPadded(dst, due, dueN)
	dst = append(dst, `","pad":"`...)
	for range size - whole {
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

func parse(body []byte) (sender int, number, due int64, ok bool) {
	if len(body) < whole {
		return 0, 0, 0, false
	}
	s, ok1 := digits(body[fromAt : fromAt+fromN])
	n, ok2 := digits(body[numAt : numAt+numN])
	d, ok3 := digits(body[dueAt : dueAt+dueN])
	return int(s), n, d, ok1 && ok2 && ok3
}

func digits(text []byte) (v int64, ok bool) {
	if len(text) > 20 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}
