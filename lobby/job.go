package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

// JobOptions is how the jobs of one function are run. The zero value works.
type JobOptions struct {
	// Tries is how often a job is begun at most before it is given up. Default 5.
	Tries int
	// Time is how long one try may take; then its context ends. Default 1 minute, at most an hour.
	Time time.Duration
	// AtOnce is how many of them one process runs at a time. Default: as many as the process has places.
	AtOnce int
	// Waiting is how many may wait, about; of more than that Enqueue refuses to add any, with the problem too_many_jobs. Rooms are
	// not bound by it, but each by handlers.MaxJobs. Default 10,000.
	Waiting int
	// Every has the function called by itself, with a zero In, once in each such time over all processes: 24 * time.Hour is once a day,
	// from midnight UTC on. At least a second. Default: it is called only when asked for.
	Every time.Duration
}

// JobOf is a registered function for jobs: see [Job].
type JobOf[In, Out any] struct {
	app  *App
	name string
}

// Job registers run as the function called name: for what takes long, must not wait for a player's answer, or belongs to no
// request. It is called in some worker process, and again, after growing pauses, when it returns an error, panics, takes too
// long, or its process dies. What it does to the store it does by [JobContext.Then], which happens once, in one transaction
// with the job's end. What it does elsewhere may be done more than once: give others the job's ID to tell by.
//
// In and Out go through JSON, at most 64 KiB each. Jobs are asked for by [JobOf.Enqueue], by rooms with handlers.Room.Job, to
// which the result comes back, and by themselves with Every. After its last try a job is given up: its dead letter is kept
// with the cause, and a room that waits for it is told.
//
// Register jobs before [App.Serve], in all processes alike; a mistake panics.
func Job[In, Out any](a *App, name string, run func(c *JobContext, in In) (Out, error), options ...JobOptions) *JobOf[In, Out] {
	call := fmt.Sprintf("lobby: Job(app, %q, ...)", name)
	if run == nil {
		panic(call + " has no function: give it a func(*lobby.JobContext, In) (Out, error)")
	}
	if !jobName.MatchString(name) {
		panic(call + ": write a name of 1 to 64 letters, digits, '_', '-' and '.', that begins with a letter")
	}
	if len(options) > 1 {
		panic(fmt.Sprintf("%s has %d options: give one", call, len(options)))
	}
	for _, t := range []reflect.Type{reflect.TypeFor[In](), reflect.TypeFor[Out]()} {
		if _, err := json.Marshal(reflect.Zero(t).Interface()); err != nil {
			panic(fmt.Sprintf("%s: %s does not go through JSON: %v", call, t, err))
		}
	}
	j := jobFunc{name: name}
	if len(options) == 1 {
		j.JobOptions = options[0]
	}
	if problem := j.fill(); problem != "" {
		panic(call + ": " + problem)
	}
	j.run = func(c *JobContext, arg []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(arg, &in); err != nil {
			return nil, GiveUp(fmt.Errorf("decode the argument: %w", err))
		}
		out, err := run(c, in)
		if err != nil {
			return nil, err
		}
		result, err := json.Marshal(out)
		if err != nil {
			return nil, GiveUp(fmt.Errorf("encode the result: %w", err))
		}
		if len(result) > store.MaxJobBody {
			return nil, GiveUp(fmt.Errorf("the result has %d bytes, at most %d are allowed", len(result), store.MaxJobBody))
		}
		return result, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served {
		panic(call + " comes too late: register jobs before the app is served")
	}
	if a.jobs[name] != nil {
		panic(call + " is there twice: give one of the two another name")
	}
	if a.jobs == nil {
		a.jobs = map[string]*jobFunc{}
	}
	a.jobs[name] = &j
	return &JobOf[In, Out]{a, name}
}

var jobName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// jobFunc is a registered function without its types.
type jobFunc struct {
	JobOptions
	name string
	run  func(c *JobContext, arg []byte) ([]byte, error)
}

// fill sets defaults, and says what is wrong.
func (j *jobFunc) fill() string {
	if j.Tries < 0 || j.Time < 0 || j.Time > time.Hour || j.AtOnce < 0 || j.Waiting < 0 || j.Every < 0 || j.Every > 0 && j.Every < time.Second {
		return "an option is below 0, Time over an hour, or Every below a second"
	}
	if j.Tries == 0 {
		j.Tries = 5
	}
	if j.Time == 0 {
		j.Time = time.Minute
	}
	if j.Waiting == 0 {
		j.Waiting = 10_000
	}
	return ""
}

// These come from game code alone, so the lobby's own calls don't name them.
var (
	tooManyJobs = Problem(429, "too_many_jobs", "Too much of this is waiting to be done. Try again later.")
	jobNotFound = Problem(404, "job_not_found", "There is no such job, or it is forgotten.")
)

// Enqueue asks for the function to be called with in, and returns the job's ID. In a route that may change things, and in
// what [JobContext.Then] was given, it belongs to the transaction: it is asked for if that is kept. after is how much later it
// is to be called at the earliest. The error may be the problem too_many_jobs, to be returned as it is.
//
// The job is deleted with the account of the player who asks.
func (j *JobOf[In, Out]) Enqueue(c *Context, in In, after time.Duration) (id string, err error) {
	arg, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("enqueue %s: encode the argument: %w", j.name, err)
	}
	id = uuid.Must(uuid.NewV7()).String()
	job := store.Job{ID: id, Name: j.name, Arg: arg, User: c.session.User, Due: c.clock().Add(max(after, 0))}
	err = c.jobs.Enqueue(c.ctx, j.app.job(j.name).Waiting, job)
	if errors.Is(err, store.ErrFull) {
		return "", tooManyJobs
	}
	if err == nil && after <= 0 {
		afterwards(c.ctx, c.jobsSoon)
	}
	return id, err
}

