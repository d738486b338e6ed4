package web

import (
	"cmp"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// After the handshake a connection is this: WebSocket frames of a client (RFC 6455, section 5), read without holding a buffer
// while none comes, however they are cut. Their payload is a stream to who reads it, as where messages begin and end means nothing
// to STOMP; so no message is too large.

// The opcodes of RFC 6455, section 5.2.
const (
	opMore   = 0
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// mostControl is the longest payload of a control frame (RFC 6455, section 5.5).
const mostControl = 125

// errClosedByClient ends the reading in good order.
var errClosedByClient = errors.New("the client closed the connection")

// violation is what no client may send; it is closed with status 1002.
type violation string

func (v violation) Error() string { return "not WebSocket: " + string(v) }

// socket reads. Except close, its methods are for one goroutine.
type socket struct {
	conn   net.Conn
	out    *outbox
	direct *direct // nil: conn is read with a buffer held
	ahead  []byte  // read already, before there was a socket

	head    [14]byte // of the frame under way
	have    int      // bytes of it
	inFrame bool     // head is whole
	left    uint64   // bytes of payload still to come
	turn    int      // of the mask
	within  bool     // a message of several frames is under way
	control []byte   // payload of a control frame under way

	deaf bool  // take has returned an error: the payload of what comes is passed over
	over error // why nothing more comes; nil: it may
}

// between reports whether it stands between two frames.
func (s *socket) between() bool { return s.have == 0 && !s.inFrame }

var readBuffers = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}

// read calls take with all that comes, until that or the socket returns an error, which it returns.
func (s *socket) read(take func(b []byte) error) error {
	if len(s.ahead) > 0 {
		b := s.ahead
		s.ahead = nil
		if err := take(b); err != nil {
			return err
		}
	}
	if s.direct != nil {
		return s.direct.read(take)
	}
	b := make([]byte, 512)
	for {
		n, err := s.conn.Read(b)
		if n > 0 {
			if err := take(b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// unframe calls take with the payload in b, which it unmasks in place, until that returns an error; it returns it. It answers pings
// and the client's close, with and after which it returns an error too.
func (s *socket) unframe(b []byte, take func(b []byte) error) (failed error) {
	if s.over != nil {
		return s.over
	}
	for len(b) > 0 {
		if !s.inFrame {
			n, err := s.readHead(b)
			if err != nil {
				s.over = err
				return cmp.Or(failed, err)
			}
			if b = b[n:]; !s.inFrame {
				continue // an empty frame, or no more
			}
		}
		n := int(min(uint64(len(b)), s.left))
		payload := b[:n]
		b = b[n:]
		s.unmask(payload)
		s.left -= uint64(n)
		last := s.left == 0
		if last {
			s.inFrame, s.have = false, 0
		}
		if opcode := s.head[0] & 15; opcode >= opClose {
			s.control = append(s.control, payload...)
			if last {
				if err := s.obey(opcode); err != nil {
					s.over = err
					return cmp.Or(failed, err)
				}
			}
		} else if !s.deaf {
			if failed = take(payload); failed != nil {
				s.deaf = true
			}
		}
	}
	return failed
}

// discard reads on until the client closes, or the socket ends.
func (s *socket) discard() {
	if s.over != nil {
		return
	}
	_ = s.read(func(b []byte) error { return s.unframe(b, nil) })
}

// readHead takes what b has of the head of the next frame, and says how much that was.
func (s *socket) readHead(b []byte) (n int, err error) {
	for n < len(b) {
		s.head[s.have] = b[n]
		s.have++
		n++
		if s.have < 2 {
			continue
		}
		size := 2 + 4 // with the mask
		switch s.head[1] & 0x7f {
		case 126:
			size += 2
		case 127:
			size += 8
		}
		if s.have == 2 {
			if err := s.checkHead(); err != nil {
				return n, err
			}
		}
		if s.have < size {
			continue
		}
		switch size {
		case 6:
			s.left = uint64(s.head[1] & 0x7f)
		case 8:
			s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
		default:
			s.left = binary.BigEndian.Uint64(s.head[2:])
			if s.left>>63 != 0 {
				return n, violation("a length of 64 bits")
			}
		}
		copy(s.head[10:], s.head[size-4:size])
		s.inFrame, s.turn = true, 0
		if s.left == 0 {
			return n, s.emptyFrame()
		}
		return n, nil
	}
	return n, nil
}

// checkHead minds what section 5 says of the first two bytes.
func (s *socket) checkHead() error {
	final, opcode := s.head[0]&0x80 != 0, s.head[0]&15
	switch {
	case s.head[0]&0x70 != 0:
		return violation("reserved bits")
	case s.head[1]&0x80 == 0:
		return violation("a frame without mask")
	case opcode >= opClose && (!final || s.head[1]&0x7f > mostControl):
		return violation("a control frame that is long or one of several")
	}
	switch opcode {
	case opMore:
		if !s.within {
			return violation("the rest of no message")
		}
		s.within = !final
	case opText, opBinary:
		if s.within {
			return violation("a message within a message")
		}
		s.within = !final
	case opClose, opPing, opPong:
		s.control = s.control[:0]
	default:
		return violation("an opcode that there is not")
	}
	return nil
}

// emptyFrame ends a frame without payload.
func (s *socket) emptyFrame() error {
	s.inFrame, s.have = false, 0
	if opcode := s.head[0] & 15; opcode >= opClose {
		return s.obey(opcode)
	}
	return nil
}

func (s *socket) unmask(b []byte) {
	key := [8]byte{}
	for i := range key {
		key[i] = s.head[10+(s.turn+i)&3]
	}
	s.turn = (s.turn + len(b)) & 3
	wide := binary.LittleEndian.Uint64(key[:])
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i]
	}
}

// obey does what a control frame asks.
func (s *socket) obey(opcode byte) error {
	switch opcode {
	case opPing:
		return s.out.control(appendFrame(nil, opPong, s.control))
	case opClose:
		if len(s.control) == 1 {
			return violation("half a status")
		}
		_ = s.out.control(appendFrame(nil, opClose, s.control[:min(2, len(s.control))])) // the same status
		return errClosedByClient
	}
	s.control = nil
	return nil
}

// appendFrame appends a frame of a server.
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	return append(append(dst, 0x80|opcode, byte(len(payload))), payload...)
}

// closeTime is how long a client may take to answer a close.
const closeTime = 5 * time.Second

// close says that nothing more is sent and why, and gives the client closeTime to say the same. It does not wait.
func (s *socket) close(status websocket.StatusCode, reason string) {
	payload := binary.BigEndian.AppendUint16(nil, uint16(status))
	payload = append(payload, reason[:min(len(reason), mostControl-2)]...)
	_ = s.out.control(appendFrame(nil, opClose, payload))
	_ = s.conn.SetReadDeadline(time.Now().Add(closeTime))
}
