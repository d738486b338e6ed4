package memory

// keepCap is the capacity that an empty ring may keep; a larger one is given back.
const keepCap = 64

// ring is a queue that grows as needed. Its zero value is empty and holds no memory.
type ring[T any] struct {
	slots []T // length 0 or a power of two
	head  int
	n     int
}

func (r *ring[T]) push(v T) {
	r.reserve(1)
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = v
	r.n++
}

// pushFront puts v before all others.
func (r *ring[T]) pushFront(v T) {
	r.reserve(1)
	r.head = (r.head - 1) & (len(r.slots) - 1)
	r.slots[r.head] = v
	r.n++
}

// at returns the i-th, from the oldest on.
func (r *ring[T]) at(i int) T { return r.slots[(r.head+i)&(len(r.slots)-1)] }

// pop takes the oldest; the ring must not be empty.
func (r *ring[T]) pop() T {
	var none T
	v := r.slots[r.head]
	r.slots[r.head] = none
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	if r.n == 0 && len(r.slots) > keepCap {
		*r = ring[T]{}
	}
	return v
}

func (r *ring[T]) reserve(more int) {
	if r.n+more <= len(r.slots) {
		return
	}
	size := max(4, 2*len(r.slots))
	for size < r.n+more {
		size *= 2
	}
	grown := make([]T, size)
	for i := range r.n {
		grown[i] = r.at(i)
	}
	r.slots, r.head = grown, 0
}
