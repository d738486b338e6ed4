package rabbitmq

import (
	"errors"
	"testing"
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
