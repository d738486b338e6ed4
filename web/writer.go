package web

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
)

// What a client is sent is framed here (RFC 6455, section 5.2) and written by its outbox, many frames with one call to the system.
// The library below does the handshake, reads, answers pings and closes; what it writes to that end goes through the outbox too.

const (
	// joinBytes is the size up to which waiting frames are joined into one WebSocket message. Clients bound what they
	// read; a larger message comes about only where one packet is larger.
	joinBytes = 16 << 10
	// gatherBytes is the size from which on no more is gathered for one write.
	gatherBytes = 64 << 10
)

var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, joinBytes); return &b }}

func keepBuffer(b *[]byte) {
	if cap(*b) <= 2*gatherBytes {
		writeBuffers.Put(b)
	}
}

// gatherLocked takes what waits, up to about gatherBytes, as WebSocket messages, and says how many frames they hold.
func (o *outbox) gatherLocked(dst []byte) (_ []byte, frames int) {
	done := 0
	for done < len(o.waiting) && (len(dst) == 0 || len(dst) < gatherBytes) {
		n, size := joined(o.waiting[done:])
		first := &o.waiting[done]
		if !first.raw {
			dst = appendHead(dst, first.binary, size)
		}
		for i := range o.waiting[done : done+n] {
			p := &o.waiting[done+i]
			dst = append(dst, p.head...)
			dst = append(dst, p.body...)
			frames += p.count()
		}
		o.bytes -= size
		done += n
	}
	if done == len(o.waiting) {
		o.emptyLocked()
		return dst, frames
	}
	left := copy(o.waiting, o.waiting[done:])
	clear(o.waiting[left:])
	o.waiting = o.waiting[:left]
	return dst, frames
}

// joined says how many of the packets make the next WebSocket message, and their size. A message is text where all of it is
// valid UTF-8.
func joined(packets []packet) (n, size int) {
	first := &packets[0]
	n, size = 1, first.size()
	if first.raw {
		return n, size
	}
	for ; n < len(packets); n++ {
		p := &packets[n]
		if p.raw || p.binary != first.binary || size+p.size() > joinBytes {
			break
		}
		size += p.size()
	}
	return n, size
}

// appendHead appends the head of a server's frame.
func appendHead(dst []byte, binaryData bool, size int) []byte {
	opcode := byte(0x81) // text, whole
	if binaryData {
		opcode = 0x82
	}
	switch {
	case size < 126:
		return append(dst, opcode, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, opcode, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, opcode, 127), uint64(size))
	}
}

// edge is the socket as the library below sees it: it reads from it, and what it writes, control frames, takes its turn.
type edge struct {
	net.Conn
	ahead []byte // read already
	out   *outbox
}

func (e *edge) Read(p []byte) (int, error) {
	if len(e.ahead) > 0 {
		n := copy(p, e.ahead)
		e.ahead = e.ahead[n:]
		return n, nil
	}
	return e.Conn.Read(p)
}

func (e *edge) Write(p []byte) (int, error) {
	if err := e.out.control(bytes.Clone(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hijack gives the library below an edge, with buffers of the size that control frames and heads need: what is larger passes them by.
type hijack struct {
	http.ResponseWriter
	out    *outbox
	socket net.Conn
}

func (h *hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	socket, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.socket = socket
	ahead, _ := buffers.Reader.Peek(buffers.Reader.Buffered())
	e := &edge{Conn: socket, ahead: bytes.Clone(ahead), out: h.out}
	return e, bufio.NewReadWriter(bufio.NewReaderSize(e, 512), bufio.NewWriterSize(e, 256)), nil
}
