package web

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

// session is one connection. One goroutine serves it, which reads and does what the client's frames ask, one at a time. Others write,
// through out.
type session struct {
	g       *Gateway
	socket  *socket // set under g.mu
	id      string  // of the connection, unique everywhere
	address string
	ctx     *lifetime // ends with the session
	out     *outbox
	heard   chan struct{} // closed when nothing is read any more
	gone    chan struct{} // closed when the socket is
	dog     watchdog
	version atomic.Uint32 // stomp.Version
	beat    atomic.Int64  // after how many nanoseconds without a write a heart-beat is due; 0: never

	// of the reading goroutine
	decoder   *stomp.Decoder
	bucket    bucket
	connected bool
	patience  time.Duration // how long the client may be silent; 0: for ever
	connSeq   uint64
	spoken    *subscription // to the room to which the last SEND went; nil: none
	seldom    bool          // what has been read ahead came after a long silence: it waits in the lot again when that is handled

	// set at sign-in, before others know the session
	user  store.Session // written under mu
	token store.TokenHash
	since int64 // by the store's clock: nanoseconds since 1970

	checked atomic.Int64 // when the store was last seen to know user; Unix nanoseconds
	expires atomic.Int64 // when the session ends, as far as is known: it may be extended; Unix nanoseconds, 0: never
	spoke   atomic.Int64 // when the last frame came; Unix nanoseconds

	mu     sync.Mutex
	why    string // reason of the end; "": it lives
	served bool   // there is a socket to be closed in the end
	subs   map[string]*subscription
	left   bool // subscriptions have been given up; no new ones
	// parked: it has no reading goroutine, but a spot in the lot. goes: the goroutine is to go there.
	parked, goes bool
	lot          *lot // where it has spot
	spot         uint64
	orders       uint64 // subscriptions to rooms so far
	// inbox is the subscription to what the user is told outside of rooms; nil: none
	inbox *inbox
	given string // the announcement that it has been given
}

// errOver stops the reading of a session that has ended.
var errOver = errors.New("session is over")

var (
	refuseFrameTime   = refuse(codeFrameTimeout, "a frame was not finished in time")
	refuseConnectTime = refuse(codeConnectTimeout, "no CONNECT came in time")
	refuseNoHeartBeat = refuse(codeNoHeartBeat, "no heart-beat came for too long; come back")
)

// serve begins the reading, which goes on until the session is over.
func (s *session) serve() {
	s.mu.Lock()
	s.served = true
	if s.why != "" {
		go s.ending()
	}
	s.mu.Unlock()
	s.dog.wait(s.g.limits.ConnectTime, refuseConnectTime)
	s.out.open(s.socket.conn)
	s.listen()
}

// over is the end of the reading, for err.
func (s *session) over(err error) {
	s.dog.stop()
	var bad *stomp.Error
	var wrong violation
	switch {
	case errors.Is(err, errOver):
		s.socket.discard()
	case errors.As(err, &bad):
		s.end(refuse(bad.Code, bad.Text), "")
		s.socket.discard()
	case errors.As(err, &wrong):
		s.g.log.Debug("connection breaks the protocol", "conn", s.id, "err", err)
		s.finish(endNoWebSocket, packet{}, true)
	default:
		s.g.log.Debug("connection lost", "conn", s.id, "err", err)
		s.finish(endLost, packet{}, true)
	}
	close(s.heard)
	<-s.gone
	s.g.signOut(s)
}

// ending closes the socket once what is to be written has been. The subscriptions are given up before, as that may take time.
func (s *session) ending() {
	defer close(s.gone)
	<-s.out.ended
	s.leave()
	defer s.socket.conn.Close()
	switch reason := s.reason(); reason {
	case endLost, endWriteTime:
	default:
		s.socket.close(statusOf(reason), reason)
		<-s.heard
	}
}

// broken is called when nothing can be written any more.
func (s *session) broken(err error) {
	reason := endLost
	if timedOut(err) {
		reason = endWriteTime
	}
	s.finish(reason, packet{}, true)
	s.socket.conn.Close()
}

// come takes what the client sends, however it is cut.
func (s *session) come(b []byte) error {
	s.g.metrics.bytesIn.Add(float64(len(b)))
	if s.ctx.Err() != nil {
		s.socket.deaf = true
		_ = s.socket.unframe(b, nil)
		return errOver
	}
	if s.connected && s.idle() {
		s.dog.wait(s.g.limits.FrameTime, refuseFrameTime)
	}
	if err := s.socket.unframe(b, s.decode); err != nil {
		return err
	}
	if s.connected && s.idle() {
		if s.patience > 0 {
			s.dog.wait(s.patience, refuseNoHeartBeat)
		} else {
			s.dog.stop()
		}
	}
	return nil // else the time for CONNECT, or for the frame, is running
}

