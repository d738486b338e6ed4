// Package stomp decodes and encodes STOMP frames within bounds, for peers that nobody trusts.
//
// It knows versions 1.0, 1.1 and 1.2 (https://stomp.github.io), and frames only: what a command means is the
// caller's business.
package stomp

import (
	"bytes"
	"slices"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Frame is one STOMP frame.
type Frame struct {
	Command string
	Fields  []Field // in the order of the wire; a name may come more than once
	Body    []byte
}

// Get returns the value of the field called name. Where there are several the first one counts (STOMP 1.2, "Repeated
// Header Entries").
func (f *Frame) Get(name string) (value string, ok bool) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Value, true
		}
	}
	return "", false
}

// Clone returns a frame that shares no memory that changes with f.
func (f *Frame) Clone() *Frame {
	return &Frame{Command: f.Command, Fields: slices.Clone(f.Fields), Body: bytes.Clone(f.Body)}
}

// unescaped reports whether the header lines of a command are written as they are in every version (STOMP 1.2, "Value
// Encoding"). STOMP is another name of CONNECT.
func unescaped(command string) bool {
	return command == "CONNECT" || command == "CONNECTED" || command == "STOMP"
}

const contentLength = "content-length"
