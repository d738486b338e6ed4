package testservers

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// takeTurn waits until no other process on this machine has a cluster, and keeps others from having one until the test ends:
// three nodes use all of a small machine, and six take minutes for what three do in seconds. A test has one cluster at most.
func takeTurn(tb testing.TB) {
	tb.Helper()
	name := filepath.Join(os.TempDir(), fmt.Sprintf("madang-cluster-%d.lock", os.Getuid()))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() }) // and with it the lock, as when the process dies
	for waited := false; ; time.Sleep(100 * time.Millisecond) {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
		case nil:
			return
		case syscall.EINTR, syscall.EWOULDBLOCK:
		default:
			tb.Fatal(err)
		}
		if !waited {
			waited = true
			fmt.Fprintf(os.Stderr, "testservers: %s waits for the RabbitMQ cluster of another test to end\n", tb.Name())
		}
		if tb.Context().Err() != nil {
			tb.Fatal("another test's RabbitMQ cluster did not end in time")
		}
	}
}
