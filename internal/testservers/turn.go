package testservers

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// takeTurn waits until no other process on this machine has a cluster, and keeps others from having one until the test ends:
// three nodes use all of a small machine, and six take minutes for what three do in seconds.
func takeTurn(tb testing.TB) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "madang-cluster.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() }) // and with it the lock, as when the process dies
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err {
		case nil:
			return
		case syscall.EINTR:
		default:
			tb.Fatal(err)
		}
	}
}
