package web

import "sync"

// packet is one STOMP frame, or heart-beat, on its way to a client: its bytes are head and then body. Both are shared
// and may not be changed.
type packet struct {
	head, body []byte
	binary     bool // not valid UTF-8
}

func (p *packet) size() int { return len(p.head) + len(p.body) }

// outbox is what waits to be written to one connection, bounded. Any goroutine may put something in; one takes it out.
type outbox struct {
	wake chan struct{} // holds a token when there may be something new

	mu       sync.Mutex
	waiting  []packet
	packets  int // waiting, or taken and not yet written
	bytes    int // the same
	closed   bool
	maxBytes int
	max      int
}

func newOutbox(packets, bytes int) *outbox {
	return &outbox{wake: make(chan struct{}, 1), max: packets, maxBytes: bytes}
}

// offer puts p at the end. False: there is no room for it, and nothing was put in. An outbox that is closed takes
// everything and forgets it. One packet is taken whatever its size when nothing else waits.
func (o *outbox) offer(p packet) bool {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return true
	}
	if o.packets > 0 && (o.packets >= o.max || o.bytes+p.size() > o.maxBytes) {
		o.mu.Unlock()
		return false
	}
	o.waiting = append(o.waiting, p)
	o.packets++
	o.bytes += p.size()
	o.mu.Unlock()
	o.ring()
	return true
}

// close puts last at the end, if it is not empty, and takes nothing more. With forget, what waits goes first.
func (o *outbox) close(last packet, forget bool) {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		if forget {
			clear(o.waiting)
			o.waiting = o.waiting[:0]
		}
		if last.size() > 0 {
			o.waiting = append(o.waiting, last)
		}
	}
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// keepPackets is the longest list of packets that an idle connection keeps.
const keepPackets = 16

// take returns all that waits, in order, and whether nothing will follow. used is a list taken before, for reuse.
func (o *outbox) take(used []packet) (taken []packet, last bool) {
	clear(used)
	if cap(used) > keepPackets {
		used = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	taken, o.waiting = o.waiting, used[:0]
	return taken, o.closed
}

// written says that taken packets have been written.
func (o *outbox) written(packets, bytes int) {
	o.mu.Lock()
	o.packets -= packets
	o.bytes -= bytes
	o.mu.Unlock()
}
