package worker

import (
	"slices"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// retainBytes bounds what a room remembers of its outputs, in memory and in the store.
const retainBytes = 1 << 20

// entry is one numbered output as the room remembers it.
type entry = broker.Entry

// line is a room's outputs: where their numbers stand, and the last of them.
type line struct {
	at     broker.Position // of the last output
	retain int             // how many are remembered
	ring   ring            // the remembered ones: consecutive, the last one is at.N
	runs   []run           // what the store keeps, oldest first (Durable)
	older  bool            // the store may keep runs before these, which were not read when the room was taken up
}

// run is a kept run of outputs.
type run struct {
	first, last uint64
	size        int
}

// add gives e the next number and remembers it.
func (l *line) add(e entry) {
	l.at.N++
	e.At = l.at
	l.remember(&e)
}

func (l *line) remember(e *entry) {
	l.ring.push(e)
	for l.ring.len() > l.retain || l.ring.size() > retainBytes {
		l.ring.drop()
	}
}

// since returns the first that followed p, at most most, if that is a place in the line and all that followed is remembered; left is
// how many follow those.
func (l *line) since(room string, p broker.Position, most int) (first []entry, left int, ok bool) {
	if p.Epoch != l.at.Epoch || p.N > l.at.N {
		return nil, 0, false
	}
	missed := l.at.N - p.N
	if missed > uint64(l.ring.len()) {
		return nil, 0, false
	}
	left = max(int(missed)-most, 0)
	return l.ring.last(room, l.at, int(missed), left), left, true
}

// answers returns the remembered answers to m, sent before, except when m is the very same sending.
func (l *line) answers(m *broker.Message) []entry {
	var found []entry
	for _, e := range l.ring.asked(m.Room, l.at, m.Seq) {
		if e.Answers(m.User) && (e.AskedBy != m.Conn || e.AskedSeq != m.ConnSeq) {
			found = append(found, e)
		}
	}
	return found
}

// log makes of entries the run to be kept; nil when there is none.
func (l *line) log(entries []entry) *store.Logged {
	if len(entries) == 0 {
		return nil
	}
	return l.keep(entries[0].At.N, entries[len(entries)-1].At.N, broker.EncodeRun(entries))
}

// logRing is log of all that is remembered.
func (l *line) logRing() *store.Logged {
	n := l.ring.len()
	if n == 0 {
		return nil
	}
	return l.keep(l.at.N+1-uint64(n), l.at.N, l.ring.run(n, 0))
}

func (l *line) keep(first, last uint64, data []byte) *store.Logged {
	l.runs = append(l.runs, run{first, last, len(data)})
	return &store.Logged{First: first, Last: last, Data: data}
}

// full reports whether it may be time to forget some of what was not read.
func (l *line) full() bool {
	if !l.older || len(l.runs) == 0 {
		return false
	}
	size := 0
	for _, r := range l.runs {
		size += r.size
	}
	return size > retainBytes/4 || l.at.N+1-l.runs[0].first > uint64(max(16, l.retain/4))
}

// forget says up to which number kept runs may be dropped, so that about retain outputs stay, and takes these as
// dropped; 0: none. Nothing that is not known to be published is dropped. It waits until a quarter of retain is too
// many, so that most commits have nothing to drop.
func (l *line) forget(published uint64) (upTo uint64) {
	size := 0
	for _, r := range l.runs {
		size += r.size
	}
	if len(l.runs) == 0 || size <= retainBytes && l.at.N+1-l.runs[0].first < uint64(l.retain+max(16, l.retain/4)) {
		return 0
	}
	drop := 0
	for _, r := range l.runs {
		if r.last > published || size <= retainBytes && l.at.N-r.last < uint64(l.retain) {
			break
		}
		size -= r.size
		upTo = r.last
		drop++
	}
	l.runs = slices.Delete(l.runs, 0, drop)
	return upTo
}

// load brings a line back from its record and returns the outputs that may not have been published. ok is false when
// any of those, or of the numbering, is lost.
func (l *line) load(rec *store.Record) (unpublished []entry, ok bool) {
	l.at = broker.Position{Epoch: rec.Epoch, N: rec.N}
	var all []entry
	for _, kept := range rec.Log {
		entries, err := broker.DecodeRun(rec.Room.ID, rec.Epoch, kept.First, kept.Last, kept.Data)
		if err != nil {
			return nil, false
		}
		if len(all) > 0 && all[len(all)-1].At.N+1 != kept.First {
			all = all[:0]
		}
		all = append(all, entries...)
		l.runs = append(l.runs, run{kept.First, kept.Last, len(kept.Data)})
	}
	if len(all) == 0 || all[len(all)-1].At.N != rec.N {
		l.older = rec.N > 0
		return nil, rec.Published >= rec.N
	}
	missing := rec.N - min(rec.Published, rec.N)
	if missing > uint64(len(all)) {
		return nil, false
	}
	for i := range all {
		l.remember(&all[i])
	}
	l.older = all[0].At.N > 1
	return all[uint64(len(all))-missing:], true
}

// reaches reports whether it is worth to recall for what followed p.
func (l *line) reaches(p broker.Position) bool {
	return l.older && p.Epoch == l.at.Epoch && p.N < l.at.N
}

// recall puts before the line what the store keeps of it, all runs of which are given. What does not connect to the line
// is not remembered.
func (l *line) recall(room string, all []store.Logged) {
	l.older = false
	next := l.at.N + 1 - uint64(l.ring.len())
	from := l.at.N + 1 // of the first run that the line knows
	if len(l.runs) > 0 {
		from = l.runs[0].first
	}
	var runs []run
	for _, kept := range all {
		if kept.Last < from {
			runs = append(runs, run{kept.First, kept.Last, len(kept.Data)})
		}
	}
	l.runs = append(runs, l.runs...)
	var before []entry // the newest first
	for _, kept := range slices.Backward(all) {
		if kept.First >= next {
			continue
		}
		entries, err := broker.DecodeRun(room, l.at.Epoch, kept.First, kept.Last, kept.Data)
		if err != nil || kept.Last+1 < next {
			break
		}
		for _, e := range slices.Backward(entries[:next-kept.First]) {
			before = append(before, e)
			next--
		}
	}
	slices.Reverse(before)
	before = append(before, l.ring.last(room, l.at, l.ring.len(), 0)...)
	l.ring = ring{}
	for i := range before {
		l.remember(&before[i])
	}
}

// restart begins a new epoch: continuity was lost.
func (l *line) restart() {
	*l = line{at: broker.Position{Epoch: l.at.Epoch + 1}, retain: l.retain}
}
