package rabbitmq

// acks knows which of a channel's tags are acked, so that many are acked by one frame where no other room's lie between them. The broker
// gives them out as 1, 2, 3 and so on; of some that it has given nobody here may know yet.
type acks struct {
	all    uint64 // all up to this one are
	beyond map[uint64]struct{}
}

// take takes in tags that are to be acked: up to upTo all at once, if it is not 0, and the rest one by one.
func (a *acks) take(tags []uint64) (upTo uint64, rest []uint64) {
	for _, tag := range tags {
		if tag != a.all+1 {
			if a.beyond == nil {
				a.beyond = map[uint64]struct{}{}
			}
			a.beyond[tag] = struct{}{}
			continue
		}
		for next := true; next; _, next = a.beyond[a.all+1] {
			a.all++
			delete(a.beyond, a.all)
		}
	}
	n := 0
	for n < len(tags) && tags[n] <= a.all { // the broker wants to owe the one that it is told
		upTo = tags[n]
		n++
	}
	return upTo, tags[n:]
}
