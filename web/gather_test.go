package web

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sink is a connection that notes what is written to it, and how often.
type sink struct {
	net.Conn
	writes, bytes int
}

func (s *sink) Write(b []byte) (int, error) {
	s.writes++
	s.bytes += len(b)
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
		if say(3); s.writes != 3 {
			t.Errorf("%d writes of 3 messages while there is time, want 3", s.writes)
		}
		g.busy.Store(true)
		s.writes = 0
		if say(10); s.writes != 0 {
			t.Errorf("%d writes at once while there is none, want 0", s.writes)
		}
		time.Sleep(2 * gatherTime)
		synctest.Wait()
		if s.writes != 1 || s.bytes != 13*len("word")+3*2+2 {
			t.Errorf("10 messages were written with %d calls, %d bytes in all; want 1 call", s.writes, s.bytes)
		}
		// There is time again: looks find it out.
		time.Sleep((calmLooks + 2) * gatherTime)
		synctest.Wait()
		s.writes = 0
		if say(2); g.busy.Load() || s.writes != 2 {
			t.Errorf("busy %t, %d writes of 2 messages; want that all are written at once again", g.busy.Load(), s.writes)
		}
		g.busy.Store(true)
		say(1)
		g.end()
		synctest.Wait()
		if s.writes != 3 {
			t.Errorf("%d writes after the end, want 3: nothing is left behind", s.writes)
		}
		if say(1); s.writes != 4 {
			t.Errorf("%d writes, want that what comes after the end is written at once", s.writes)
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
