//go:build unix

package web

import (
	"io"
	"net"
	"syscall"
)

// direct is a socket as the system sees it. It writes what the socket's buffer has room for and never waits, and it waits for what
// can be read without a buffer in its hands.
type direct struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // once, made once

	bytes []byte
	n     int
	err   error
}

// newDirect returns nil for what is no plain socket.
func newDirect(socket net.Conn) *direct {
	plain, ok := socket.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return nil
	}
	d := &direct{raw: raw}
	d.try = d.once
	return d
}

// write returns how much of bytes was written; less than all is no error. It is not safe for concurrent use, nor beside another
// write to the socket.
func (d *direct) write(bytes []byte) (n int, err error) {
	d.bytes, d.n, d.err = bytes, 0, nil
	err = d.raw.Write(d.try)
	d.bytes = nil
	if err == nil {
		err = d.err
	}
	return d.n, err
}

// once reports true: it has done what could be done, and is not to be called again when the socket takes more.
func (d *direct) once(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), d.bytes)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
		case err != nil:
			d.err = err
		default:
			d.n = n
		}
		return true
	}
}

// peek reads what is there into b, without waiting, and says how much that was; 0 also where there is an end or an error, which the
// next read finds.
func (d *direct) peek(b []byte) (n int) {
	_ = d.raw.Control(func(fd uintptr) {
		n, _ = syscall.Read(int(fd), b)
	})
	return max(n, 0)
}

// read calls take with all that comes, until that or the socket returns an error, which it returns. It may be called beside write.
func (d *direct) read(take func(b []byte) error) error {
	var failed error
	err := d.raw.Read(func(fd uintptr) bool {
		buffer := readBuffers.Get().(*[]byte)
		defer readBuffers.Put(buffer)
		for {
			n, err := syscall.Read(int(fd), *buffer)
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return false // wait
			case err != nil:
				failed = err
			case n == 0:
				failed = io.EOF
			default:
				failed = take((*buffer)[:n])
			}
			if failed != nil || n < len(*buffer) { // the call that would say that there is no more is saved
				return failed != nil
			}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}
