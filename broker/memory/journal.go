package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
)

const (
	// maxPending is how many bytes wait for the disk before messages are refused.
	maxPending = 64 << 20
	// ackDelay is how long an ack waits for something to ride along with, ackBytes how many bytes of them do.
	ackDelay = time.Second
	ackBytes = 64 << 10
	// unawaitedDelay is how long a message waits for others that nobody waits for.
	unawaitedDelay = 10 * time.Millisecond
	// keepBuffer is the capacity in bytes that a buffer may keep.
	keepBuffer = 1 << 20
)

var (
	errInUse  = errors.New("another process has it: each needs a data folder of its own")
	errBehind = fmt.Errorf("the journal is behind: %d MiB wait for the disk", maxPending>>20)
)

// journal keeps what Kept rooms hold in a file. Its methods only note a change, in the order in which they are called,
// and never wait; one goroutine writes all that has been noted meanwhile with one write and one fsync.
//
// When that fails, what was being written is in doubt and nothing is appended to that file any more. Messages are refused until a
// new file with all that lives could be written, which is tried again and again; nothing in it depends on the old one.
type journal struct {
	disk
	folder string
	log    *slog.Logger
	unlock func() error
	wake   chan struct{} // takes one
	quit   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	rooms   map[uint64]*kept
	last    uint64 // the last room's number
	live    int64  // bytes of rooms and messages that live
	pending []byte // a frame to be: room for its head, and records; or empty
	batch   *batch // who waits for pending; nil: nobody
	failed  error  // why the disk takes nothing; set by the writer alone
	closed  bool
	later   *time.Timer // nudges the writer for what nobody waits for
	armed   time.Time   // when it does; zero: not

	// The writer's.
	file       file
	generation uint64
	size       int64
	salt       []byte
	spare      []byte
}

// disk is how a journal uses its disk.
type disk struct {
	openFile func(name string, flag int) (file, error)
	slack    int64         // bytes that a file may have beyond twice what lives in it before it is rewritten
	retry    time.Duration // between two tries to write again after an error
}

var realDisk = disk{openFile, 16 << 20, time.Second}

// batch is one writing that callers wait for.
type batch struct {
	done chan struct{}
	err  error // valid when done is closed
}

func (b *batch) finish(err error) {
	if b != nil {
		b.err = err
		close(b.done)
	}
}

// wait returns when the batch is on disk, or can't be.
func (b *batch) wait(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// living is a room with its messages at one moment.
type living struct {
	number   uint64
	name     string
	bound    int
	messages []*broker.Message
}

// openJournal takes a folder, which it makes, and whatever it holds. The journal must be closed.
func openJournal(folder string, log *slog.Logger, d disk) (_ *journal, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the journal of the embedded broker: %w", err)
		}
	}()
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	unlock, err := lockFile(filepath.Join(folder, "lock"))
	if err != nil {
		return nil, err
	}
	c, generation, err := load(folder, log)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	j := &journal{
		disk: d, folder: folder, log: log, unlock: unlock,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		rooms: c.rooms, last: c.last, generation: generation,
	}
	messages := 0
	for _, k := range j.rooms {
		j.live += roomSize(k.name)
		for i := range k.held.n {
			j.live += k.held.at(i).size
		}
		messages += k.held.n
	}
	// The end of the old file may have been cut off: it is never appended to.
	if err := j.rewrite(j.livingLocked()); err != nil {
		return nil, errors.Join(err, unlock())
	}
	if len(j.rooms) > 0 {
		log.Info("rooms are back from the journal", "rooms", len(j.rooms), "messages", messages)
	}
	j.later = time.AfterFunc(time.Hour, j.flushLater)
	j.later.Stop()
	go j.run()
	return j, nil
}

// roomSize is about what an open room takes.
func roomSize(name string) int64 { return int64(len(name)) + 16 }

// livingLocked copies what lives, oldest room first.
func (j *journal) livingLocked() []living {
	all := make([]living, 0, len(j.rooms))
	for _, number := range slices.Sorted(maps.Keys(j.rooms)) {
		k := j.rooms[number]
		messages := make([]*broker.Message, k.held.n)
		for i := range messages {
			messages[i] = k.held.at(i).message
		}
		all = append(all, living{k.number, k.name, k.bound, messages})
	}
	return all
}

// usableLocked says whether messages and rooms are taken.
func (j *journal) usableLocked() error {
	switch {
	case j.closed:
		return broker.ErrClosed
	case j.failed != nil:
		return j.failed
	case len(j.pending) > maxPending:
		return errBehind
	}
	return nil
}

// err says why messages are refused, if they are.
func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.usableLocked()
}

// open notes a new room. It need not be on disk before its first message is.
func (j *journal) open(name string, bound int) (*kept, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usableLocked(); err != nil {
		return nil, err
	}
	j.last++
	k := &kept{number: j.last, name: name, bound: bound}
	j.rooms[k.number] = k
	j.live += roomSize(name)
	j.pending = appendOpen(j.frameLocked(), k.number, name, bound)
	j.rideLocked(ackDelay)
	return k, nil
}

