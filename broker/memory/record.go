package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/madang-games/madang/broker"
)

// A record is one change of a Kept room: its length (4 bytes, little endian), then its kind and the room's number in the
// journal, then what the kind says. Numbers are unsigned varints; a text is its length and its bytes.
const (
	recordOpen   = 1 // bound, name of the room
	recordPut    = 2 // message: a mask of the fields that follow, and these
	recordAck    = 3 // how many of the room's oldest messages are done with
	recordDelete = 4
)

// maxRecord is the largest record, in bytes: more than any player may send.
const maxRecord = 16 << 20

var errRecord = errors.New("malformed record")

// beginRecord begins a record at the end of b; endRecord ends the one that began at start.
func beginRecord(b []byte, kind byte, room uint64) []byte {
	return binary.AppendUvarint(append(b, 0, 0, 0, 0, kind), room)
}

func endRecord(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendOpen(b []byte, room uint64, name string, bound int) []byte {
	start := len(b)
	b = beginRecord(b, recordOpen, room)
	b = binary.AppendUvarint(b, uint64(bound))
	return endRecord(appendText(b, name), start)
}

func appendPut(b []byte, room uint64, m *broker.Message) []byte {
	start := len(b)
	return endRecord(appendMessage(beginRecord(b, recordPut, room), m), start)
}

func appendAck(b []byte, room uint64, n int) []byte {
	start := len(b)
	b = beginRecord(b, recordAck, room)
	return endRecord(binary.AppendUvarint(b, uint64(n)), start)
}

func appendDelete(b []byte, room uint64) []byte {
	return endRecord(beginRecord(b, recordDelete, room), len(b))
}

// Bits of a message's mask: texts from 0, numbers from bitNumbers.
const (
	bitNumbers = 8
	bitTime    = 12
	bitBody    = 13
	bitsKnown  = 1<<14 - 1
)

// texts and numbers are a message's fields in the order of their bits. Its Room is the record's.
func texts(m *broker.Message) [8]*string {
	return [8]*string{(*string)(&m.Kind), &m.Type, &m.User, &m.Name, &m.Conn, &m.Attempt, &m.Reason, &m.ContentType}
}

func numbers(m *broker.Message) [4]*uint64 {
	return [4]*uint64{&m.Seq, &m.ConnSeq, &m.Resume.Epoch, &m.Resume.N}
}

func appendMessage(b []byte, m *broker.Message) []byte {
	var mask uint64
	for i, text := range texts(m) {
		if *text != "" {
			mask |= 1 << i
		}
	}
	for i, n := range numbers(m) {
		if *n != 0 {
			mask |= 1 << (bitNumbers + i)
		}
	}
	if !m.Time.IsZero() {
		mask |= 1 << bitTime
	}
	if len(m.Body) > 0 {
		mask |= 1 << bitBody
	}
	b = binary.AppendUvarint(b, mask)
	for _, text := range texts(m) {
		if *text != "" {
			b = appendText(b, *text)
		}
	}
	for _, n := range numbers(m) {
		if *n != 0 {
			b = binary.AppendUvarint(b, *n)
		}
	}
	if mask&(1<<bitTime) != 0 {
		b = binary.AppendVarint(b, m.Time.UnixMilli())
	}
	if mask&(1<<bitBody) != 0 {
		b = appendText(b, m.Body)
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// messageSize bounds what appendMessage appends.
func messageSize(m *broker.Message) int {
	size := 64 + len(m.Body)
	for _, text := range texts(m) {
		size += 4 + len(*text)
	}
	return size
}

// cursor reads numbers and texts; after the first that is not there, bad is set and all are zero. What it allocates is
// never more than what is there.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) fail() {
	c.rest, c.bad = nil, true
}

func (c *cursor) number() uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) signed() int64 {
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// bytes returns a part of what is read, not a copy.
func (c *cursor) bytes() []byte {
	n := c.number()
	if n > uint64(len(c.rest)) {
		c.fail()
		return nil
	}
	text := c.rest[:n]
	c.rest = c.rest[n:]
	return text
}

func (c *cursor) message() *broker.Message {
	mask := c.number()
	if mask > bitsKnown {
		c.fail()
		return nil
	}
	m := &broker.Message{}
	for i, text := range texts(m) {
		if mask&(1<<i) != 0 {
			*text = string(c.bytes())
		}
	}
	for i, n := range numbers(m) {
		if mask&(1<<(bitNumbers+i)) != 0 {
			*n = c.number()
		}
	}
	if mask&(1<<bitTime) != 0 {
		if m.Time = time.UnixMilli(c.signed()); m.Time.IsZero() {
			c.fail()
		}
	}
	if mask&(1<<bitBody) != 0 {
		m.Body = append([]byte(nil), c.bytes()...)
	}
	return m
}

// kept is a Kept room as the journal has it.
type kept struct {
	number uint64
	name   string
	bound  int
	held   ring[held] // sent and not acked, oldest first
}

// held is a message that the journal must not lose, and how many bytes it takes there.
type held struct {
	message *broker.Message
	size    int64
}

// contents is what a journal says, from its first record to its last.
type contents struct {
	rooms map[uint64]*kept
	last  uint64 // the highest number of a room so far
}

// apply takes the records of one frame.
func (c *contents) apply(frame []byte) error {
	for len(frame) > 0 {
		if len(frame) < 4 {
			return errRecord
		}
		size := uint64(binary.LittleEndian.Uint32(frame))
		if frame = frame[4:]; size == 0 || size > uint64(len(frame)) {
			return errRecord
		}
		if err := c.record(frame[0], cursor{rest: frame[1:size]}, int64(4+size)); err != nil {
			return err
		}
		frame = frame[size:]
	}
	return nil
}

func (c *contents) record(kind byte, in cursor, size int64) error {
	number := in.number()
	k := c.rooms[number]
	if in.bad || (k == nil) != (kind == recordOpen) {
		return fmt.Errorf("%w: kind %d of room %d", errRecord, kind, number)
	}
	switch kind {
	case recordOpen:
		bound, name := in.number(), string(in.bytes())
		if bound == 0 || bound > math.MaxInt32 || number <= c.last {
			return fmt.Errorf("%w: room %d after %d, bound %d", errRecord, number, c.last, bound)
		}
		c.rooms[number] = &kept{number: number, name: name, bound: int(bound)}
		c.last = number
	case recordPut:
		if m := in.message(); m != nil {
			m.Room = k.name
			k.held.push(held{m, size})
		}
	case recordAck:
		n := in.number()
		if n > uint64(k.held.n) {
			return fmt.Errorf("%w: %d of %d messages acked", errRecord, n, k.held.n)
		}
		for range n {
			k.held.pop()
		}
	case recordDelete:
		delete(c.rooms, number)
	default:
		return fmt.Errorf("%w: kind %d", errRecord, kind)
	}
	if in.bad || len(in.rest) > 0 {
		return fmt.Errorf("%w: kind %d, %d bytes too many", errRecord, kind, len(in.rest))
	}
	return nil
}