// JobState is where a job is: "waiting", "running", "done" or "failed".
type JobState = store.JobState

// Status is where the job of an ID stands, and its result when it is done. It is remembered for a day after its end. The error is
// the problem job_not_found where there is none, or where another player asked for it.
func (j *JobOf[In, Out]) Status(c *Context, id string) (state JobState, result Out, err error) {
	is, err := c.jobs.Job(c.ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (is.Name != j.name || is.User != c.session.User) {
		return "", result, jobNotFound
	}
	if err == nil && is.State == store.JobDone {
		err = json.Unmarshal(is.Result, &result)
	}
	return is.State, result, err
}

func (a *App) job(name string) *jobFunc {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.jobs[name]
}

// JobContext is one try of a job, in the hands of its function. It belongs to the function's goroutine.
type JobContext struct {
	ctx  context.Context
	job  store.Job
	log  *slog.Logger
	then []func(*Context) error
}

// Context ends when the try has taken as long as it may, when the process stops, or when the job is somebody else's.
func (c *JobContext) Context() context.Context { return c.ctx }

// ID names the job, the same in each try.
func (c *JobContext) ID() string { return c.job.ID }

// Try counts the tries, from 1.
func (c *JobContext) Try() int { return c.job.Tries }

// Room is the room that waits for the result; "" where none does.
func (c *JobContext) Room() string { return c.job.Room }

// Log writes lines that carry the job.
func (c *JobContext) Log() *slog.Logger { return c.log }

// Then has do done when the function has returned nil: in one transaction with the job's end, after what Then was given
// before. So it is done once, and only if the job ends. Its Context has no request and no player; it gives wallets, notes and
// other jobs. When do returns an error, or panics, the transaction is undone, and the try has failed. It has 2 s, and may be run several times.
func (c *JobContext) Then(do func(c *Context) error) { c.then = append(c.then, do) }

// GiveUp marks an error as one that trying again would not change: the job is given up at once.
func GiveUp(err error) error { return &gaveUp{err} }

type gaveUp struct{ error }

func (e *gaveUp) Unwrap() error { return e.error }
