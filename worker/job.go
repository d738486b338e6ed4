package worker

import (
	"context"

	"github.com/madang-games/madang/broker"
)

// jobsSoon has those who run jobs look for them. It returns at once.
func (w *Worker) jobsSoon() {
	select {
	case w.asked <- struct{}{}:
	default: // a notice is on its way
	}
}

// tellOfJobs posts that rooms have asked for jobs, until ctx ends. A notice that is lost costs time: who runs jobs looks now and then.
func (w *Worker) tellOfJobs(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.asked:
		}
		if err := w.broker.Post(ctx, broker.Notice{Kind: broker.NoticeJobs, From: w.process, Time: w.now()}); err != nil && ctx.Err() == nil {
			w.log.Debug("jobs not announced", "error", err)
		}
	}
}
