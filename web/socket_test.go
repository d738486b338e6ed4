package web

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// masked is a client's frame.
func masked(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0xfe), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0xff), uint64(n))
	}
	key := [4]byte{1, 0x80, 'x', 0xff}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i&3])
	}
	return string(b)
}

// unframed pushes a stream, cut into pieces of that size, and returns the payload, what was answered, and the error.
func unframed(stream string, size int) (payload, answered string, err error) {
	out := newOutbox(100, 1<<20)
	s := &socket{out: out}
	var all bytes.Buffer
	for at := 0; at < len(stream) && err == nil; at += size {
		err = s.unframe([]byte(stream[at:min(at+size, len(stream))]), func(b []byte) error {
			all.Write(b)
			return nil
		})
	}
	for _, p := range out.waiting {
		answered += string(p.head)
	}
	return all.String(), answered, err
}

func TestFramesAreAStream(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 7000)
	stream := masked(0x81, "SEND") + masked(0x82, "") + masked(0x01, "in ") + masked(0x89, "ping within") + masked(0x00, "") + masked(0x80, "pieces") +
		masked(0x8a, "unasked") + masked(0x81, long[:300]) + masked(0x81, long) + masked(0x88, "\x03\xe8bye")
	wantPayload := "SEND" + "in pieces" + long[:300] + long
	wantAnswer := "\x8a\x0bping within" + "\x88\x02\x03\xe8"
	for _, size := range []int{1, 2, 3, 5, 64, 4096, len(stream)} {
		payload, answered, err := unframed(stream, size)
		if payload != wantPayload || answered != wantAnswer || !errors.Is(err, errClosedByClient) {
			t.Errorf("pieces of %d: got %d bytes, answered %q, %v; want %d bytes, %q, %v", size, len(payload), answered, err, len(wantPayload), wantAnswer, errClosedByClient)
		}
	}
}

func TestWhatIsNoWebSocketIsRefused(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]string{
		"no mask":                   "\x81\x01a",
		"reserved bits":             masked(0xc1, "a"),
		"unknown opcode":            masked(0x83, "a"),
		"unknown control":           masked(0x8b, "a"),
		"rest of nothing":           masked(0x80, "a"),
		"message within a message":  masked(0x01, "a") + masked(0x81, "b"),
		"control frame in pieces":   masked(0x09, "a"),
		"long control frame":        masked(0x89, strings.Repeat("a", 126)),
		"half a status":             masked(0x88, "a"),
		"length beyond 63 bits":     "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"after an unfinished piece": masked(0x01, "") + masked(0x82, "b"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, len(stream)} {
				var wrong violation
				if _, _, err := unframed(stream, size); !errors.As(err, &wrong) {
					t.Errorf("pieces of %d: got %v, want a violation", size, err)
				}
			}
		})
	}
}

func TestWhatIsNotWantedIsPassedOver(t *testing.T) {
	t.Parallel()
	s := &socket{out: newOutbox(100, 1<<20)}
	enough := errors.New("enough")
	if err := s.unframe([]byte(masked(0x81, "one")+masked(0x81, "two")+masked(0x89, "there?")), func([]byte) error { return enough }); err != enough {
		t.Errorf("got %v, want %v", err, enough)
	}
	if err := s.unframe([]byte(masked(0x81, "three")), nil); err != nil {
		t.Errorf("got %v, want the rest to be passed over", err)
	}
	if err := s.unframe([]byte(masked(0x88, "")), nil); !errors.Is(err, errClosedByClient) {
		t.Errorf("got %v, want %v", err, errClosedByClient)
	}
	if got, want := len(s.out.waiting), 2; got != want { // a pong and a close
		t.Errorf("got %d answers, want %d", got, want)
	}
}

