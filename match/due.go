package match

import "container/heap"

// due is the tickets by the moment at which they are to be looked at, the soonest first.
type due []*ticket

func (t *ticket) at() int64 { return min(t.groupAt, t.roomAt) }

func (d *due) add(t *ticket)    { heap.Push(d, t) }
func (d *due) remove(t *ticket) { heap.Remove(d, t.index) }
func (d *due) fix(t *ticket)    { heap.Fix(d, t.index) }

// Len, Less, Swap, Push and Pop are for package heap.
func (d due) Len() int           { return len(d) }
func (d due) Less(i, j int) bool { return d[i].at() < d[j].at() }

func (d due) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *due) Push(t any) {
	in := t.(*ticket)
	in.index = len(*d)
	*d = append(*d, in)
}

func (d *due) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return t
}

// until appends to list all that are to be looked at by then, in no order that matters.
func (d due) until(list []*ticket, at int64) []*ticket {
	todo := []int{0}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i < len(d) && d[i].at() <= at {
			list = append(list, d[i])
			todo = append(todo, 2*i+1, 2*i+2)
		}
	}
	return list
}
