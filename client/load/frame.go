package load

import (
	"bytes"
	"errors"
)

// frame is what a load wants to know of a STOMP frame, as views into the bytes it was read from. Values are as they came,
// escapes and all.
type frame struct {
	command, kind, id, code, text, time, body []byte
}

var errFrame = errors.New("not a STOMP frame of a server")

// scan reads the frame at the beginning of p; size 0: it is not all there yet.
func (f *frame) scan(p []byte) (size int, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return unfinished(p)
	}
	f.command = p[:end]
	at, length := end+1, -1
	for {
		n := bytes.IndexByte(p[at:], '\n')
		if n < 0 {
			return unfinished(p)
		}
		line := p[at : at+n]
		at += n + 1
		if n == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return 0, errFrame
		}
		value := line[colon+1:]
		switch string(line[:colon]) {
		case "type":
			f.kind = value
		case "message-id":
			f.id = value
		case "code":
			f.code = value
		case "timestamp":
			f.time = value
		case "message":
			f.text = value
		case "content-length":
			v, ok := digits(value)
			if !ok || v > maxMessage {
				return 0, errFrame
			}
			length = int(v)
		}
	}
	if length < 0 {
		length = bytes.IndexByte(p[at:], 0)
		if length < 0 {
			return unfinished(p)
		}
	}
	switch {
	case len(p) <= at+length:
		return unfinished(p)
	case p[at+length] != 0:
		return 0, errFrame
	}
	f.body = p[at : at+length]
	return at + length + 1, nil
}

func unfinished(p []byte) (int, error) {
	if len(p) > maxMessage {
		return 0, errFrame
	}
	return 0, nil
}
