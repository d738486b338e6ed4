package server

import (
	"runtime"
	"testing"
)

func TestMemoryIsGivenBackOnceLittleIsAllocated(t *testing.T) {
	var much [][]byte
	for range 64 {
		much = append(much, make([]byte, 1<<20))
	}
	runtime.KeepAlive(much)
	much = nil
	runtime.GC()
	var tidy tidier
	if tidy.look() {
		t.Error("gave memory back without knowing how much is allocated")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if !tidy.look() {
		t.Errorf("gave nothing back: %d MiB are idle, %d of them released", before.HeapIdle>>20, before.HeapReleased>>20)
	}
	runtime.ReadMemStats(&after)
	if kept := after.HeapIdle - after.HeapReleased; kept > 8<<20 {
		t.Errorf("%d MiB are free and not given back", kept>>20)
	}
	if tidy.look() {
		t.Error("gave memory back that was not there")
	}
}
