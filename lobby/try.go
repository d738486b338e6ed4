package lobby

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// tryPanic is the panic of a job's function.
type tryPanic struct {
	value any
	stack []byte
}

func (p *tryPanic) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guarded is f, whose panic is a tryPanic.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &tryPanic{v, debug.Stack()}
		}
	}()
	return f()
}

var errTooLong = errors.New("it took too long")

// try runs a job once, and ends it, or gives it back.
func (r *Runner) try(ctx context.Context, f *jobFunc, j *store.Job) {
	log := r.log.With("job", j.Name, "id", j.ID, "try", j.Tries)
	if j.Tries > f.Tries { // whoever began it has died of it, each time
		r.giveUp(f, j, errors.New("its process ended, or its lease, each time it was tried"))
		return
	}
	began := time.Now()
	c := &JobContext{job: *j, log: log}
	result, err := r.call(ctx, f, c)
	if err == nil {
		err = r.end(ctx, f, c, result)
	}
	r.meter.took.WithLabelValues(j.Name).Observe(time.Since(began).Seconds())
	var final *gaveUp
	switch {
	case err == nil:
		r.meter.ended.WithLabelValues(j.Name, "done").Inc()
		log.Debug("job done")
		r.tellRoom(r.work, &store.JobStatus{Job: *j, State: store.JobDone, Result: result}, sendAwake)
	case errors.Is(err, store.ErrStaleTerm), errors.Is(context.Cause(ctx), errJobLost):
		r.meter.ended.WithLabelValues(j.Name, "lost").Inc()
		log.Warn("job is somebody else's by now; nothing of this try is kept")
	case r.work.Err() != nil:
		r.giveBack(j, r.config.Now(), true)
	case errors.As(err, &final) || j.Tries >= f.Tries:
		log.Error("job failed; it is given up", "error", err)
		r.giveUp(f, j, err)
	default:
		r.meter.ended.WithLabelValues(j.Name, "tried again").Inc()
		wait := jobPause(j.Tries)
		log.Warn("job failed; it is tried again", "error", err, "wait", wait)
		r.giveBack(j, r.config.Now().Add(wait), false)
		time.AfterFunc(wait, r.soon)
	}
}

// jobPause is 1 s after the first try, then four times as long each time, to 10 minutes; of that a random part of at least a half.
func jobPause(tries int) time.Duration {
	d := min(time.Second<<(2*min(tries-1, 10)), 10*time.Minute)
	return d/2 + rand.N(d/2+1)
}

// call calls the function. One that goes on after its time is left behind when it has had jobStuck more; its place stays
// taken until it ends.
func (r *Runner) call(ctx context.Context, f *jobFunc, c *JobContext) (result []byte, err error) {
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithTimeoutCause(ctx, f.Time, errTooLong)
	defer cancel()
	stuck := time.AfterFunc(f.Time+jobStuck, func() {
		c.log.Error("job goes on after its time; its place is taken until it ends", "time", f.Time)
	})
	defer stuck.Stop()
	err = guarded(func() (err error) {
		result, err = f.run(c, c.job.Arg)
		return err
	})
	if err != nil && errors.Is(context.Cause(c.ctx), errTooLong) {
		err = fmt.Errorf("%w (%v): %w", errTooLong, f.Time, err)
	}
	return result, err
}

// end ends the job, with what its function wants done then, in one transaction. It waits for a store that is away for as
// long as the lease may last.
func (r *Runner) end(ctx context.Context, f *jobFunc, c *JobContext, result []byte) error {
	until := r.config.Now().Add(max(jobsKept, 2*f.Every))
	ended := store.JobStatus{Job: c.job, State: store.JobDone, Result: result}
	in := &Context{
		seats: r.config.Store, ledger: r.config.Store, jobs: r.config.Store, shelf: r.service.shelf, clock: r.config.Now,
		notify: r.service.notify, jobsSoon: r.service.jobsSoon,
	}
	for try := 0; ; try++ {
		err := r.config.Store.Transact(ctx, func(ctx context.Context) error {
			in.after = nil
			in.ctx = context.WithValue(ctx, afterKey{}, in)
			if err := r.config.Store.EndJob(in.ctx, ended, until, nil); err != nil {
				return err
			}
			for _, do := range c.then {
				if err := guarded(func() error { return do(in) }); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			for _, do := range in.after {
				if err := guarded(func() error { now(ctx, do); return nil }); err != nil {
					c.log.Error("what was to be done after the job panicked", "error", err, "stack", string(err.(*tryPanic).stack))
				}
			}
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) || try == 10 {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// giveUp ends the job as failed, and keeps its dead letter.
func (r *Runner) giveUp(f *jobFunc, j *store.Job, why error) {
	now := r.config.Now()
	letter := &store.DeadLetter{
		ID: uuid.Must(uuid.NewV7()).String(), Kind: string(broker.Job), Type: j.Name, Name: j.ID, User: j.User, Attempts: j.Tries,
		Error: why.Error(), SentAt: j.Due, GivenUp: now, ContentType: "application/json", Body: j.Arg,
	}
	var p *tryPanic
	if errors.As(why, &p) {
		letter.Stack = string(p.stack)
	}
	ended := store.JobStatus{Job: *j, State: store.JobFailed, Failed: why.Error()}
	err := r.config.Store.EndJob(r.work, ended, now.Add(max(jobsKept, 2*f.Every)), letter)
	if err != nil {
		r.log.Error("job not given up; it comes again", "job", j.Name, "id", j.ID, "error", err)
		return
	}
	r.meter.ended.WithLabelValues(j.Name, "failed").Inc()
	r.tellRoom(r.work, &ended, sendAwake)
}

// giveBack lets the job wait again. When that can't be said its lease ends.
func (r *Runner) giveBack(j *store.Job, due time.Time, uncounted bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), tellTimeout)
	defer cancel()
	if err := r.config.Store.GiveBackJob(ctx, j.ID, j.Term, due, uncounted); err != nil && !errors.Is(err, store.ErrStaleTerm) {
		r.log.Warn("job not given back; it comes again when its lease ends", "job", j.Name, "id", j.ID, "error", err)
	}
}
