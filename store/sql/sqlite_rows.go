package sql

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/madang-games/madang/store"
)

// The data of a row: rowVersion, and then commits and marks. A commit is its kind, the room, the term, epoch, N, Published, flags, and
// what they say is there; a mark is its kind and the room. Numbers are varints, texts and bytes have their length in front.
const (
	rowVersion = 1

	kindCommit = 1
	kindMark   = 2

	hasWake    = 1
	hasMemory  = 2
	hasRun     = 4
	hasForgets = 8
)

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendMark(b []byte, room string) []byte { return appendBytes(append(b, kindMark), room) }

func appendCommit(b []byte, c *store.Commit) []byte {
	b = appendBytes(append(b, kindCommit), c.Room)
	for _, n := range []uint64{c.Term, c.Epoch, c.N, c.Published} {
		b = binary.AppendUvarint(b, n)
	}
	run := kept(c)
	var flags byte
	set := func(flag byte, has bool) {
		if has {
			flags |= flag
		}
	}
	set(hasWake, c.Wake)
	set(hasMemory, c.Memory != nil)
	set(hasRun, run != nil)
	set(hasForgets, forgets(c))
	b = append(b, flags)
	if c.Memory != nil {
		b = appendBytes(b, c.Memory)
	}
	if run != nil {
		b = binary.AppendUvarint(b, run.First)
		b = binary.AppendUvarint(b, run.Last)
		b = appendBytes(b, run.Data)
	}
	if forgets(c) {
		b = binary.AppendUvarint(b, c.Forget)
	}
	return b
}

var errDamagedRow = errors.New("kept commits are damaged")

// readRow calls commit and mark for what is in a row, in order. What commit gets is its own.
func readRow(data []byte, commit func(*store.Commit), mark func(room string)) error {
	r := rowReader{b: data}
	if version := r.byte(); version != rowVersion {
		return fmt.Errorf("%w, or of a newer version: %d", errDamagedRow, version)
	}
	for len(r.b) > 0 && !r.bad {
		kind, room := r.byte(), string(r.bytes())
		switch {
		case r.bad:
		case kind == kindMark:
			mark(room)
		case kind == kindCommit:
			c := &store.Commit{Room: room, Term: r.number(), Epoch: r.number(), N: r.number(), Published: r.number()}
			flags := r.byte()
			c.Wake = flags&hasWake != 0
			if flags&hasMemory != 0 {
				c.Memory = r.bytes()
			}
			if flags&hasRun != 0 {
				c.Log = &store.Logged{First: r.number(), Last: r.number(), Data: r.bytes()}
			}
			if flags&hasForgets != 0 {
				c.Forget = r.number()
			}
			if !r.bad {
				commit(c)
			}
		default:
			r.bad = true
		}
	}
	if r.bad {
		return errDamagedRow
	}
	return nil
}

type rowReader struct {
	b   []byte
	bad bool
}

func (r *rowReader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *rowReader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *rowReader) bytes() []byte {
	n := r.number()
	if r.bad || n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}
