package stomp

import (
	"bytes"
	"strings"
)

// Limits bounds a frame. A field that is 0 has its default.
type Limits struct {
	Fields      int // header lines; default 64
	HeaderBytes int // command and header lines with their line ends; default 8 KiB
	BodyBytes   int // default 64 KiB
}

func (l Limits) withDefaults() Limits {
	if l.Fields <= 0 {
		l.Fields = 64
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 8 << 10
	}
	if l.BodyBytes <= 0 {
		l.BodyBytes = 64 << 10
	}
	return l
}

// Codes of an [Error].
const (
	CodeBadFrame       = "bad_frame"        // it breaks STOMP's grammar
	CodeFrameTooLarge  = "frame_too_large"  // more than Limits.HeaderBytes or Limits.BodyBytes
	CodeTooManyHeaders = "too_many_headers" // more than Limits.Fields
)

// Error says why a stream is not STOMP or is beyond its [Limits].
type Error struct {
	Code string // one of the Code... words
	Text string // a phrase for people, without anything that the peer sent
}

func (e *Error) Error() string { return "stomp: " + e.Text }

func bad(text string) error      { return &Error{CodeBadFrame, text} }
func tooLarge(text string) error { return &Error{CodeFrameTooLarge, text} }

// maxCommand is the longest command that is passed on.
const maxCommand = 16

// Decoder makes frames of a stream of bytes, however it is cut into pieces: the same bytes give the same frames, or
// the same error after the same frames. It holds no more than one unfinished frame and never more than its Limits
// allow, whatever content-length promises. It is not safe for concurrent use.
type Decoder struct {
	limits  Limits
	version Version // for the frames to come
	err     error   // it is dead

	// the frame under way
	part    part
	speaks  Version // its version
	pending []byte  // what earlier pushes brought: of its head while that is unfinished, then of its body
	frame   Frame
	line    int // where the current line of the head begins
	fields  int // complete header lines
	head    int // length of the finished head
	length  int // content-length; -1: none
}

type part uint8

const (
	between     part      = iota // line ends between frames: heart-beats
	betweenCR                    // after the first half of a CR LF
	inHead                       // command and header lines, up to the empty line
	inBody                       // up to NUL, or content-length and NUL
	keepPending = 1 << 10        // a larger buffer is given back after its frame
	keepFields  = 16
)

// NewDecoder returns a Decoder that reads STOMP 1.2 until SetVersion says otherwise.
func NewDecoder(l Limits) *Decoder {
	return &Decoder{limits: l.withDefaults(), version: V12}
}

// SetVersion says how frames are escaped, from the next frame on; it may be called from within each. CONNECT, STOMP
// and CONNECTED are never unescaped.
func (d *Decoder) SetVersion(v Version) { d.version = v }

// Pending is the number of bytes of an unfinished frame, or line end: 0 says that the stream stands between two frames.
func (d *Decoder) Pending() int {
	switch d.part {
	case inBody:
		return d.head + len(d.pending)
	case betweenCR:
		return 1
	}
	return len(d.pending)
}

// Push takes the next bytes of the stream and calls each for every frame that they finish, in order. Line ends between
// frames are heart-beats and are skipped.
//
// The Frame, its Fields and its Body are valid until each returns, unless cloned; strings taken from it stay valid
// (those of one frame share memory). p is not kept.
//
// An error is an [*Error], or what each returned, and is final: what follows in p is dropped, and every later Push
// returns it again.
func (d *Decoder) Push(p []byte, each func(*Frame) error) error {
	for d.err == nil && (len(p) > 0) {
		switch d.part {
		case between, betweenCR:
			p, d.err = d.skip(p)
		case inHead:
			p, d.err = d.readHead(p)
		case inBody:
			p, d.err = d.readBody(p, each)
		}
	}
	if d.err != nil {
		d.pending, d.frame = nil, Frame{}
	}
	return d.err
}

// skip passes over line ends and begins a frame at the first other byte.
func (d *Decoder) skip(p []byte) ([]byte, error) {
	for i, c := range p {
		switch {
		case c == '\n':
			d.part = between
		case d.part == betweenCR:
			return nil, bad("carriage return without line feed between frames")
		case c == '\r':
			d.part = betweenCR
		default:
			d.part, d.speaks = inHead, d.version
			d.line, d.fields, d.head, d.length = 0, -1, 0, -1 // the command is a line, too, and no field
			return p[i:], nil
		}
	}
	return nil, nil
}

// readHead takes p up to the end of the head, or all of it.
func (d *Decoder) readHead(p []byte) ([]byte, error) {
	if len(d.pending) == 0 { // perhaps all of it is in p
		end, err := d.scan(p, 0)
		if err != nil {
			return nil, err
		}
		if end == 0 {
			d.keep(p, d.limits.HeaderBytes)
			return nil, nil
		}
		return p[end:], d.endHead(p[:end])
	}
	old := len(d.pending)
	d.keep(p[:min(len(p), d.limits.HeaderBytes+1-old)], d.limits.HeaderBytes+1)
	end, err := d.scan(d.pending, old)
	if err != nil || end == 0 {
		return nil, err // without an end all of p has been kept: less than that would be beyond the limit
	}
	err = d.endHead(d.pending[:end])
	d.release()
	return p[end-old:], err
}

