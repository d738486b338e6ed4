package rabbitmq

import (
	"net"
	"runtime"
	"sync"
)

// socket is under a connection. It lets a lost connection end writers that are stuck in it, for which amqp091 would wait for ever,
// and it writes together what is said at the same time: amqp091 writes each message by itself, which costs the system here and
// RabbitMQ there about as much as the message does.
type socket struct {
	net.Conn

	mu      sync.Mutex
	taken   *sync.Cond // some of waiting has been taken, or err is set
	waiting []byte
	spare   []byte
	writing bool  // there is a goroutine that writes
	err     error // of a write: nothing is written any more
}

// waitingMost is from how many bytes on a writer waits until they are taken.
const waitingMost = 256 << 10

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	s.taken = sync.NewCond(&s.mu)
	return s
}

// Read ends the connection with its first error, which is that of a write if one has failed before.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err != nil {
		s.Conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			err = s.err
		}
	}
	return n, err
}

// Write has p written soon, after what was given before. The error of that comes with a later Write, and ends the connection.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) >= waitingMost && s.err == nil {
		s.taken.Wait()
	}
	if s.err != nil {
		return 0, s.err
	}
	s.waiting = append(s.waiting, p...)
	if !s.writing {
		s.writing = true
		go s.write()
	}
	return len(p), nil
}

// write writes until nothing waits.
func (s *socket) write() {
	runtime.Gosched() // whoever is to run now may have something to say, too
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 && s.err == nil {
		taken := s.waiting
		s.waiting = s.spare[:0]
		s.taken.Broadcast()
		s.mu.Unlock()
		_, err := s.Conn.Write(taken)
		s.mu.Lock()
		if s.spare = taken; cap(taken) > spareMost {
			s.spare = nil
		}
		if s.err = err; err != nil {
			s.Conn.Close()
		}
	}
	s.writing = false
	s.taken.Broadcast()
}

// spareMost is the largest buffer that an idle connection keeps.
const spareMost = 64 << 10
