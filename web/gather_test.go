package web

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sink is a connection that notes what is written to it, and how often.
type sink struct {
	net.Conn
	writes, bytes atomic.Int64
}

func (s *sink) Write(b []byte) (int, error) {
	s.writes.Add(1)
	s.bytes.Add(int64(len(b)))
	return len(b), nil
}

func (*sink) SetWriteDeadline(time.Time) error { return nil }

func TestWritesAreGatheredWhileThereIsMoreToDoThanTimeForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGatherer(prometheus.NewCounter(prometheus.CounterOpts{}))
		s := &sink{}
		o := newOutbox(100, 1<<20)
		o.open(s)
		say := func(times int) {
			for range times {
				if !o.put(packet{body: []byte("word")}) {
					t.Fatal("no room")
				}
				g.flush(o)
				synctest.Wait()
			}
		}
		if say(3); s.writes.Load() != 3 {
			t.Errorf("%d writes of 3 messages while there is time, want 3", s.writes.Load())
		}
		g.busy.Store(true)
		s.writes.Store(0)
		if say(10); s.writes.Load() != 0 {
			t.Errorf("%d writes at once while there is none, want 0", s.writes.Load())
		}
		time.Sleep(2 * gatherTime)
		synctest.Wait()
		if s.writes.Load() != 1 || s.bytes.Load() != int64(13*len("word")+3*2+2) {
			t.Errorf("10 messages were written with %d calls, %d bytes in all; want 1 call", s.writes.Load(), s.bytes.Load())
		}
		// There is time again: looks find it out.
		time.Sleep((calmLooks + 2) * gatherTime)
		synctest.Wait()
		s.writes.Store(0)
		if say(2); g.busy.Load() || s.writes.Load() != 2 {
			t.Errorf("busy %t, %d writes of 2 messages; want that all are written at once again", g.busy.Load(), s.writes.Load())
		}
		g.busy.Store(true)
		say(1)
		g.end()
		synctest.Wait()
		if s.writes.Load() != 3 {
			t.Errorf("%d writes after the end, want 3: nothing is left behind", s.writes.Load())
		}
		if say(1); s.writes.Load() != 4 {
			t.Errorf("%d writes, want that what comes after the end is written at once", s.writes.Load())
		}
	})
}

// Where each connection gets one message now and then, writes that are put off take no more with them.
func TestWritesAreNotPutOffForNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages int // of a connection in a look
		gathers  bool
	}{
		"one each":   {1, false},
		"three each": {3, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGatherer(prometheus.NewCounter(prometheus.CounterOpts{}))
				defer g.end()
				var all []*outbox
				for range 20 {
					o := newOutbox(100, 1<<20)
					o.open(&sink{})
					all = append(all, o)
				}
				g.busy.Store(true)
				for range 2 * worthLooks {
					for _, o := range all {
						for range c.messages {
							if !o.put(packet{body: []byte("word")}) {
								t.Fatal("no room")
							}
							g.flush(o)
						}
					}
					time.Sleep(gatherTime)
					synctest.Wait()
				}
				if g.busy.Load() != c.gathers {
					t.Errorf("writes are gathered: %t, want %t", g.busy.Load(), c.gathers)
				}
			})
		})
	}
}

func TestGatheringThatIsNotWorthItIsTriedLessAndLess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w worth
		var asked atomic.Int64
		look := func(flushes int64, writes int) (worth bool) {
			worth = true
			for range worthLooks {
				asked.Add(flushes)
				worth = w.is(&asked, writes)
			}
			return worth
		}
		for _, want := range []time.Duration{worthPause, 2 * worthPause, 4 * worthPause} {
			if look(10, 10) || w.pause != want || w.failed != time.Now() {
				t.Errorf("the next try is %v later, want that it was not worth it and %v", w.pause, want)
			}
			time.Sleep(want)
		}
		for range 10 {
			look(10, 10)
		}
		if w.pause != worthPauseMost {
			t.Errorf("the next try is %v later, want %v at most", w.pause, worthPauseMost)
		}
		if !look(20, 10) || w.pause != 0 {
			t.Errorf("the next try is %v later though it was worth it", w.pause)
		}
		if !look(0, 0) {
			t.Error("it is not worth it where nothing was written")
		}
	})
}

func TestNobodyIsSlowWhoseWritesWerePutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGatherer(prometheus.NewCounter(prometheus.CounterOpts{}))
		defer g.end()
		s := &sink{}
		o := newOutbox(4, 1<<20)
		o.open(s)
		g.busy.Store(true)
		for i := range 9 {
			p := packet{body: []byte("word")}
			if !o.put(p) && !(o.catchUp() && func() bool { synctest.Wait(); return o.put(p) }()) {
				t.Fatalf("no room for message %d", i)
			}
			g.flush(o)
		}
	})
}
