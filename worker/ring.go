package worker

import (
	"slices"

	"github.com/madang-games/madang/broker"
)

// ring is the last outputs of a line, encoded: the garbage collector, which goes through all that is in memory again and again, has
// nothing to go through here, and they take less room.
type ring struct {
	data   []byte  // as in an encoded run, one after another
	places []place // where each of them is, oldest first
	gone   int     // so many of places are forgotten, whose space is used again when there are enough of them
}

type place struct {
	at      int // in data
	request uint64
}

func (r *ring) len() int { return len(r.places) - r.gone }

// size is how many bytes the outputs have.
func (r *ring) size() int {
	if r.len() == 0 {
		return 0
	}
	return len(r.data) - r.places[r.gone].at
}

func (r *ring) push(e *entry) {
	r.places = append(r.places, place{len(r.data), e.Request})
	r.data = broker.AppendEntry(r.data, e)
}

// drop forgets the oldest one.
func (r *ring) drop() {
	r.gone++
	if r.gone < r.len()/4 {
		return
	}
	size := r.size()
	start := len(r.data) - size
	if cap(r.data) > 4*size+1024 {
		r.data = slices.Clone(r.data[start:])
	} else {
		r.data = append(r.data[:0], r.data[start:]...)
	}
	r.places = slices.Delete(r.places, 0, r.gone)
	for i := range r.places {
		r.places[i].at -= start
	}
	r.gone = 0
}

// run is the last n of them but the last few, encoded.
func (r *ring) run(n, few int) []byte {
	from, end := len(r.data), len(r.data)
	if n > 0 {
		from = r.places[len(r.places)-n].at
	}
	if few > 0 {
		end = r.places[len(r.places)-few].at
	}
	return broker.RunOf(n-few, r.data[from:end])
}

// last decodes the last n of them but the last few. newest is the position of the newest of all.
func (r *ring) last(room string, newest broker.Position, n, few int) []entry {
	if n == few {
		return nil
	}
	newest.N -= uint64(few)
	return decoded(room, newest, n-few, r.run(n, few))
}

// asked decodes those that answer a request.
func (r *ring) asked(room string, newest broker.Position, request uint64) (found []entry) {
	for i := r.gone; i < len(r.places); i++ {
		if r.places[i].request != request {
			continue
		}
		end := len(r.data)
		if i+1 < len(r.places) {
			end = r.places[i+1].at
		}
		at := broker.Position{Epoch: newest.Epoch, N: newest.N - uint64(len(r.places)-1-i)}
		found = append(found, decoded(room, at, 1, broker.RunOf(1, r.data[r.places[i].at:end]))...)
	}
	return found
}

// decoded is a run of n outputs that was encoded here.
func decoded(room string, newest broker.Position, n int, run []byte) []entry {
	entries, err := broker.DecodeRun(room, newest.Epoch, newest.N+1-uint64(n), newest.N, run)
	if err != nil {
		panic("worker: remembered outputs: " + err.Error())
	}
	return entries
}
