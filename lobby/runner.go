package lobby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// RunnerConfig is what a [Runner] is made of. Store and Broker are needed.
type RunnerConfig struct {
	Store  Store
	Broker Broker
	// Process is the id of this process on the bulletin board.
	Process string
	// AtOnce is how many jobs are run at a time. Default 8.
	AtOnce int
	// Drain is how long Run may take to finish what is under way once its context has ended. Default 10 s.
	Drain   time.Duration
	Metrics prometheus.Registerer // default: nowhere
	Log     *slog.Logger          // default slog.Default()
	Now     func() time.Time      // default time.Now
}

const (
	jobLease   = 15 * time.Second // a job whose process says nothing for so long is somebody else's
	jobLook    = 5 * time.Second  // between two looks for jobs that nobody has told of; and leases are kept
	jobsKept   = 24 * time.Hour   // how long the end of a job is remembered, and twice as long as Every
	jobStuck   = 5 * time.Second  // how much longer than it may a function is waited for
	jobsAtOnce = 100              // rooms that are read at a time, to tell them
)

// Runner runs an App's jobs, together with those of other processes.
type Runner struct {
	app     *App
	service *Service // for what functions ask of the lobby
	config  RunnerConfig
	log     *slog.Logger
	meter   jobMeter

	look chan struct{} // asks for a look
	work context.Context

	mu      sync.Mutex
	running map[*run]store.Job
	of      map[string]int // running, by name
	group   sync.WaitGroup
}

// run is a try that is under way.
type run struct{ cancel context.CancelCauseFunc }

var errJobLost = errors.New("the job is somebody else's")

// Runner makes a Runner of a's jobs; from now on none can be registered.
func (a *App) Runner(c RunnerConfig) (*Runner, error) {
	if c.Store == nil || c.Broker == nil {
		return nil, errors.New("lobby: RunnerConfig needs Store and Broker")
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 8
	}
	if c.Drain <= 0 {
		c.Drain = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a.take()
	r := &Runner{
		app: a, config: c, log: c.Log, look: make(chan struct{}, 1), running: map[*run]store.Job{}, of: map[string]int{},
		service: &Service{
			config: Config{Store: c.Store, Broker: c.Broker, Process: c.Process, Log: c.Log, Now: c.Now}, shelf: newShelf(a.items),
		},
	}
	var err error
	if r.meter, err = newJobMeter(c.Metrics); err != nil {
		return nil, fmt.Errorf("lobby: register metrics of jobs: %w", err)
	}
	return r, nil
}

// Run runs jobs until ctx ends. Then it takes no more and lets those under way end, for at most Config.Drain; what is left then
// waits again, for others. It returns an error only when the board can't be watched. Without registered jobs it only waits.
func (r *Runner) Run(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(r.app.jobs))
	if len(names) == 0 {
		<-ctx.Done()
		return nil
	}
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	r.work = work
	var beside sync.WaitGroup
	defer beside.Wait()
	keeping, kept := context.WithCancel(work)
	defer kept()
	var roster broker.Roster
	var mu sync.Mutex // of roster
	err := r.config.Broker.Watch(ctx, func(n broker.Notice) {
		mu.Lock()
		roster.Observe(n, r.config.Now())
		mu.Unlock()
		if n.Kind == broker.NoticeJobs || n.Kind == broker.NoticeMissed || n.Kind == broker.NoticeGone {
			r.soon()
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("lobby: watch the board: %w", err)
	}
	every := time.NewTicker(jobLook)
	defer every.Stop()
	silent := time.NewTicker(time.Second)
	defer silent.Stop()
	// What waits for the broker, or for others in the store, holds up neither leases nor looks.
	beside.Go(func() { lookOften(keeping, r.keep) })
	beside.Go(func() { lookOften(ctx, r.tellRooms) })
	r.soon()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.look:
			r.take(ctx, names)
		case <-every.C:
			r.plan(ctx, names)
			r.service.tellMissed(ctx)
			r.forget(ctx)
			r.count(ctx)
			r.take(ctx, names)
		case <-silent.C:
			mu.Lock()
			var gone []broker.Process
			// While this process itself is not heard it is the board that is silent.
			if now := r.config.Now(); roster.Has(r.config.Process, now, broker.DefaultMissing) {
				gone = roster.Expire(now, broker.DefaultMissing)
			}
			mu.Unlock()
			for _, p := range gone {
				r.inherit(ctx, p.ID)
			}
		}
	}
	r.finish(cut)
	return nil
}

// lookOften does do again and again until ctx ends.
func lookOften(ctx context.Context, do func(context.Context)) {
	every := time.NewTicker(jobLook)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			do(ctx)
		}
	}
}

