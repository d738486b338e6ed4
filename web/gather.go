package web

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gatherer puts writes off while the process has more to do than it can, so that each takes more with it: a write costs as much for
// one message as for ten, and it is most of what a message costs. Then everything waits anyway; so it waits where waiting makes it
// cheaper. While there is time for everything, all is written at once.
//
// Whether there is time for everything shows in how long a goroutine that lets others go first waits for its turn. And whether it is
// worth it, in how many messages a write takes: where each of thousands of connections gets one now and then, what waits finds nobody to
// go with, and is only late.
type gatherer struct {
	busy    atomic.Bool  // put writes off
	asked   atomic.Int64 // flushes asked for while busy, since worth was last reckoned
	touched atomic.Bool  // something was delivered since the last look
	looking atomic.Bool  // there is a goroutine that looks
	putOff  prometheus.Counter
	quit    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	waiting []*outbox
	ended   bool // nobody looks any more
}

func newGatherer(putOff prometheus.Counter) *gatherer {
	return &gatherer{putOff: putOff, quit: make(chan struct{})}
}

// end writes what was put off, and from now on everything at once. Call it once.
func (g *gatherer) end() {
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	close(g.quit)
	g.running.Wait()
}

const (
	// busyLook is how often it is found out whether there is time for everything, while something is delivered.
	busyLook = 10 * time.Millisecond
	// busyTurn is how long a goroutine waits for its turn at least when there is not, and busyLooks in how many looks in a row: what the
	// system does for a moment is no reason to make everybody wait.
	busyTurn  = 4 * time.Millisecond
	busyLooks = 4
	// calmTurn is how long it waits at most when there is time again, and calmLooks in how many looks in a row.
	calmTurn  = 500 * time.Microsecond
	calmLooks = 40
	// gatherTime is for how long writes are gathered, and a look's pause while they are.
	gatherTime = 10 * time.Millisecond
	// worthLooks is in how many looks it is found out whether gathering is worth it: at least worthFlushes for each 4 writes. If it is
	// not, nothing is gathered for worthPause, and twice as long each time in a row, up to worthPauseMost.
	worthLooks     = 5
	worthFlushes   = 6
	worthPause     = 2 * time.Second
	worthPauseMost = time.Minute
	// gatherIdle is how many looks nothing has to be delivered in until nobody looks any more.
	gatherIdle = 50
)

// flush writes what waits in o, now or soon.
func (g *gatherer) flush(o *outbox) {
	if !g.touched.Load() {
		g.touched.Store(true)
		g.look()
	}
	if !g.busy.Load() {
		o.flush()
		return
	}
	g.asked.Add(1)
	if o.off.CompareAndSwap(false, true) {
		g.mu.Lock()
		g.waiting = append(g.waiting, o)
		g.mu.Unlock()
		g.putOff.Inc()
	}
	if !g.busy.Load() { // it may have ended just before
		g.flushAll()
	}
}

// look starts the goroutine that looks, if there is none.
func (g *gatherer) look() {
	if g.looking.Load() || !g.looking.CompareAndSwap(false, true) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		g.running.Go(g.run)
	}
}

func (g *gatherer) run() {
	pause := time.NewTimer(busyLook)
	defer pause.Stop()
	late, calm, idle := 0, 0, 0
	var w worth
	for {
		select {
		case <-pause.C:
		case <-g.quit:
			g.busy.Store(false)
			g.flushAll()
			return
		}
		if !g.touched.Swap(false) && !g.busy.Load() {
			if idle++; idle > gatherIdle {
				g.looking.Store(false)
				if g.touched.Load() {
					g.look()
				}
				return
			}
		} else {
			idle = 0
		}
		took := turn()
		if late++; took < busyTurn {
			late = 0
		}
		if calm++; took >= calmTurn {
			calm = 0
		}
		switch {
		case late >= busyLooks:
			if time.Since(w.failed) > w.pause && g.busy.CompareAndSwap(false, true) {
				w.looks, w.written = 0, 0
				g.asked.Store(0)
			}
		case calm >= calmLooks:
			g.busy.Store(false)
		}
		written := g.flushAll()
		if g.busy.Load() && !w.is(&g.asked, written) {
			g.busy.Store(false)
			g.flushAll()
		}
		if g.busy.Load() {
			pause.Reset(gatherTime)
		} else {
			pause.Reset(busyLook)
		}
	}
}

// worth tells whether gathering is worth it.
type worth struct {
	looks, written int
	failed         time.Time     // when it was found not to be
	pause          time.Duration // until it is tried again; 0: it was the last time
}

// is takes another look, in which so many writes were made for those flushes that were asked for.
func (w *worth) is(asked *atomic.Int64, written int) bool {
	w.written += written
	if w.looks++; w.looks < worthLooks || w.written == 0 {
		return true
	}
	worth := 4*asked.Swap(0) >= worthFlushes*int64(w.written)
	w.looks, w.written = 0, 0
	if worth {
		w.pause = 0
	} else {
		w.failed, w.pause = time.Now(), min(max(2*w.pause, worthPause), worthPauseMost)
	}
	return worth
}

// turn is how long it takes until this goroutine has its turn when all others go first.
func turn() time.Duration {
	begun := time.Now()
	runtime.Gosched()
	return time.Since(begun)
}

// flushAll writes what was put off, and returns for how many connections.
func (g *gatherer) flushAll() int {
	g.mu.Lock()
	all := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, o := range all {
		o.off.Store(false)
		o.flush()
	}
	return len(all)
}
