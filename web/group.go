package web

import (
	"bytes"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
)

// group is a run of a room's outputs that all its live subscribers get, encoded once for those whose subscriptions have the same id.
type group struct {
	at     broker.Position // of the last one
	frames int
	kinds  []kindred
	rest   []byte
	ends   []int // in rest, of each frame
}

// kindred is a run of frames for subscriptions of one id.
type kindred struct {
	head  []byte
	bytes []byte
}

const (
	groupFrames = 256
	groupBytes  = 256 << 10
	// groupKinds bounds for how many different heads the encoding of a group is shared. Others get one of their own.
	groupKinds = 8
)

// nextForAllLocked reports whether o is the next output of the line, for everybody here, and changes nothing about who listens.
func (r *room) nextForAllLocked(o *broker.Output) bool {
	at := r.at
	if r.group.frames > 0 {
		at = r.group.at
	}
	return o.Part == broker.Line && len(o.To) == 0 && o.Unseat == "" && !o.Latest && o.Term >= r.term && at.Epoch != 0 &&
		o.At.Epoch == at.Epoch && o.At.N == at.N+1 && o.Type != broker.TypeClosed && o.Type != typeSuspended && utf8.Valid(o.Body)
}

// groupLocked adds o to the group.
func (r *room) groupLocked(o *broker.Output) {
	g := &r.group
	r.term = o.Term
	g.rest = appendOutput(g.rest, r.topic, o, false)
	g.ends = append(g.ends, len(g.rest))
	g.at = o.At
	g.frames++
	if g.frames >= groupFrames || len(g.rest) >= groupBytes {
		r.passGroupLocked()
	}
}

// passGroupLocked passes the group on.
func (r *room) passGroupLocked() {
	g := &r.group
	if g.frames == 0 {
		return
	}
	r.at = g.at
	r.word.Store(r.heard.UnixNano())
	passed := 0
	for _, sub := range r.all {
		if sub.live {
			sub.last = g.at
			passed += r.putLocked(sub, packet{body: g.encode(sub.head), frames: g.frames})
		}
	}
	m := r.hub.g.metrics
	m.outputs.of("line").Add(float64(g.frames))
	m.deliveries.Add(float64(passed))
	clear(g.kinds)
	g.kinds, g.frames = g.kinds[:0], 0
	if g.ends = g.ends[:0]; cap(g.rest) > joinBytes {
		g.rest = nil
	}
	g.rest = g.rest[:0]
}

// encode returns the group's frames for subscriptions with this head; they are shared.
func (g *group) encode(head []byte) []byte {
	for i := range g.kinds {
		if bytes.Equal(g.kinds[i].head, head) {
			return g.kinds[i].bytes
		}
	}
	all := make([]byte, 0, len(g.rest)+g.frames*len(head))
	from := 0
	for _, end := range g.ends {
		all = append(append(all, head...), g.rest[from:end]...)
		from = end
	}
	if len(g.kinds) < groupKinds {
		g.kinds = append(g.kinds, kindred{head, all})
	}
	return all
}
