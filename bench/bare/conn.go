package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// conn is one WebSocket connection; the frames of RFC 6455 are read and written by hand.
type conn struct {
	hall   *hall
	socket net.Conn
	in     *bufio.Reader
	user   string
	room   *room
	topic  string
	notes  int

	// with gather
	mu      sync.Mutex
	waiting []byte
	spare   []byte
	wake    chan struct{}
}

// guid is that of RFC 6455, section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func (h *hall) upgrade(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	socket, both, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(key + guid))
	fmt.Fprintf(socket, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	c := &conn{hall: h, socket: socket, in: both.Reader}
	if h.gather {
		c.wake = make(chan struct{}, 1)
		go c.gathered()
	}
	c.serve()
}

// write writes whole frames. Without gather, of one goroutine at a time: the room's, or before it is in the room.
func (c *conn) write(frame []byte) {
	if c.wake == nil {
		_, _ = c.socket.Write(frame)
		return
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, frame...)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) gathered() {
	for range c.wake {
		c.mu.Lock()
		out := c.waiting
		c.waiting, c.spare = c.spare[:0], out
		c.mu.Unlock()
		if _, err := c.socket.Write(out); err != nil {
			return
		}
	}
}

func (c *conn) serve() {
	defer c.socket.Close()
	buffer := make([]byte, 0, 512)
	for {
		opcode, body, err := readFrame(c.in, buffer)
		if err != nil || opcode == 8 {
			break
		}
		buffer = body[:0]
		c.take(body)
	}
	if c.room != nil {
		c.room.remove(c)
	}
	if c.wake != nil {
		close(c.wake)
	}
}

// take does what one or more STOMP frames ask. Bodies have no NUL.
func (c *conn) take(message []byte) {
	for len(message) > 0 {
		frame, rest, found := bytes.Cut(message, []byte{0})
		if !found {
			return
		}
		message = bytes.TrimLeft(rest, "\n")
		head, body, _ := bytes.Cut(frame, []byte("\n\n"))
		switch command, fields, _ := bytes.Cut(head, []byte{'\n'}); string(command) {
		case "CONNECT":
			c.user = field(fields, "passcode")
			c.stomp("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")
		case "SUBSCRIBE":
			c.topic = field(fields, "destination")
			c.room = c.hall.room(roomOf(c.topic))
			c.stomp("MESSAGE\nsubscription:room\ndestination:" + c.topic + "\nmessage-id:1-0\ntype:$snapshot\ncontent-length:2\n\n{}\x00")
			c.room.add(c)
		case "SEND":
			switch kind := field(fields, "type"); kind {
			case "note":
				c.notes++
			case "count":
				c.counted()
			default:
				c.room.say(c.hall, c.topic, c.user, kind, time.Now().UnixMilli(), body)
			}
		}
	}
}

// counted tells how many notes there were. What the room says meanwhile must not come between.
func (c *conn) counted() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	body := fmt.Sprintf(`{"notes":%d}`, c.notes)
	c.stomp(fmt.Sprintf("MESSAGE\nsubscription:room\ndestination:%s\nmessage-id:1-0\ntype:counted\ncontent-length:%d\n\n%s\x00", c.topic, len(body), body))
}

func (c *conn) stomp(text string) {
	frame := []byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}
	c.write(append(frame, text...))
}

func field(fields []byte, name string) string {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte{'\n'})
		if value, found := bytes.CutPrefix(line, []byte(name+":")); found {
			return string(value)
		}
	}
	return ""
}

// readFrame reads one masked frame of a client into buffer, which may grow.
func readFrame(in *bufio.Reader, buffer []byte) (opcode byte, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	opcode = head[0] & 15
	size := int(head[1] & 127)
	switch size {
	case 126:
		_, err = io.ReadFull(in, head[:2])
		size = int(binary.BigEndian.Uint16(head[:]))
	case 127:
		_, err = io.ReadFull(in, head[:8])
		size = int(binary.BigEndian.Uint64(head[:]))
	}
	if err != nil || size > 1<<20 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	var mask [4]byte
	if _, err := io.ReadFull(in, mask[:]); err != nil {
		return 0, nil, err
	}
	if cap(buffer) < size {
		buffer = make([]byte, size)
	}
	body = buffer[:size]
	if _, err := io.ReadFull(in, body); err != nil {
		return 0, nil, err
	}
	for i := range body {
		body[i] ^= mask[i&3]
	}
	return opcode, body, nil
}
