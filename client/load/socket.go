package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// socket is a WebSocket client (RFC 6455) for measuring: it holds as little as it can and costs as little as it can, so that
// the generator's core is not what is measured. It takes what comes in pieces of the size that the network gives them.
type socket struct {
	conn net.Conn

	mu  sync.Mutex // of writing
	out []byte
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10

	maxMessage = 16 << 20
	guid       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3
)

// dial opens a socket from the address from, if it is given, and returns what came with the answer beyond it.
func dial(ctx context.Context, address, from, protocol string) (_ *socket, rest []byte, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	port, secure := u.Port(), u.Scheme == "wss" || u.Scheme == "https"
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[secure]
	}
	d := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{}}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if !stop() || err != nil {
			conn.Close()
		}
	}()
	if secure {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname()})
	}
	rest, err = handshake(conn, u, protocol)
	return &socket{conn: conn}, rest, err
}

func handshake(conn net.Conn, u *url.URL, protocol string) (rest []byte, err error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n", u.RequestURI(), u.Host, key, protocol); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 1<<10)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	sum := sha1.Sum([]byte(key + guid))
	switch {
	case answer.StatusCode != http.StatusSwitchingProtocols:
		return nil, fmt.Errorf("open a socket: %s", answer.Status)
	case answer.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		return nil, errors.New("open a socket: the answer is not to this request")
	}
	rest = make([]byte, in.Buffered())
	_, err = in.Read(rest)
	if len(rest) == 0 {
		return nil, nil
	}
	return rest, err
}

// write sends one text message. It is safe for concurrent use.
func (s *socket) write(message []byte) error { return s.send(opText, message) }

func (s *socket) send(opcode byte, message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = appendMasked(s.out[:0], opcode, message)
	_, err := s.conn.Write(s.out)
	return err
}

// appendMasked appends a client's frame. Its key is 0, which leaves the message as it is: a key is there to protect proxies
// from what a page makes a browser send (RFC 6455, section 10.3), and this is no browser.
func appendMasked(dst []byte, opcode byte, message []byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch n := len(message); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), message...)
}

var (
	errMessage = errors.New("not a WebSocket frame of a server")
	errClosed  = errors.New("the server closed the socket")
)

// stream takes apart what a server sends. Not safe for concurrent use.
type stream struct {
	socket *socket
	rest   []byte // an unfinished frame
	stomp  []byte // an unfinished STOMP frame of messages before
	frame  frame
}

// push takes the next bytes and calls each for every STOMP frame. p may be overwritten afterwards, and what each gets too.
func (s *stream) push(p []byte, each func(*frame) error) error {
	if len(s.rest) > 0 {
		s.rest = append(s.rest, p...)
		p = s.rest
	}
	for {
		opcode, payload, size, err := cut(p)
		if err != nil {
			return err
		}
		if size == 0 {
			s.rest = append(s.rest[:0], p...)
			if len(p) == 0 && cap(s.rest) > 64<<10 {
				s.rest = nil
			}
			return nil
		}
		p = p[size:]
		switch opcode {
		case opClose:
			return fmt.Errorf("%w: %q", errClosed, payload[min(2, len(payload)):])
		case opPing:
			err = s.socket.send(opPong, payload)
		case opPong:
		default: // the pieces of a message are a stream to STOMP, as messages are
			err = s.take(payload, each)
		}
		if err != nil {
			return err
		}
	}
}

// cut finds the first frame in p; size 0: there is none yet.
func cut(p []byte) (opcode byte, payload []byte, size int, err error) {
	if len(p) < 2 {
		return 0, nil, 0, nil
	}
	n, head := int(p[1]&0x7f), 2
	switch {
	case p[1]&0x80 != 0:
		return 0, nil, 0, errMessage
	case n == 126:
		if head = 4; len(p) < head {
			return 0, nil, 0, nil
		}
		n = int(binary.BigEndian.Uint16(p[2:]))
	case n == 127:
		if head = 10; len(p) < head {
			return 0, nil, 0, nil
		}
		if v := binary.BigEndian.Uint64(p[2:]); v > maxMessage {
			return 0, nil, 0, errMessage
		} else {
			n = int(v)
		}
	}
	if len(p) < head+n {
		return 0, nil, 0, nil
	}
	return p[0] & 15, p[head : head+n], head + n, nil
}

func (s *stream) take(p []byte, each func(*frame) error) error {
	if len(s.stomp) > 0 {
		s.stomp = append(s.stomp, p...)
		p = s.stomp
	}
	for {
		p = bytes.TrimLeft(p, "\r\n") // heart-beats
		s.frame = frame{}
		size, err := s.frame.scan(p)
		if err != nil {
			return err
		}
		if size == 0 {
			s.stomp = append(s.stomp[:0], p...)
			return nil
		}
		if err := each(&s.frame); err != nil {
			return err
		}
		p = p[size:]
	}
}
