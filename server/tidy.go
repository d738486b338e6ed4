package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When thousands have come at once, the heap has grown to twice what stays, and Go keeps that for as long as it may be needed again.
// Where little is allocated any more it is given back to the system.
const (
	tidyEvery = 30 * time.Second
	tidyLeast = 16 << 20 // bytes that are worth it
)

// tidy gives memory back, until ctx ends.
func tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var t tidier
	for {
		select {
		case <-tick.C:
			t.look()
		case <-ctx.Done():
			return
		}
	}
}

// tidier knows how much had been allocated when it looked last.
type tidier struct {
	allocated uint64
	looked    bool
}

// look gives what is free back if there is much of it, and less than a quarter of that was allocated since the last look. It reports
// whether it has.
func (t *tidier) look() bool {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	allocated, free, objects := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
	since, known := allocated-t.allocated, t.looked
	t.allocated, t.looked = allocated, true
	if !known || free < max(tidyLeast, objects/8) || since > free/4 {
		return false
	}
	debug.FreeOSMemory()
	return true
}
