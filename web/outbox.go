package web

import (
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// packet is one STOMP frame, several in a row, or a heart-beat, on its way to a client: its bytes are head and then body. Both are
// shared and may not be changed.
type packet struct {
	head, body []byte
	frames     int  // 0 means 1
	binary     bool // not valid UTF-8
	raw        bool // a WebSocket frame, not what goes into one
	// latest, where it is not empty, is the type of a message that takes the place of the one of that type and head which waits.
	latest string
}

func (p *packet) size() int { return len(p.head) + len(p.body) }

func (p *packet) count() int { return max(p.frames, 1) }

// outbox is what waits to be written to one connection, bounded. Any goroutine may put something in, and who flushes it writes
// all that waits with one call to the system, if that takes it at once. What it does not take is left to a goroutine, which
// lives until nothing waits: a client that reads costs none.
type outbox struct {
	limit   time.Duration     // of one write that has to wait
	written func(bytes int)   // called for each write
	skipped func()            // called for each packet that a newer one has replaced
	broken  func(cause error) // called once, in a goroutine of its own, when a write has failed
	last    atomic.Int64      // when something was last written; Unix nanoseconds
	off     atomic.Bool       // a gatherer has put the flush off

	mu       sync.Mutex
	socket   net.Conn // nil: not yet
	direct   *direct  // nil: every write has to wait
	waiting  []packet
	rest     []byte // a write that is not over
	packets  int    // frames waiting, or in rest
	bytes    int    // the same
	begun    int    // frames in rest
	writing  bool   // there is a goroutine
	failed   bool
	closed   bool
	over     bool          // ended is closed
	ended    chan struct{} // closed when the outbox is closed and empty, or failed
	maxBytes int
	max      int
}

func newOutbox(packets, bytes int) *outbox {
	return &outbox{max: packets, maxBytes: bytes, ended: make(chan struct{})}
}

// open says where to write to.
func (o *outbox) open(socket net.Conn) {
	o.mu.Lock()
	o.socket, o.direct = socket, newDirect(socket)
	o.mu.Unlock()
	o.last.Store(time.Now().UnixNano())
	o.flush()
}

// put puts p at the end, for the next flush. False: there is no room for it, and nothing was put in. An outbox that is closed takes
// everything and forgets it. One packet is taken whatever its size when nothing else waits.
func (o *outbox) put(p packet) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.failed {
		return true
	}
	n, size := p.count(), p.size()
	if p.latest != "" {
		o.replaceLocked(&p)
	}
	if o.packets > 0 && (o.packets+n > o.max || o.bytes+size > o.maxBytes) {
		return false
	}
	o.putLocked(p, n, size)
	return true
}

func (o *outbox) putLocked(p packet, n, size int) {
	o.waiting = append(o.waiting, p)
	o.packets += n
	o.bytes += size
}

// replaceLocked forgets the one that waits and that p is to take the place of. p comes last, as its message-id is the highest.
func (o *outbox) replaceLocked(p *packet) {
	for i := len(o.waiting) - 1; i >= 0; i-- {
		old := &o.waiting[i]
		if old.latest == p.latest && len(old.head) > 0 && &old.head[0] == &p.head[0] {
			o.packets -= old.count()
			o.bytes -= old.size()
			o.waiting = slices.Delete(o.waiting, i, i+1)
			if o.skipped != nil {
				o.skipped()
			}
			return // there is never another
		}
	}
}

// offer is put and flush.
func (o *outbox) offer(p packet) bool {
	ok := o.put(p)
	o.flush()
	return ok
}

// control writes a control frame of the WebSocket, after what waits; also when the outbox is closed.
func (o *outbox) control(frame []byte) error {
	o.mu.Lock()
	if o.failed || o.packets >= o.max {
		o.mu.Unlock()
		return net.ErrClosed
	}
	o.putLocked(packet{head: frame, raw: true}, 1, len(frame))
	o.mu.Unlock()
	o.flush()
	return nil
}

