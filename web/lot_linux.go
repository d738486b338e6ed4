package web

import (
	"os"
	"sync"
	"syscall"
)

const hasLot = true

// lot is where quiet connections wait: an epoll of their own, of which one goroutine hears who has something to read.
type lot struct {
	poll *os.File
	raw  syscall.RawConn

	mu   sync.Mutex
	last uint64
	in   map[uint64]*session
}

// newLot returns nil where the system has none.
func newLot() *lot {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // so that the runtime waits for it, and no thread
		_ = syscall.Close(fd)
		return nil
	}
	l := &lot{poll: os.NewFile(uintptr(fd), "epoll"), in: map[uint64]*session{}}
	if l.raw, err = l.poll.SyscallConn(); err != nil {
		_ = l.poll.Close()
		return nil
	}
	return l
}

// close ends run.
func (l *lot) close() { _ = l.poll.Close() }

// enter takes s in until something can be read from it, or it is taken out.
func (l *lot) enter(s *session) (spot uint64, err error) {
	if s.socket.direct == nil {
		return 0, syscall.ENOTSUP
	}
	l.mu.Lock()
	l.last++
	id := l.last
	l.in[id] = s
	l.mu.Unlock()
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | oneShot, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	var failed error
	err = s.socket.direct.raw.Control(func(fd uintptr) {
		failed = l.control(func(poll int) error {
			err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_MOD, int(fd), &event)
			if err == syscall.ENOENT { // it is here for the first time
				err = syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, int(fd), &event)
			}
			return err
		})
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		l.take(id)
	}
	return id, err
}

const oneShot = 1 << 30 // EPOLLONESHOT, which package syscall has as a negative number on some systems

func (l *lot) control(do func(poll int) error) (failed error) {
	err := l.raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	if err != nil {
		return err
	}
	return failed
}

// take takes who has the spot out, and returns it; nil: nobody.
func (l *lot) take(spot uint64) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.in[spot]
	delete(l.in, spot)
	return s
}

// run unparks those from whom something can be read, until close.
func (l *lot) run() {
	var events [128]syscall.EpollEvent
	var buffer [512]byte
	for {
		n := 0
		err := l.raw.Read(func(fd uintptr) bool {
			var err error
			for {
				if n, err = syscall.EpollWait(int(fd), events[:], 0); err != syscall.EINTR {
					return n > 0 || err != nil
				}
			}
		})
		if err != nil || n < 0 {
			return
		}
		for _, e := range events[:n] {
			if s := l.take(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32); s != nil {
				s.stir(buffer[:])
			}
		}
	}
}
