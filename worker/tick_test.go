package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/worker"
)

func TestARoomThatIsLateCatchesUpWithinBoundsAndThatIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Keep: handlers.Checkpointed{Every: time.Hour}}, 20))
		w.room("r", "ann")
		w.listen("r")
		registry := prometheus.NewRegistry()
		p := w.start(func(p *process) {
			stuck := at(10, func() error { time.Sleep(time.Second); return nil })
			p.beforePublish = func(outs []*broker.Output) error {
				if outs[0].Type == "tick" {
					return stuck()
				}
				return nil
			}
		}, func(c *worker.Config) { c.Metrics = registry })
		w.join("r", "ann")
		w.attach("r", "ann", "c1", "try-1", broker.Position{})
		w.awaitPart(broker.Snapshot, 1)
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		w.mu.Lock()
		ticks := ofType(t, w.heard, "tick")
		w.mu.Unlock()
		// Of the 20 that were due while nothing moved, 5 are played at once, and 15 left out.
		if len(ticks) != 60-15 {
			t.Errorf("got %d ticks in 3 s, want 45", len(ticks))
		}
		for i, o := range ticks {
			if d := o.Time.Sub(ticks[0].Time); d%(50*time.Millisecond) != 0 {
				t.Errorf("tick %d is %v after the first, want whole ticks", i, d)
			}
		}
		p.end()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			switch m := f.GetMetric()[0]; f.GetName() {
			case "madang_worker_ticks_missed_total":
				if got := m.GetCounter().GetValue(); got != 15 {
					t.Errorf("got %v ticks missed, want 15", got)
				}
			case "madang_worker_tick_delay_seconds":
				h := m.GetHistogram()
				if got := h.GetSampleCount(); got != 45 {
					t.Errorf("got the delays of %d ticks, want of 45", got)
				}
				if sum := h.GetSampleSum(); sum < 4.2 || sum > 4.3 { // 950, 900, 850, 800, 750 ms
					t.Errorf("got delays of %v s in all, want 4.25", sum)
				}
			}
		}
	})
}
