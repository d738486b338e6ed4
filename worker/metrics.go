package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what a worker does. Names are stable.
type metrics struct {
	messages, duplicates, refused, failures, outputs, ticks *prometheus.CounterVec
	commits, dropped                                        *prometheus.CounterVec
	tickDelay                                               *prometheus.HistogramVec
	notices                                                 prometheus.Counter
}

// counts are the counters of one game, looked up once.
type counts struct {
	messages, duplicates, outputs prometheus.Counter
	failed, unreadable, unknown   prometheus.Counter
	dead, hung, orphans           prometheus.Counter
	ticksMissed                   prometheus.Counter
	tickDelay                     prometheus.Observer
	takenUp, slept, retired       prometheus.Counter
	commits, commitErrors         prometheus.Counter
	refused                       func(code string) // counts a refusal
	dropped                       func(reason string)
}

func newMetrics(registerer prometheus.Registerer, w *Worker) (*metrics, error) {
	m := &metrics{}
	var err error
	register := func(c prometheus.Collector) {
		if registerer != nil && err == nil {
			err = registerer.Register(c)
		}
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "madang", Subsystem: "worker", Name: name, Help: help,
		}, append([]string{"game", "version"}, labels...))
		register(v)
		return v
	}
	m.messages = vec("messages_total", "Messages given to rooms.")
	m.duplicates = vec("duplicates_total", "Messages that had been handled before, and were not handled again.")
	m.refused = vec("refused_total", "Messages that were refused, by code.", "code")
	m.failures = vec("failures_total", "Things that went wrong inside a room, by what.", "what")
	m.outputs = vec("outputs_total", "Numbered outputs of rooms.")
	m.ticks = vec("ticks_missed_total", "Ticks left out because the room was too far behind.")
	m.tickDelay = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "madang", Subsystem: "worker", Name: "tick_delay_seconds", Help: "How late ticks were played.",
		Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1},
	}, []string{"game", "version"})
	register(m.tickDelay)
	m.commits = vec("commits_total", "Commits of rooms, by outcome.", "outcome")
	m.dropped = vec("rooms_total", "Rooms taken up, put to sleep or dropped, by what.", "what")
	m.notices = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "madang", Subsystem: "worker", Name: "notices_dropped_total",
		Help: "Notices of opened rooms that came faster than they were read; a full look follows.",
	})
	register(m.notices)
	register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "madang", Subsystem: "worker", Name: "rooms_awake", Help: "Rooms that are awake here.",
	}, func() float64 { return float64(w.Rooms()) }))
	register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "madang", Subsystem: "worker", Name: "rooms_consumed",
		Help: "Rooms whose queue is consumed here, asleep and awake, active and standby.",
	}, func() float64 { return float64(w.count()) }))
	return m, err
}

func (m *metrics) of(k key) counts {
	game := []string{k.name, k.version}
	with := func(v *prometheus.CounterVec, labels ...string) prometheus.Counter {
		return v.WithLabelValues(append(game[:2:2], labels...)...)
	}
	return counts{
		messages:     with(m.messages),
		duplicates:   with(m.duplicates),
		outputs:      with(m.outputs),
		failed:       with(m.failures, "handler"),
		unreadable:   with(m.failures, "memory"),
		unknown:      with(m.failures, "unknown_kind"),
		dead:         with(m.failures, "given_up"),
		hung:         with(m.failures, "hung"),
		orphans:      with(m.failures, "gateway_lost"),
		ticksMissed:  with(m.ticks),
		tickDelay:    m.tickDelay.WithLabelValues(game...),
		takenUp:      with(m.dropped, "taken_up"),
		slept:        with(m.dropped, "slept"),
		retired:      with(m.dropped, "retired"),
		commits:      with(m.commits, "done"),
		commitErrors: with(m.commits, "failed"),
		refused:      func(code string) { with(m.refused, code).Inc() },
		dropped:      func(reason string) { with(m.dropped, reason).Inc() },
	}
}
