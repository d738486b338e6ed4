package load

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// message is a server's WebSocket frame.
func message(opcode byte, text string) string {
	switch n := len(text); {
	case n < 126:
		return string([]byte{0x80 | opcode, byte(n)}) + text
	case n < 1<<16:
		return string([]byte{0x80 | opcode, 126, byte(n >> 8), byte(n)}) + text
	default:
		return string([]byte{0x80 | opcode, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + text
	}
}

func TestAStreamIsTheSameHoweverItIsCut(t *testing.T) {
	t.Parallel()
	first := "MESSAGE\ntype:load\nmessage-id:1-7\ncontent-length:5\n\na\x00b\nc\x00"
	second := "MESSAGE\ntype:error\ncode:full\n\n" + strings.Repeat("x", 300) + "\x00\n"
	stream := message(opText, "\n"+first) + message(opText, "\n") + message(2, second[:40]) + message(opPong, "") + message(opText, second[40:]) +
		message(opText, first+first) + message(opText, "MESSAGE\n\n"+strings.Repeat("y", 70000)+"\x00")
	want := "load 1-7  5, error  full 300, load 1-7  5, load 1-7  5,    70000, "
	for _, size := range []int{1, 2, 3, 7, 64, 1000, len(stream)} {
		s, got := newStream(), ""
		for at := 0; at < len(stream); at += size {
			if err := s.push([]byte(stream[at:min(at+size, len(stream))]), func(f *frame) error {
				got += fmt.Sprintf("%s %s %s %d, ", f.kind, f.id, f.code, len(f.body))
				return nil
			}); err != nil {
				t.Fatalf("pieces of %d: %v", size, err)
			}
		}
		if got != want {
			t.Errorf("pieces of %d: got %q, want %q", size, got, want)
		}
	}
}

func newStream() *stream { return &stream{socket: &socket{}} }

func TestWhatIsNoStreamOfAServerEndsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stream string
		want   error
	}{
		"masked":           {"\x81\x81\x00\x00\x00\x00a", errMessage},
		"beyond all bound": {"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", errMessage},
		"closed":           {message(opClose, "\x03\xe9bye"), errClosed},
		"a line of none":   {message(opText, "MESSAGE\nnothing\n\n\x00"), errFrame},
		"a length of none": {message(opText, "MESSAGE\ncontent-length:-1\n\n\x00"), errFrame},
		"a wrong length":   {message(opText, "MESSAGE\ncontent-length:1\n\nabc\x00"), errFrame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newStream().push([]byte(c.stream), func(*frame) error { return nil })
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAPingIsAnswered(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	s := &stream{socket: &socket{conn: here}}
	answered := make(chan error, 1)
	go func() { answered <- s.push([]byte(message(opPing, "are you there")), nil) }()
	want := "\x8a\x8d\x00\x00\x00\x00are you there"
	got := make([]byte, 100)
	n, err := there.Read(got)
	if err != nil || string(got[:n]) != want {
		t.Errorf("got %q and %v, want %q", got[:n], err, want)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func BenchmarkScan(b *testing.B) {
	one := fmt.Sprintf("MESSAGE\nsubscription:room\ndestination:/topic/room.%036d\nmessage-id:1-12345\ntype:load\nfrom:%036d\ntimestamp:1732300000000\n"+
		"content-type:application/json\ncontent-length:100\n\n%s\x00", 1, 2, appendBody(nil, 100, 3, 0, 1))
	text := []byte(message(opText, strings.Repeat(one, 40)))
	s, n := newStream(), 0
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.push(text, func(f *frame) error { n += len(f.body); return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40, "ns/frame")
}
