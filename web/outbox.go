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
	from     int // what lies before has been taken
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
			o.emptyLocked()
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

// withdraw forgets what waits of those packets that begin with the very bytes of head.
func (o *outbox) withdraw(head []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.waiting[:o.from]
	for _, p := range o.waiting[o.from:] {
		if len(p.head) > 0 && &p.head[0] == &head[0] {
			o.packets--
			o.bytes -= p.size()
		} else {
			kept = append(kept, p)
		}
	}
	clear(o.waiting[len(kept):])
	o.waiting = kept
}

// keepPackets is the longest list of packets that an idle connection keeps.
const keepPackets = 16

func (o *outbox) emptyLocked() {
	clear(o.waiting)
	if o.waiting = o.waiting[:0]; cap(o.waiting) > keepPackets {
		o.waiting = nil
	}
	o.from = 0
}

// take fills into with the oldest that wait. It returns how many they are, and whether nothing will follow them.
func (o *outbox) take(into []packet) (n int, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n = copy(into, o.waiting[o.from:])
	clear(o.waiting[o.from : o.from+n])
	switch o.from += n; {
	case o.from == len(o.waiting):
		o.emptyLocked()
	case o.from > len(o.waiting)/2: // what was taken makes way for what comes
		left := copy(o.waiting, o.waiting[o.from:])
		clear(o.waiting[left:])
		o.waiting, o.from = o.waiting[:left], 0
	}
	return n, o.closed && len(o.waiting) == 0
}

// written says that packets which were taken have been written.
func (o *outbox) written(packets, bytes int) {
	o.mu.Lock()
	o.packets -= packets
	o.bytes -= bytes
	o.mu.Unlock()
}
