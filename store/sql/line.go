package sql

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// line is work that waits to be done in groups. It holds at most its capacity; then those who bring more wait.
type line[T any] struct {
	waiting chan *job[T]
	quit    chan struct{} // closed: nothing new is taken
	ended   chan struct{} // closed: nothing is done any more
	stop    sync.Once
}

// job is one piece of work in a line. Its server sets err and closes done.
type job[T any] struct {
	ctx   context.Context
	work  T
	taken atomic.Bool // by its server, or by its owner who gives it up
	err   error
	done  chan struct{}
}

func newLine[T any](capacity int) *line[T] {
	return &line[T]{waiting: make(chan *job[T], capacity), quit: make(chan struct{}), ended: make(chan struct{})}
}

// do puts w in the line and returns its outcome. When ctx ends before a server has taken w, nothing is done; afterwards
// do waits for the outcome, so that w is not used any more when it returns.
func (l *line[T]) do(ctx context.Context, w T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job[T]{ctx: ctx, work: w, done: make(chan struct{})}
	select {
	case <-l.quit:
		return errClosed
	default:
	}
	select {
	case l.waiting <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return errClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
	case <-l.ended:
		if j.taken.CompareAndSwap(false, true) {
			return errClosed
		}
	}
	<-j.done
	return j.err
}

// serve hands groups of at most most jobs to play until the line is closed and empty. play must set the err of each.
// Several goroutines may serve one line.
func (l *line[T]) serve(most int, play func([]*job[T])) {
	group := make([]*job[T], 0, most)
	for {
		group = group[:0]
		select {
		case j := <-l.waiting:
			group = l.take(group, j)
		case <-l.quit:
			select {
			case j := <-l.waiting:
				group = l.take(group, j)
			default:
				return
			}
		}
		for before := -1; before < len(group) && len(group) < most; {
			before = len(group)
			// Who is about to bring work does it first: that takes no time where there is time.
			runtime.Gosched()
			group = l.gather(group, most)
		}
		if len(group) == 0 {
			continue
		}
		play(group)
		for i, j := range group {
			close(j.done)
			group[i] = nil
		}
	}
}

// gather appends what waits to group, up to most.
func (l *line[T]) gather(group []*job[T], most int) []*job[T] {
	for len(group) < most {
		select {
		case j := <-l.waiting:
			group = l.take(group, j)
		default:
			return group
		}
	}
	return group
}

func (l *line[T]) take(group []*job[T], j *job[T]) []*job[T] {
	if j.taken.CompareAndSwap(false, true) {
		group = append(group, j)
	}
	return group
}

// close refuses new work; serve returns when what waits is done.
func (l *line[T]) close() { l.stop.Do(func() { close(l.quit) }) }