// soon asks for a look. It returns at once.
func (r *Runner) soon() {
	select {
	case r.look <- struct{}{}:
	default:
	}
}

// finish waits for what is under way, and gives the rest back. Leases are kept until then.
func (r *Runner) finish(cut context.CancelCauseFunc) {
	ended := make(chan struct{})
	go func() { r.group.Wait(); close(ended) }()
	late := time.NewTimer(r.config.Drain)
	defer late.Stop()
	select {
	case <-ended:
		return
	case <-late.C:
	}
	cut(context.Canceled)
	select {
	case <-ended:
	case <-time.After(jobStuck):
		r.log.Error("jobs do not end though they were told to; others take them when their leases end")
	}
}

// take takes as many jobs as there are places.
func (r *Runner) take(ctx context.Context, names []string) {
	r.mu.Lock()
	free := r.config.AtOnce - len(r.running)
	open := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		most := r.app.jobs[name].AtOnce
		return most > 0 && r.of[name] >= most
	})
	r.mu.Unlock()
	if free <= 0 || len(open) == 0 {
		return
	}
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	for _, name := range open {
		n := free
		r.mu.Lock()
		if most := r.app.jobs[name].AtOnce; most > 0 {
			n = min(n, most-r.of[name])
		}
		r.mu.Unlock()
		now := r.config.Now()
		jobs, err := r.config.Store.TakeJobs(ctx, r.config.Process, []string{name}, now, now.Add(jobLease), n)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("no jobs taken", "error", err)
			}
			return
		}
		for i := range jobs {
			r.begin(&jobs[i])
		}
		if free -= len(jobs); free <= 0 {
			return
		}
	}
}

// begin runs a job in a goroutine of its own.
func (r *Runner) begin(j *store.Job) {
	f := r.app.jobs[j.Name]
	ctx, cancel := context.WithCancelCause(r.work)
	try := &run{cancel}
	r.mu.Lock()
	r.running[try] = *j
	r.of[j.Name]++
	r.mu.Unlock()
	r.group.Go(func() {
		defer r.soon()
		defer func() {
			cancel(nil)
			r.mu.Lock()
			delete(r.running, try)
			r.of[j.Name]--
			r.mu.Unlock()
		}()
		r.try(ctx, f, j)
	})
}

// keep keeps the leases of what is under way, and cuts off what is somebody else's by now. A lease of this process that
// nobody here knows of, as the store's answer was lost, or a job could not be given back, ends.
func (r *Runner) keep(ctx context.Context) {
	r.mu.Lock()
	before := maps.Clone(r.running)
	r.mu.Unlock()
	if len(before) == 0 {
		return
	}
	kept, err := r.config.Store.KeepJobs(ctx, r.config.Now().Add(jobLease), slices.Collect(maps.Values(before))...)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("leases of jobs not kept", "error", err)
		}
		return
	}
	for running, job := range before {
		if !slices.ContainsFunc(kept, func(k store.Job) bool { return k.ID == job.ID && k.Term == job.Term }) {
			running.cancel(errJobLost) // or it has just ended, and does not mind
		}
	}
}

// inherit makes the jobs of a process that is gone wait again.
func (r *Runner) inherit(ctx context.Context, process string) {
	n, err := r.config.Store.GiveBackJobs(ctx, process, r.config.Now())
	if err != nil {
		r.log.Warn("jobs of a lost process wait for the end of their leases", "process", process, "error", err)
	}
	if n > 0 {
		r.log.Info("jobs of a lost process are taken over", "process", process, "jobs", n)
		r.soon()
	}
}

// plan asks for the jobs that run by themselves. All processes do; what has an ID is asked for once.
func (r *Runner) plan(ctx context.Context, names []string) {
	now := r.config.Now()
	for _, name := range names {
		every := r.app.jobs[name].Every
		if every == 0 {
			continue
		}
		due := now.Truncate(every)
		job := store.Job{ID: fmt.Sprintf("%s@%d", name, due.Unix()), Name: name, Arg: []byte("null"), Due: due}
		if err := r.config.Store.Enqueue(ctx, 0, job); err != nil && ctx.Err() == nil {
			r.log.Warn("a job was not planned", "job", name, "error", err)
		}
	}
}

// forget forgets what has ended long ago.
func (r *Runner) forget(ctx context.Context) {
	if _, err := r.config.Store.ForgetJobs(ctx, r.config.Now(), 500); err != nil && ctx.Err() == nil {
		r.log.Warn("old jobs not forgotten", "error", err)
	}
}
