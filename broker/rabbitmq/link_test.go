package rabbitmq

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/internal/testservers"
)

// A node that takes connections and answers nothing more holds nobody up who wants to end.
func TestStoppingALinkDoesNotWaitForWhatANodeDoesNotAnswer(t *testing.T) {
	b, err := New(t.Context(), Config{URLs: []string{testservers.RabbitMQ(t).URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	up, why := make(chan struct{}), make(chan error, 1)
	l, err := b.start("test", func(s *session) error {
		close(up)
		select {
		case <-s.lost:
		case <-time.After(2 * upTimeout): // beyond its own patience
		}
		why <- s.why()
		return errLost
	})
	if err != nil {
		t.Fatal(err)
	}
	<-up
	l.stop()
	if err := <-why; !errors.Is(err, broker.ErrClosed) {
		t.Errorf("got a connection that ended with %v, want %v", err, broker.ErrClosed)
	}
}

// Nothing is late for the time of an alarm, nor for having been asked before one.
func TestAnAnswerIsNotDueWhileTheBrokerHoldsPublishersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &session{held: make(chan struct{})}
		asked := time.Now()
		due := func(when string, want time.Time) {
			t.Helper()
			if got := s.dueSince(asked); !got.Equal(want) {
				t.Errorf("%s: due since %s after the question, want %s", when, got.Sub(asked), want.Sub(asked))
			}
		}
		time.Sleep(time.Second)
		due("without an alarm", asked)
		s.setBlocked("memory")
		time.Sleep(time.Minute)
		due("under one", time.Now())
		s.setBlocked("")
		over := time.Now()
		time.Sleep(time.Second)
		due("after it", over)
		asked = time.Now()
		time.Sleep(time.Second)
		due("asked after it", asked)
	})
}