// idle: nothing is under way.
func (s *session) idle() bool { return s.socket.between() && s.decoder.Pending() == 0 }

func (s *session) decode(payload []byte) error { return s.decoder.Push(payload, s.take) }

// take does what one frame asks. The time that this takes is not the client's.
func (s *session) take(f *stomp.Frame) error {
	if s.ctx.Err() != nil {
		return errOver
	}
	s.spoke.Store(time.Now().UnixNano())
	s.dog.wait(s.g.limits.SendTime, refuseUnavailable)
	err := s.handle(f)
	if s.ctx.Err() != nil { // whatever came of it, it has been told why it ended
		return errOver
	}
	var why *refusal
	if errors.As(err, &why) {
		receipt, _ := f.Get("receipt")
		s.end(why, receipt)
		return errOver
	}
	if err == nil {
		s.dog.wait(s.g.limits.FrameTime, refuseFrameTime)
	}
	return err
}

// end ends the session with an ERROR frame. Of several ends the first one counts. It does not block.
func (s *session) end(why *refusal, receipt string) {
	fields := []stomp.Field{{Name: "code", Value: why.code}, {Name: "message", Value: clean(why.text)}}
	if receipt != "" {
		fields = append(fields, stomp.Field{Name: "receipt-id", Value: receipt})
	}
	if why.code == codeBadVersion {
		fields = append(fields, stomp.Field{Name: "version", Value: "1.0,1.1,1.2"})
	}
	fields = append(fields, stomp.Field{Name: "content-type", Value: "text/plain"})
	last := s.encode(&stomp.Frame{Command: "ERROR", Fields: fields, Body: []byte(why.text)})
	if s.finish(why.code, last, why.code == codeSlowReader) {
		s.g.metrics.refusals.WithLabelValues(why.code).Inc()
	}
}

// finish ends the session with the frame last, if there is one, and reports whether it was this call that ended it.
// With forget, what waits to be written is not written any more.
func (s *session) finish(reason string, last packet, forget bool) bool {
	s.mu.Lock()
	first := s.why == ""
	if first {
		s.why = reason
		if s.goes { // what is still read is for the closing, which has a deadline of its own
			_ = s.socket.conn.SetReadDeadline(time.Time{})
		}
	}
	user := s.user.User
	served := s.served
	s.mu.Unlock()
	if !first {
		return false
	}
	s.ctx.end()
	s.out.close(last, forget)
	if served {
		go s.ending()
		s.unpark()
	}
	s.g.metrics.disconnects.WithLabelValues(reason).Inc()
	level := slog.LevelInfo
	if reason == endDisconnect || reason == endLost {
		level = slog.LevelDebug
	}
	s.g.log.Log(context.Background(), level, "connection ends",
		"reason", reason, "conn", s.id, "user", user, "address", s.address)
	return true
}

func (s *session) reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// say queues a frame for this client alone; where there is no room for it the session ends.
func (s *session) say(f *stomp.Frame) {
	if !s.out.offer(s.encode(f)) {
		s.end(refuseSlowReader, "")
	}
}

func (s *session) encode(f *stomp.Frame) packet {
	b := stomp.AppendFrame(nil, stomp.Version(s.version.Load()), f)
	return packet{head: b, binary: !utf8.Valid(b)}
}

// acknowledge answers the frame's receipt, if it asks for one.
func (s *session) acknowledge(f *stomp.Frame) {
	if receipt, ok := f.Get("receipt"); ok {
		s.say(receiptFrame(receipt))
	}
}

func receiptFrame(receipt string) *stomp.Frame {
	return &stomp.Frame{Command: "RECEIPT", Fields: []stomp.Field{{Name: "receipt-id", Value: receipt}}}
}

// leave gives up all subscriptions and tells the rooms; no new ones come about afterwards. A second call does nothing.
func (s *session) leave() {
	s.mu.Lock()
	subs, inbox := s.subs, s.inbox
	s.subs, s.inbox, s.left = nil, nil, true
	reason := broker.ReasonLost
	switch s.why {
	case endDisconnect:
		reason = broker.ReasonDisconnected
	case codeDraining:
		reason = broker.ReasonDraining
	case codeNotSignedIn:
		reason = broker.ReasonSignedOut
	}
	s.mu.Unlock()
	for _, sub := range subs {
		s.g.metrics.subscriptions.Dec()
		sub.room.remove(sub, reason)
	}
	if inbox != nil {
		s.g.metrics.subscriptions.Dec()
		inbox.close()
	}
}
