//go:build !unix

package web

import "net"

// direct is not there: every write waits.
type direct struct{}

func newDirect(net.Conn) *direct { return nil }

func (*direct) write([]byte) (int, error) { panic("unreachable") }

func (*direct) peek([]byte) int { panic("unreachable") }

func (*direct) read(func([]byte) error) error { panic("unreachable") }