// scan checks the lines that end in head[from:] and returns the length of the whole head, 0 when its end is not there.
func (d *Decoder) scan(head []byte, from int) (end int, err error) {
	for {
		i := bytes.IndexByte(head[from:], '\n')
		if i < 0 {
			if len(head) > d.limits.HeaderBytes {
				return 0, tooLarge("too many bytes of headers")
			}
			return 0, nil
		}
		from += i + 1
		if from > d.limits.HeaderBytes {
			return 0, tooLarge("too many bytes of headers")
		}
		line := trimLine(head[d.line:from-1], d.speaks)
		if len(line) == 0 && d.fields >= 0 {
			return from, nil
		}
		d.line = from
		if err := d.checkLine(line); err != nil {
			return 0, err
		}
		d.fields++
	}
}

// trimLine takes the CR of a CR LF away, where the version knows it.
func trimLine[T string | []byte](line T, v Version) T {
	if v >= V12 && len(line) > 0 && line[len(line)-1] == '\r' {
		return line[:len(line)-1]
	}
	return line
}

func (d *Decoder) checkLine(line []byte) error {
	if d.fields < 0 {
		return checkCommand(line)
	}
	switch colon := bytes.IndexByte(line, ':'); {
	case colon < 0:
		return bad("header line without a colon")
	case colon == 0:
		return bad("header without a name")
	case bytes.IndexByte(line, 0) >= 0:
		return bad("NUL in a header")
	case d.speaks >= V12 && bytes.IndexByte(line, '\r') >= 0:
		return bad("carriage return in a header")
	case d.fields >= d.limits.Fields:
		return &Error{CodeTooManyHeaders, "too many headers"}
	}
	return nil
}

func checkCommand(line []byte) error {
	if len(line) == 0 || len(line) > maxCommand {
		return bad("no command")
	}
	for _, c := range line {
		if c < 'A' || c > 'Z' {
			return bad("no command")
		}
	}
	return nil
}

// endHead makes the frame of a head whose lines have been checked.
func (d *Decoder) endHead(head []byte) error {
	text := string(head) // the one copy, which all strings of the frame share
	line, text, _ := strings.Cut(text, "\n")
	d.frame.Command = trimLine(line, d.speaks)
	if cap(d.frame.Fields) < d.fields {
		d.frame.Fields = make([]Field, 0, d.fields)
	}
	plain := d.speaks == V10 || unescaped(d.frame.Command)
	for range d.fields {
		line, text, _ = strings.Cut(text, "\n")
		line = trimLine(line, d.speaks)
		name, value, _ := strings.Cut(line, ":")
		if !plain && strings.IndexByte(line, '\\') >= 0 {
			var err error
			if name, err = unescape(name, d.speaks); err != nil {
				return err
			}
			if value, err = unescape(value, d.speaks); err != nil {
				return err
			}
		}
		d.frame.Fields = append(d.frame.Fields, Field{name, value})
	}
	if value, ok := d.frame.Get(contentLength); ok {
		var err error
		if d.length, err = parseLength(value, d.limits.BodyBytes); err != nil {
			return err
		}
	}
	d.part, d.head = inBody, len(head)
	return nil
}

func unescape(s string, v Version) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s) - 1)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			i++
			switch {
			case i < len(s) && s[i] == 'n':
				c = '\n'
			case i < len(s) && s[i] == 'c':
				c = ':'
			case i < len(s) && s[i] == '\\':
			case i < len(s) && s[i] == 'r' && v >= V12:
				c = '\r'
			default:
				return "", bad("undefined escape in a header")
			}
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

func parseLength(s string, limit int) (n int, err error) {
	if s == "" {
		return 0, bad("content-length is no number")
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, bad("content-length is no number")
		}
		n = min(n*10+int(c-'0'), limit+1)
	}
	if n > limit {
		return 0, tooLarge("body is too large")
	}
	return n, nil
}

// readBody takes p up to the end of the frame, or all of it.
func (d *Decoder) readBody(p []byte, each func(*Frame) error) ([]byte, error) {
	var n int // bytes of p that belong to the body
	var ended bool
	old := len(d.pending)
	if d.length >= 0 {
		n = min(d.length-old, len(p))
		ended = n < len(p)
		if ended && p[n] != 0 {
			return nil, bad("body is longer than content-length")
		}
	} else {
		n = bytes.IndexByte(p, 0)
		ended = n >= 0
		if !ended {
			n = len(p)
		}
		if old+n > d.limits.BodyBytes {
			return nil, tooLarge("body is too large")
		}
	}
	body := p[:n:n]
	if old > 0 || !ended {
		d.keep(body, d.limits.BodyBytes)
		body = d.pending
	}
	if !ended {
		return nil, nil
	}
	if len(body) > 0 {
		d.frame.Body = body
	}
	d.part = between
	err := each(&d.frame)
	d.release()
	clear(d.frame.Fields)
	d.frame = Frame{Fields: d.frame.Fields[:0]}
	if cap(d.frame.Fields) > keepFields {
		d.frame.Fields = nil
	}
	return p[n+1:], err
}

// keep adds p to what is pending, in a buffer of at most limit bytes.
func (d *Decoder) keep(p []byte, limit int) {
	if need := len(d.pending) + len(p); need > cap(d.pending) {
		grown := make([]byte, len(d.pending), min(max(need, 2*cap(d.pending), 64), max(limit, need)))
		copy(grown, d.pending)
		d.pending = grown
	}
	d.pending = append(d.pending, p...)
}

// release empties the buffer, and gives back a large one.
func (d *Decoder) release() {
	d.pending = d.pending[:0]
	if cap(d.pending) > keepPending {
		d.pending = nil
	}
}
