package server

import (
	"os"
	"runtime"
)

// useSpareProcessor gives a process on one core two of Go's processors, unless GOMAXPROCS says what it shall have. An fsync keeps the
// processor that it was made on until Go notices, up to 10 ms later; nobody else would run meanwhile. On one core sign-ins and joins on
// SQLite took half the time with two (docs/performance.md).
func useSpareProcessor() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}