// FuzzUnframe: any bytes give the same however they are cut, and never more than was sent.
func FuzzUnframe(f *testing.F) {
	f.Add([]byte(masked(0x81, "SEND")+masked(0x01, "a")+masked(0x80, "b")), 1)
	f.Add([]byte(masked(0x89, "x")+masked(0x88, "\x03\xe8")), 3)
	f.Add([]byte("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00ab"), 5)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = max(1, size&0xff)
		payload, answered, err := unframed(string(stream), size)
		whole, answeredWhole, errWhole := unframed(string(stream), max(len(stream), 1))
		if payload != whole || answered != answeredWhole || (err == nil) != (errWhole == nil) {
			t.Errorf("pieces of %d: got %q, %q, %v; whole: %q, %q, %v", size, payload, answered, err, whole, answeredWhole, errWhole)
		}
		if len(payload) > len(stream) {
			t.Errorf("got %d bytes out of %d", len(payload), len(stream))
		}
	})
}

// connected is both ends of a TCP connection.
func connected(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

func TestWhatTheSystemDoesNotTakeIsWrittenLater(t *testing.T) {
	t.Parallel()
	server, client := connected(t)
	o := newOutbox(1<<20, 1<<30)
	o.limit = time.Minute
	o.open(server)
	const packets, size = 2000, 16 << 10 // more than the buffers of both ends hold
	body := bytes.Repeat([]byte("x"), size)
	for i := range packets {
		if !o.put(packet{head: []byte{byte(i), byte(i >> 8)}, body: body}) {
			t.Fatal("the outbox is full")
		}
		o.flush()
	}
	o.close(packet{head: []byte("last")}, false)
	got := make([]byte, 4+2+size)
	for i := range packets {
		if _, err := io.ReadFull(client, got); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if got[0] != 0x81 || got[1] != 126 || got[4] != byte(i) || got[5] != byte(i>>8) {
			t.Fatalf("frame %d: got %x", i, got[:8])
		}
	}
	if n, err := io.ReadFull(client, got[:6]); err != nil || string(got[:n]) != "\x81\x04last" {
		t.Errorf("got %q and %v, want the last", got[:n], err)
	}
	<-o.ended
	if o.packets != 0 || o.bytes != 0 {
		t.Errorf("%d frames of %d bytes are still counted", o.packets, o.bytes)
	}
}

func TestASocketThatTakesNothingFails(t *testing.T) {
	t.Parallel()
	server, _ := connected(t)
	o := newOutbox(1<<20, 1<<30)
	o.limit = time.Millisecond
	failed := make(chan error, 1)
	o.broken = func(err error) { failed <- err }
	o.open(server)
	body := make([]byte, 1<<20)
	for range 64 {
		o.offer(packet{body: body})
	}
	if err := <-failed; !timedOut(err) {
		t.Errorf("got %v, want a write that took too long", err)
	}
	<-o.ended
	if !o.put(packet{body: body}) || len(o.waiting) > 0 {
		t.Error("an outbox that has failed keeps what it is given")
	}
}

func TestAHeartBeatIsOneFrameWithAnEndOfLine(t *testing.T) {
	t.Parallel()
	key := []byte{1, 2, 3, 4}
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"text":       {append([]byte{0x81, 0x81}, append(key, '\n'^1)...), true},
		"binary":     {append([]byte{0x82, 0x81}, append(key, '\n'^1)...), true},
		"no key":     {[]byte{0x81, 0x81, 0, 0, 0, 0, '\n'}, true},
		"a NUL":      {[]byte{0x81, 0x81, 0, 0, 0, 0, 0}, false},
		"a part":     {[]byte{0x01, 0x81, 0, 0, 0, 0, '\n'}, false},
		"a ping":     {[]byte{0x89, 0x81, 0, 0, 0, 0, '\n'}, false},
		"two":        {[]byte{0x81, 0x82, 0, 0, 0, 0, '\n', '\n'}, false},
		"unfinished": {[]byte{0x81, 0x81, 0, 0, 0, 0}, false},
		"nothing":    {nil, false},
	} {
		if got := isHeartBeat(c.frame); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
