package rabbitmq_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a Broker and the server: it can cut connections and speak in the server's name.
type proxy struct {
	url    string
	server string

	mu    sync.Mutex
	conns map[*proxied]struct{}
}

type proxied struct {
	client, server net.Conn
	mu             sync.Mutex // one writer to the client at a time
}

func startProxy(t *testing.T, address string) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, conns: map[*proxied]struct{}{}}
	u.Host = l.Addr().String()
	p.url = u.String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		all.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	c := &proxied{client: client, server: server}
	p.mu.Lock()
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
	go func() {
		defer server.Close()
		io.Copy(server, client)
	}()
	frames := bufio.NewReader(server)
	for {
		head := make([]byte, 7) // type, channel, size; the payload and one octet follow
		if _, err := io.ReadFull(frames, head); err != nil {
			return
		}
		frame := append(head, make([]byte, binary.BigEndian.Uint32(head[3:])+1)...)
		if _, err := io.ReadFull(frames, frame[7:]); err != nil {
			return
		}
		if c.write(frame) != nil {
			return
		}
	}
}

func (c *proxied) write(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.client.Write(frame)
	return err
}

func (p *proxy) all() []*proxied {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*proxied
	for c := range p.conns {
		all = append(all, c)
	}
	return all
}

// cut ends all connections.
func (p *proxy) cut() {
	for _, c := range p.all() {
		c.client.Close()
		c.server.Close()
	}
}

// block says connection.blocked on all connections, as the server does under an alarm; free takes it back.
func (p *proxy) block(t *testing.T) { p.say(t, 60, "\x05alarm") }
func (p *proxy) free(t *testing.T)  { p.say(t, 61, "") }

func (p *proxy) say(t *testing.T, method byte, arguments string) {
	t.Helper()
	payload := append([]byte{0, 10, 0, method}, arguments...)
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(payload)))
	frame = append(append(frame, payload...), 0xCE)
	for _, c := range p.all() {
		if err := c.write(frame); err != nil {
			t.Fatal(err)
		}
	}
}
