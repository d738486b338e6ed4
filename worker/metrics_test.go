package worker_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/worker"
)

func TestMetricsCountWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	registry := prometheus.NewRegistry()
	p := w.start(nil, func(c *worker.Config) { c.Metrics = registry })
	w.join("r", "ann")
	w.say("r", "ann", 1, "refuse", said{})
	w.say("r", "ann", 2, "panic", said{})
	w.say("r", "ann", 2, "panic", said{})
	w.say("r", "ann", 3, "add", said{})
	w.awaitType("added", 1)
	p.end()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				if n := l.GetName(); n != "game" && n != "version" {
					name += " " + l.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"madang_worker_refused_total no": 1, "madang_worker_failures_total handler": 3, "madang_worker_failures_total given_up": 1,
		"madang_worker_duplicates_total": 1, "madang_worker_outputs_total": 4, "madang_worker_rooms_total taken_up": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, err := worker.New(worker.Config{
		Broker: w.broker, Store: w.store, Games: []handlers.Definition{w.game}, Metrics: registry,
	}); err == nil {
		t.Error("metrics registered twice: no error")
	}
}