// put notes a message; it is on disk when the batch is, which is nil for one that nobody waits for.
func (j *journal) put(k *kept, m *broker.Message) (*batch, error) {
	if size := messageSize(m); size > maxRecord {
		return nil, fmt.Errorf("a message of %d bytes: the most that a journal takes is %d", size, maxRecord)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usableLocked(); err != nil {
		return nil, err
	}
	frame := j.frameLocked()
	j.pending = appendPut(frame, k.number, m)
	size := int64(len(j.pending) - len(frame))
	k.held.push(held{m, size})
	j.live += size
	if m.Unawaited {
		j.rideLocked(unawaitedDelay)
		return nil, nil
	}
	return j.batchLocked(), nil
}

// ack notes that the room's n oldest messages are done with. Nobody waits for that: one that is not on disk comes again.
func (j *journal) ack(k *kept, n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n == 0 || j.rooms[k.number] != k {
		return
	}
	for range n {
		j.live -= k.held.pop().size
	}
	if !j.closed {
		j.pending = appendAck(j.frameLocked(), k.number, n)
		j.rideLocked(ackDelay)
	}
}

// delete notes the end of a room; nil: it had ended, or the journal has.
func (j *journal) delete(k *kept) *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.endLocked(k) {
		return nil
	}
	return j.batchLocked()
}

// retire is delete for whom nobody waits: after a crash the room may be there, with nothing in it.
func (j *journal) retire(k *kept) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.endLocked(k) {
		j.rideLocked(ackDelay)
	}
}

// endLocked notes the end of a room, and reports false when it had ended, or the journal has.
func (j *journal) endLocked(k *kept) bool {
	if j.closed || j.rooms[k.number] != k {
		return false
	}
	delete(j.rooms, k.number)
	j.live -= roomSize(k.name)
	for k.held.n > 0 {
		j.live -= k.held.pop().size
	}
	j.pending = appendDelete(j.frameLocked(), k.number)
	return true
}

func (j *journal) frameLocked() []byte {
	if len(j.pending) == 0 {
		j.pending = append(j.pending, make([]byte, frameHead)...)
	}
	return j.pending
}

// batchLocked has the writer write soon.
func (j *journal) batchLocked() *batch {
	if j.batch == nil {
		j.batch = &batch{done: make(chan struct{})}
		j.nudge()
	}
	return j.batch
}

// rideLocked has the writer write with what comes next, or after the delay.
func (j *journal) rideLocked(delay time.Duration) {
	if j.batch != nil {
		return
	}
	if len(j.pending) > ackBytes {
		j.nudge()
		return
	}
	if due := time.Now().Add(delay); j.armed.IsZero() || due.Before(j.armed) {
		j.armed = due
		j.later.Reset(delay)
	}
}

func (j *journal) flushLater() {
	j.mu.Lock()
	j.armed = time.Time{}
	j.mu.Unlock()
	j.nudge()
}

func (j *journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run is the writer.
func (j *journal) run() {
	defer close(j.done)
	retry := time.NewTimer(j.retry)
	retry.Stop()
	for {
		select {
		case <-j.wake:
			if j.failed != nil {
				continue // at the next try
			}
		case <-retry.C:
		case <-j.quit:
			retry.Stop()
			j.flush()
			return
		}
		if !j.flush() {
			retry.Reset(j.retry)
		}
	}
}

// flush writes what has been noted. It reports whether the disk takes writes.
func (j *journal) flush() bool {
	j.mu.Lock()
	b, frame := j.batch, j.pending
	if len(frame) == 0 && j.failed == nil {
		j.mu.Unlock()
		return true
	}
	j.batch, j.pending = nil, j.spare[:0]
	whole := j.failed != nil || j.size+int64(len(frame)) > 2*j.live+j.slack
	var rooms []living
	if whole {
		rooms = j.livingLocked() // with all that the frame says
	}
	j.mu.Unlock()
	var err error
	if whole {
		err = j.rewrite(rooms)
	} else {
		err = j.append(frame)
	}
	if err != nil {
		err = fmt.Errorf("write the journal: %w", err)
	}
	j.spare = frame
	if cap(frame) > keepBuffer {
		j.spare = nil
	}

	j.mu.Lock()
	before := j.failed
	j.failed = err
	var late *batch
	if err != nil { // the next file will hold it, if it is noted still
		late, j.batch, j.pending = j.batch, nil, j.pending[:0]
	}
	j.mu.Unlock()
	b.finish(err)
	late.finish(err)
	switch {
	case err != nil && before == nil:
		j.log.Error("the journal can't be written: messages to kept rooms are refused until it can", "error", err, "folder", j.folder)
	case err == nil && before != nil:
		j.log.Info("the journal is written again; nothing that was receipted is lost", "folder", j.folder)
	}
	return err == nil
}

// close writes what has been noted and gives the folder back. A second call does nothing.
func (j *journal) close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.later.Stop()
	j.mu.Unlock()
	if closed {
		return nil
	}
	close(j.quit)
	<-j.done
	return errors.Join(j.failed, j.file.Close(), j.unlock())
}
