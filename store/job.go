package store

import (
	"context"
	"time"
)

// Bounds of jobs.
const (
	MaxJobBody  = 64 << 10 // bytes of an argument and of a result
	MaxJobWord  = 128      // bytes of an ID and a name
	MaxJobError = 1 << 10  // bytes of JobStatus.Failed
)

// Job is a function's call that somebody asked for, to be made once, later and elsewhere.
type Job struct {
	ID   string // chosen by who asks: of two with one ID only the first counts
	Name string // of the function
	Arg  []byte // JSON
	User string // who asked, or whose data it holds: it goes with the account. "": nobody's
	Room string // waits for the result; "": nobody does
	Due  time.Time

	// As of the latest TakeJobs:
	Tries int    // how often it was begun, with this one
	Term  uint64 // of the lease: who has an older one can't end the job any more
}

// JobState is where a job is.
type JobState string

const (
	JobWaiting JobState = "waiting" // until it is due, and somebody takes it
	JobRunning JobState = "running" // somebody has it
	JobDone    JobState = "done"    // and remembered for a while
	JobFailed  JobState = "failed"  // given up; the same
)

// JobStatus is how a job has ended.
type JobStatus struct {
	Job
	State  JobState
	Result []byte    // JSON; nil unless JobDone
	Failed string    // why it was given up, a sentence; "" unless JobFailed
	Ended  time.Time // by the store's clock; zero: it has not
}

// JobCount is how much is there of one function.
type JobCount struct {
	Name             string
	Waiting, Running int64
	Oldest           time.Time // since when the oldest of those that wait has been due; zero: none is
}

// Jobs is a queue of jobs that outlives every process.
//
// A job is taken with a lease; when that has ended without a word the job waits again. Whoever ends it names the lease's
// term. So of two who believe that they have it one can change nothing, and what is done in one transaction with EndJob is done
// once, however often the function ran.
type Jobs interface {
	// Enqueue adds the jobs whose ID is new. When so many of one name would wait then that it is over most (0: no bound), none
	// is added and the error is ErrFull.
	Enqueue(ctx context.Context, most int, jobs ...Job) error
	// TakeJobs leases the jobs of these names that are due, longest due first, at most limit, to process until a time. Leases
	// that have ended count as given back.
	TakeJobs(ctx context.Context, process string, names []string, now, until time.Time, limit int) ([]Job, error)
	// KeepJobs makes the leases of these jobs last until a time, and returns those that nobody has taken, ended or given back since
	// they were taken with their Term.
	KeepJobs(ctx context.Context, until time.Time, jobs ...Job) ([]Job, error)
	// EndJob ends a job, in state JobDone or JobFailed. It is remembered until a time, and longer while a room waits for its
	// result: see JobTold. letter, where not nil, is kept with it. ErrStaleTerm when somebody else has had it since.
	EndJob(ctx context.Context, end JobStatus, until time.Time, letter *DeadLetter) error
	// GiveBackJob lets a job wait again until it is due. uncounted: this try does not count. ErrStaleTerm.
	GiveBackJob(ctx context.Context, id string, term uint64, due time.Time, uncounted bool) error
	// GiveBackJobs does it at once for all jobs of a process that is gone; they count as tried. It returns how many.
	GiveBackJobs(ctx context.Context, process string, now time.Time) (int, error)
	// UntoldJobs are those that have ended, at or before a time, and whose rooms have not been told: the oldest, at most limit,
	// that follow after, by Ended and then by ID. The zero JobStatus is before all.
	UntoldJobs(ctx context.Context, after JobStatus, before time.Time, limit int) ([]JobStatus, error)
	// JobTold notes that a job's room has its result, or can't have it.
	JobTold(ctx context.Context, id string) error
	// Job is where a job stands. ErrNotFound: there is none, or it is forgotten.
	Job(ctx context.Context, id string) (JobStatus, error)
	// JobCounts counts what waits and runs, by name.
	JobCounts(ctx context.Context) ([]JobCount, error)
	// ForgetJobs forgets jobs that have ended and need not be remembered any more, at most limit. It returns how many.
	ForgetJobs(ctx context.Context, now time.Time, limit int) (int, error)
}
