package rabbitmq

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
)

// wire is a connection that takes what is written when it is told to.
type wire struct {
	net.Conn
	take   chan struct{} // nil: at once
	fails  error
	mu     sync.Mutex
	got    bytes.Buffer
	writes int
	closed bool
}

func (w *wire) Write(p []byte) (int, error) {
	if w.take != nil {
		<-w.take
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes++; w.fails != nil {
		return 0, w.fails
	}
	return w.got.Write(p)
}

func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}

func TestWhatIsSaidAtOnceIsWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{take: make(chan struct{})}
		s := newSocket(w)
		var want bytes.Buffer
		for i := range 100 {
			line := fmt.Sprintf("message %d\n", i)
			want.WriteString(line)
			if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("Write: %d, %v", n, err)
			}
			if i == 9 {
				synctest.Wait() // the first ten are on their way
			}
		}
		close(w.take)
		synctest.Wait()
		if got := w.got.String(); got != want.String() {
			t.Errorf("written: %q, want %q", got, want.String())
		}
		if w.writes != 2 {
			t.Errorf("%d writes, want 2: the first ten, and what was said while these were written", w.writes)
		}
	})
}

func TestASocketThatTakesNothingHoldsItsWritersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{take: make(chan struct{})}
		s := newSocket(w)
		part := make([]byte, 10<<10)
		written := 0
		go func() {
			for range 100 {
				if _, err := s.Write(part); err != nil {
					t.Errorf("Write: %v", err)
				}
				written += len(part)
			}
		}()
		synctest.Wait()
		if most := 2*waitingMost + len(part); written > most || written < waitingMost {
			t.Errorf("%d bytes were taken, want from %d to %d", written, waitingMost, most)
		}
		close(w.take)
		synctest.Wait()
		if written != 100*len(part) || w.got.Len() != written {
			t.Errorf("in the end %d bytes were taken and %d written, want %d", written, w.got.Len(), 100*len(part))
		}
		if cap(s.spare) > spareMost || cap(s.waiting) > spareMost {
			t.Errorf("an idle socket keeps buffers of %d and %d bytes, want at most %d", cap(s.waiting), cap(s.spare), spareMost)
		}
	})
}

func TestAFailedWriteEndsTheConnectionAndItsWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		w := &wire{take: make(chan struct{}), fails: broken}
		s := newSocket(w)
		outcome := make(chan error, 1)
		go func() {
			for {
				if _, err := s.Write(make([]byte, 100<<10)); err != nil {
					outcome <- err
					return
				}
			}
		}()
		synctest.Wait() // it is held back
		close(w.take)
		if err := <-outcome; err != broken {
			t.Errorf("Write after a failed one: %v, want %v", err, broken)
		}
		if _, err := s.Write([]byte("more")); err != broken {
			t.Errorf("the next Write: %v, want %v", err, broken)
		}
		if !w.closed {
			t.Error("the connection is open")
		}
	})
}
