//go:build unix

package web

import (
	"net"
	"syscall"
)

// direct writes to a socket what its buffer in the system has room for, and never waits.
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
