package broker

import (
	"encoding/binary"
	"errors"
	"time"
)

// A run of outputs is kept as: the version byte, the number of outputs, and each output as a set of flags and the
// fields that it has. Numbers are varints, strings have their length in front. Room, epoch and numbers are not
// repeated: who keeps a run keeps them beside it.

const runVersion = 1

// Entry is one numbered output as a room keeps it. The Output is shared with those who publish it: never changed.
type Entry struct {
	*Output
	// The mark that the gateway gave the message which it answers, when Request is set: Message.Conn and ConnSeq.
	AskedBy  string
	AskedSeq uint64
}

// Size is about what the entry costs, encoded or in memory, in bytes.
func (e *Entry) Size() int {
	n := 48 + len(e.Type) + len(e.From) + len(e.Code) + len(e.Unseat) + len(e.ContentType) + len(e.AskedBy) + len(e.Body)
	for _, user := range e.To {
		n += 2 + len(user)
	}
	return n
}

const (
	hasFrom = 1 << iota
	hasTo
	hasRequest
	hasCode
	hasUnseat
	hasContentType
	isLatest
)

// ErrDamaged: a run can't be read.
var ErrDamaged = errors.New("kept outputs are damaged")

// EncodeRun writes entries with consecutive numbers for [DecodeRun]. Of their outputs it keeps what belongs to the line:
// not the Term, nor what only the other parts have.
func EncodeRun(entries []Entry) []byte {
	size := 16
	for i := range entries {
		size += entries[i].Size()
	}
	b := appendHead(make([]byte, 0, size), len(entries))
	for i := range entries {
		b = AppendEntry(b, &entries[i])
	}
	return b
}

// RunOf makes a run of count entries that [AppendEntry] has written one after another. It copies them.
func RunOf(count int, entries []byte) []byte {
	b := appendHead(make([]byte, 0, 1+binary.MaxVarintLen64+len(entries)), count)
	return append(b, entries...)
}

// JoinRuns makes one run of several that follow each other, the oldest first; or [ErrDamaged].
func JoinRuns(runs [][]byte) ([]byte, error) {
	count, size := 0, 1+binary.MaxVarintLen64
	rest := make([][]byte, len(runs))
	for i, run := range runs {
		r := reader{b: run}
		if r.byte() != runVersion {
			return nil, ErrDamaged
		}
		n := r.uvarint()
		if r.bad || n > uint64(len(r.b)) {
			return nil, ErrDamaged
		}
		count, size, rest[i] = count+int(n), size+len(r.b), r.b
	}
	b := appendHead(make([]byte, 0, size), count)
	for _, entries := range rest {
		b = append(b, entries...)
	}
	return b, nil
}

func appendHead(b []byte, count int) []byte {
	return binary.AppendUvarint(append(b, runVersion), uint64(count))
}

// AppendEntry appends e as a run has it; see [RunOf].
func AppendEntry(b []byte, e *Entry) []byte {
	var flags byte
	set := func(flag byte, has bool) {
		if has {
			flags |= flag
		}
	}
	set(hasFrom, e.From != "")
	set(hasTo, len(e.To) > 0)
	set(hasRequest, e.Request != 0)
	set(hasCode, e.Code != "")
	set(hasUnseat, e.Unseat != "")
	set(hasContentType, e.ContentType != "")
	set(isLatest, e.Latest)
	b = append(b, flags)
	b = appendString(b, e.Type)
	if flags&hasFrom != 0 {
		b = appendString(b, e.From)
	}
	if flags&hasTo != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.To)))
		for _, user := range e.To {
			b = appendString(b, user)
		}
	}
	if flags&hasRequest != 0 {
		b = binary.AppendUvarint(b, e.Request)
		b = appendString(b, e.AskedBy)
		b = binary.AppendUvarint(b, e.AskedSeq)
	}
	if flags&hasCode != 0 {
		b = appendString(b, e.Code)
	}
	if flags&hasUnseat != 0 {
		b = appendString(b, e.Unseat)
	}
	if flags&hasContentType != 0 {
		b = appendString(b, e.ContentType)
	}
	b = binary.AppendVarint(b, e.Time.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(e.Body)))
	return append(b, e.Body...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// DecodeRun reads what [EncodeRun] wrote: outputs of room from number first to last, else [ErrDamaged]. It allocates no more than a small
// multiple of len(data), whatever data claims. The bodies share data.
func DecodeRun(room string, epoch, first, last uint64, data []byte) ([]Entry, error) {
	r := reader{b: data}
	if r.byte() != runVersion {
		return nil, ErrDamaged
	}
	count := r.uvarint()
	if r.bad || first == 0 || last < first || count != last-first+1 || count > uint64(len(r.b)) {
		return nil, ErrDamaged
	}
	var entries []Entry
	for n := first; n <= last; n++ {
		o := &Output{Room: room, At: Position{Epoch: epoch, N: n}}
		e := Entry{Output: o}
		flags := r.byte()
		o.Latest = flags&isLatest != 0
		o.Type = r.string()
		if flags&hasFrom != 0 {
			o.From = r.string()
		}
		if flags&hasTo != 0 {
			users := r.uvarint()
			if users > uint64(len(r.b)) {
				return nil, ErrDamaged
			}
			for range users {
				o.To = append(o.To, r.string())
			}
		}
		if flags&hasRequest != 0 {
			o.Request = r.uvarint()
			e.AskedBy = r.string()
			e.AskedSeq = r.uvarint()
		}
		if flags&hasCode != 0 {
			o.Code = r.string()
		}
		if flags&hasUnseat != 0 {
			o.Unseat = r.string()
		}
		if flags&hasContentType != 0 {
			o.ContentType = r.string()
		}
		o.Time = time.UnixMilli(r.varint())
		if body := r.bytes(); len(body) > 0 {
			o.Body = body
		}
		if r.bad {
			return nil, ErrDamaged
		}
		entries = append(entries, e)
	}
	if len(r.b) != 0 {
		return nil, ErrDamaged
	}
	return entries, nil
}

// reader reads from b until something is wrong with it; from then on it gives zero values.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) string() string { return string(r.bytes()) }
