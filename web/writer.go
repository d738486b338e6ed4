package web

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// joinBytes is the size up to which waiting frames are joined into one WebSocket message. Clients bound what they
// read; a larger message comes about only where one frame is larger.
const joinBytes = 16 << 10

var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, joinBytes); return &b }}

// write is the one goroutine that writes to the socket. It ends when the outbox is closed and empty, or the socket
// broken; then the subscriptions are given up and the socket is closed.
func (s *session) write() {
	defer close(s.wrote)
	stuck := time.AfterFunc(time.Hour, func() {
		s.finish(endWriteTime, packet{}, true)
		s.socket.Close()
	})
	stuck.Stop()
	defer stuck.Stop()
	put := func(kind websocket.MessageType, p []byte) error {
		stuck.Reset(s.g.limits.WriteTime)
		err := s.conn.Write(context.Background(), kind, p)
		stuck.Stop()
		s.g.metrics.writes.Inc()
		s.g.metrics.bytesOut.Add(float64(len(p)))
		return err
	}
	last, err := s.writeAll(put)
	s.leave()
	if err != nil || !last {
		s.finish(endLost, packet{}, true)
		s.conn.CloseNow()
		return
	}
	reason := s.reason()
	if reason == endLost || reason == endWriteTime {
		s.conn.CloseNow()
		return
	}
	s.conn.Close(statusOf(reason), reason) // waits for the client's answer, 10 s at most
}

// writeAll writes what the outbox gives, and heart-beats in between, until the outbox ends (last) or put fails.
func (s *session) writeAll(put func(websocket.MessageType, []byte) error) (last bool, err error) {
	var (
		beat  *time.Timer
		beats <-chan time.Time
		wrote = time.Now()
	)
	defer func() {
		if beat != nil {
			beat.Stop()
		}
	}()
	for {
		some, last, err := s.writeSome(put)
		if err != nil || last {
			return last, err
		}
		if some {
			wrote = time.Now()
			continue
		}
		every := time.Duration(s.beat.Load())
		if every > 0 && beat == nil {
			beat = time.NewTimer(every)
			beats = beat.C
		}
		select {
		case <-s.out.wake:
		case <-beats:
			idle := time.Since(wrote)
			if idle >= every {
				if err := put(websocket.MessageText, []byte{'\n'}); err != nil {
					return false, err
				}
				wrote, idle = time.Now(), 0
			}
			beat.Reset(every - idle)
		}
	}
}

// taking is how many packets the writer takes out of the outbox at a time.
const taking = 64

var takeBuffers = sync.Pool{New: func() any { return new([taking]packet) }}

// writeSome writes some of what waits, if anything does, and says whether nothing will follow it.
func (s *session) writeSome(put func(websocket.MessageType, []byte) error) (some, last bool, err error) {
	taken := takeBuffers.Get().(*[taking]packet)
	n, last := s.out.take(taken[:])
	for rest := taken[:n]; len(rest) > 0 && err == nil; {
		var joined, bytes int
		joined, bytes, err = putJoined(rest, put)
		s.out.written(joined, bytes)
		rest = rest[joined:]
	}
	clear(taken[:n])
	takeBuffers.Put(taken)
	return n > 0, last && err == nil, err
}

// putJoined writes the first packets as one WebSocket message and says how many they were. A message is text where
// all of it is valid UTF-8.
func putJoined(packets []packet, put func(websocket.MessageType, []byte) error) (n, bytes int, err error) {
	kind := websocket.MessageText
	if packets[0].binary {
		kind = websocket.MessageBinary
	}
	buffer := writeBuffers.Get().(*[]byte)
	joined := (*buffer)[:0]
	for ; n < len(packets); n++ {
		p := &packets[n]
		if n > 0 && (p.binary != packets[0].binary || len(joined)+p.size() > joinBytes) {
			break
		}
		joined = append(joined, p.head...)
		joined = append(joined, p.body...)
	}
	err = put(kind, joined)
	if cap(joined) <= 4*joinBytes {
		*buffer = joined
		writeBuffers.Put(buffer)
	}
	return n, len(joined), err
}