// close puts last at the end, if it is not empty, and takes nothing more. With forget, what waits goes first.
func (o *outbox) close(last packet, forget bool) {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		if forget {
			for i := range o.waiting {
				o.packets -= o.waiting[i].count()
				o.bytes -= o.waiting[i].size()
			}
			o.emptyLocked()
		}
		if last.size() > 0 && !o.failed {
			o.putLocked(last, 1, last.size())
		}
		o.endLocked()
	}
	o.mu.Unlock()
	o.flush()
}

// abandon ends it unwritten: there will be no socket.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.emptyLocked()
	o.endLocked()
}

// withdraw forgets what waits of those packets that begin with the very bytes of head.
func (o *outbox) withdraw(head []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.waiting[:0]
	for _, p := range o.waiting {
		if len(p.head) > 0 && &p.head[0] == &head[0] {
			o.packets -= p.count()
			o.bytes -= p.size()
		} else {
			kept = append(kept, p)
		}
	}
	clear(o.waiting[len(kept):])
	o.waiting = kept
	o.endLocked()
}

// keepPackets is the longest list of packets that an idle connection keeps.
const keepPackets = 4

func (o *outbox) emptyLocked() {
	clear(o.waiting)
	if o.waiting = o.waiting[:0]; cap(o.waiting) > keepPackets {
		o.waiting = nil
	}
}

func (o *outbox) endLocked() {
	if !o.over && (o.failed || o.closed && len(o.waiting) == 0 && !o.writing) {
		o.over = true
		close(o.ended)
	}
}

// catchUp flushes what a gatherer has put off, so that nobody is taken for slow because of that; false: there is no such thing.
func (o *outbox) catchUp() bool {
	if !o.off.Load() {
		return false
	}
	o.flush()
	return true
}

// flush writes what waits, as far as it can be written without waiting. It does not block.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.socket == nil || o.writing || o.failed || len(o.waiting) == 0 {
		return
	}
	if o.direct == nil {
		o.writing = true
		go o.writeRest()
		return
	}
	scratch := writeBuffers.Get().(*[]byte)
	defer func() { keepBuffer(scratch) }()
	for len(o.waiting) > 0 {
		taken, frames := o.gatherLocked((*scratch)[:0])
		*scratch = taken
		n, err := o.direct.write(taken)
		if err != nil {
			o.failLocked(err)
			return
		}
		if n > 0 {
			o.wroteLocked(n)
		}
		if n < len(taken) {
			o.rest, o.begun = append([]byte(nil), taken[n:]...), frames
			o.bytes += len(o.rest)
			o.writing = true
			go o.writeRest()
			return
		}
		o.packets -= frames
	}
	o.endLocked()
}

// writeRest writes what has to wait, until nothing waits any more or a write fails.
func (o *outbox) writeRest() {
	scratch := writeBuffers.Get().(*[]byte)
	defer func() { keepBuffer(scratch) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.failed {
		next := o.rest
		if len(next) == 0 {
			if len(o.waiting) == 0 {
				break
			}
			next, o.begun = o.gatherLocked((*scratch)[:0])
			*scratch = next
			o.bytes += len(next)
		}
		o.mu.Unlock()
		_ = o.socket.SetWriteDeadline(time.Now().Add(o.limit))
		_, err := o.socket.Write(next)
		_ = o.socket.SetWriteDeadline(time.Time{}) // direct writes mind it too
		o.mu.Lock()
		o.packets -= o.begun
		o.bytes -= len(next)
		o.rest, o.begun = nil, 0
		if err != nil {
			o.failLocked(err)
		} else {
			o.wroteLocked(len(next))
		}
	}
	o.writing = false
	o.endLocked()
}

func (o *outbox) wroteLocked(bytes int) {
	o.last.Store(time.Now().UnixNano())
	if o.written != nil {
		o.written(bytes)
	}
}

func (o *outbox) failLocked(err error) {
	if o.failed {
		return
	}
	o.failed = true
	o.emptyLocked()
	o.rest = nil
	o.endLocked()
	if o.broken != nil {
		go o.broken(err)
	}
}

// timedOut says whether a write took too long.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
