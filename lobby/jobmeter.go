package lobby

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// jobMeter is what a Runner counts.
type jobMeter struct {
	ended   *prometheus.CounterVec
	took    *prometheus.HistogramVec
	waiting *prometheus.GaugeVec
	oldest  *prometheus.GaugeVec
}

func newJobMeter(r prometheus.Registerer) (jobMeter, error) {
	m := jobMeter{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "madang_jobs_total",
			Help: "Tries of jobs that this process has run, by job and result: done, failed (given up), tried again, lost (to another process).",
		}, []string{"job", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "madang_job_seconds",
			Help:    "Time of a try, by job.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 1800},
		}, []string{"job"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "madang_jobs",
			Help: "Jobs of the deployment by job and state (waiting, running), as of the last 5 s.",
		}, []string{"job", "state"}),
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "madang_jobs_oldest_seconds",
			Help: "For how long the oldest job that waits has been due, by job; 0: none is.",
		}, []string{"job"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.ended, m.took, m.waiting, m.oldest} {
		if err := r.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

// count looks how much waits.
func (r *Runner) count(ctx context.Context) {
	counts, err := r.config.Store.JobCounts(ctx)
	if err != nil {
		return // the store says so elsewhere
	}
	r.meter.waiting.Reset()
	r.meter.oldest.Reset()
	for _, c := range counts {
		r.meter.waiting.WithLabelValues(c.Name, "waiting").Set(float64(c.Waiting))
		r.meter.waiting.WithLabelValues(c.Name, "running").Set(float64(c.Running))
		late := time.Duration(0)
		if !c.Oldest.IsZero() {
			late = max(r.config.Now().Sub(c.Oldest), 0)
		}
		r.meter.oldest.WithLabelValues(c.Name).Set(late.Seconds())
	}
}
