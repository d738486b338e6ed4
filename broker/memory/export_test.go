package memory

import (
	"time"

	"github.com/madang-games/madang/broker"
)

// Left counts what the system holds.
func (b *Broker) Left() (queues, bindings int) {
	for i := range b.system.shards {
		sh := &b.system.shards[i]
		sh.mu.RLock()
		queues += len(sh.rooms)
		for _, feeds := range sh.topics {
			bindings += len(feeds)
		}
		sh.mu.RUnlock()
	}
	return queues, bindings
}

// File is what a journal writes to; OpenFile opens a real one.
type File = file

var OpenFile = openFile

// Why Open refuses a folder.
var (
	ErrDamaged = errDamaged
	ErrInUse   = errInUse
)

// OpenOn is Open with a disk of the test's own.
func OpenOn(c Config, openIt func(name string, flag int) (File, error), slack int64) (*Broker, error) {
	return open(c, disk{openIt, slack, time.Second})
}

// Live is about how many bytes of the journal live.
func (b *Broker) Live() int64 {
	j := b.system.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.live
}

// ReadJournal returns what a journal's file holds, by room, and how many of its bytes are whole.
func ReadJournal(data []byte) (rooms map[string][]*broker.Message, whole int, err error) {
	c, whole, err := readFile(data)
	if err != nil {
		return nil, 0, err
	}
	return byName(c), whole, nil
}

// ReadRecords is ReadJournal for the records of one frame.
func ReadRecords(frame []byte) (map[string][]*broker.Message, error) {
	c := &contents{rooms: map[uint64]*kept{}}
	if err := c.apply(frame); err != nil {
		return nil, err
	}
	return byName(c), nil
}

func byName(c *contents) map[string][]*broker.Message {
	rooms := map[string][]*broker.Message{}
	for _, r := range (&journal{rooms: c.rooms}).livingLocked() {
		rooms[r.name] = r.messages
	}
	return rooms
}

// Records encodes a room and what it holds.
func Records(room string, messages ...*broker.Message) []byte {
	b := appendOpen(nil, 1, room, 10)
	for _, m := range messages {
		b = appendPut(b, 1, m)
	}
	return b
}
