package handlers

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// MaxJobs is how many jobs one room may wait for.
const MaxJobs = 32

// Job is a call that a message asked for, together with the room's state.
type Job struct {
	ID   string // names it among all: the room's id and a number
	Name string
	Arg  []byte // JSON
}

// Done is how a job has ended, as its [OnJob] function gets it.
type Done[R any] struct {
	// ID is what [Room.Job] returned.
	ID string
	// Result is what the job's function returned; zero when it has failed.
	Result R
	// Failed says why the job was given up, after all its tries; "" when it has not failed.
	Failed string
}

// Job has the function called name, of lobby.Job, run by some worker process, outside of this room, with arg as JSON of at most
// [MaxBody] bytes: for what takes long, or needs what a handler must not touch. It is asked for in the same commit as the
// state: once, or not at all. The result comes back to the room as a message of its own, once, by [OnJob], also when the
// room slept or moved meanwhile; a room that is over does not hear it. The id tells two jobs of one name apart.
//
// At most [MaxJobs] of a room are under way.
func (r *Room) Job(name string, arg any) (id string, err error) {
	if err := r.may(); err != nil {
		return "", fmt.Errorf("job %s: %w", name, err)
	}
	in := r.in
	if in.rules.jobs[name] == nil {
		return "", fmt.Errorf("job %s: the game has no handlers.OnJob(game, %q, ...)", name, name)
	}
	if len(in.jobs) == MaxJobs {
		return "", fmt.Errorf("job %s: the room waits for %d jobs, more are not allowed", name, MaxJobs)
	}
	data, err := json.Marshal(arg)
	if err != nil {
		return "", fmt.Errorf("job %s: encode the argument: %w", name, err)
	}
	if len(data) > MaxBody {
		return "", fmt.Errorf("job %s: the argument has %d bytes, at most %d are allowed", name, len(data), MaxBody)
	}
	r.touched = true
	in.jobCount++
	in.jobs = append(in.jobs, pending{name, in.jobCount})
	id = in.jobID(in.jobCount)
	r.jobs = append(r.jobs, Job{id, name, data})
	return id, nil
}

// OnJob registers fn for the results of the jobs called name.
func OnJob[S, R any](g *Game[S], name string, fn func(room *Room, state *S, done Done[R]) error) {
	g.mayRegister("OnJob")
	if g.jobs == nil {
		g.jobs = map[string]func(*Room, *Event) error{}
	}
	known := map[string]Handler{}
	if g.jobs[name] != nil {
		known[name] = func(*Room, Message) error { return nil }
	}
	g.checkEntry("OnJob", "job", name, fn == nil, known)
	g.checkMessage("OnJob", name, reflect.TypeFor[R]())
	g.jobs[name] = func(room *Room, ev *Event) error {
		done := Done[R]{ID: ev.Job, Failed: ev.Reason}
		if done.Failed == "" {
			if err := decodeBody(contentJSON, ev.Body, &done.Result); err != nil {
				return fmt.Errorf("decode result of job %s: %w", name, err)
			}
		}
		room.touched = true
		return fn(room, room.state.(*S), done)
	}
}

// pending is a job that the room waits for.
type pending struct {
	Name   string `json:"name"`
	Number uint64 `json:"number"`
}

func (in *Instance) jobID(number uint64) string { return in.id + "/" + strconv.FormatUint(number, 10) }

// waitsFor is the index of the job in in.jobs; -1: its result has come, or it is none of this room's.
func (in *Instance) waitsFor(id string) int {
	return slices.IndexFunc(in.jobs, func(p pending) bool { return in.jobID(p.Number) == id })
}

// done plays a job's end.
func (in *Instance) done(s *step) error {
	i := in.waitsFor(s.Job)
	name := in.jobs[i].Name
	in.jobs = slices.Delete(in.jobs, i, i+1)
	if s.undone {
		return nil
	}
	h := in.rules.jobs[name]
	if h == nil {
		return fmt.Errorf("job %s was asked for, but the game has no handlers.OnJob for it any more", name)
	}
	return guard(func() error { return h(&in.room, &s.Event) })
}
