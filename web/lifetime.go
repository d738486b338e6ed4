package web

import (
	"context"
	"sync"
	"time"
)

var _ context.Context = (*lifetime)(nil)

// lifetime is a session's context. One of package context costs half a kilobyte more, for being among its parent's children.
type lifetime struct {
	once sync.Once
	done chan struct{}
}

func newLifetime() *lifetime { return &lifetime{done: make(chan struct{})} }

// end ends it. A second call does nothing.
func (l *lifetime) end() { l.once.Do(func() { close(l.done) }) }

// Deadline implements [context.Context]: there is none.
func (*lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (l *lifetime) Done() <-chan struct{} { return l.done }

// Err implements [context.Context].
func (l *lifetime) Err() error {
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}

// Value implements [context.Context]: there are none.
func (*lifetime) Value(any) any { return nil }
