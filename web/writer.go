package web

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync"
)

// What a client is sent is framed here (RFC 6455, section 5.2) and written by its outbox, many frames with one call to the system.
// coder/websocket does the handshake and no more: what it holds for a connection, and how it reads and writes, costs twice as much
// (docs/decisions/0020-own-frames.md).

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

// hijack takes the socket away from the library that does the handshake.
type hijack struct {
	http.ResponseWriter
	socket net.Conn
	ahead  []byte // that the client has sent already
}

func (h *hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	socket, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.socket = socket
	ahead, _ := buffers.Reader.Peek(buffers.Reader.Buffered())
	h.ahead = bytes.Clone(ahead)
	return nowhere{}, bufio.NewReadWriter(bufio.NewReaderSize(nowhere{}, 16), bufio.NewWriterSize(nowhere{}, 16)), nil
}

// nowhere is what the library is left with.
type nowhere struct{ net.Conn }

func (nowhere) Read([]byte) (int, error)    { return 0, io.EOF }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }
