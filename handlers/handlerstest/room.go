// Package handlerstest plays a game's messages without any broker, for tests of games.
//
//	room := handlerstest.New(t, othello.Game())
//	room.Join("ann", "bob")
//	room.Send("ann", "put", `{"at":"d3"}`)
//	room.Expect("bob", "$joined", "started", "placed")
//
// A Room belongs to one goroutine. Its time is its own and moves only with Advance and Tick, so tests are exact and
// never wait. What a game must not do (a function that fails where nobody is told, a room that does not survive its
// worker) fails the test by itself.
package handlerstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

// Start is the time at which every Room begins.
var Start = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// Room is one room of a game under test.
type Room struct {
	t        testing.TB
	def      handlers.Definition
	in       *handlers.Instance
	capacity int
	now      time.Time
	events   int
	seq      map[string]uint64 // by user: the last one sent
	conns    map[string]int    // by user: how many connections it has had
	watching map[string]bool   // who came as a spectator
	last     map[string]handlers.Event

	sent     []handlers.Output
	expected map[string]int // by user: how much of sent Expect has looked at
	awards   []handlers.Award
	grants   []handlers.Grant
	scores   []handlers.Score
	outcomes []handlers.Outcome

	backfill *handlers.Backfill
	jobs     []handlers.Job
	begun    bool
	empty    bool
}

// New opens a room. options, at most one, is what its creator asks for: JSON as a string, or any value. The test fails
// when they are refused; see Refused for that.
func New(t testing.TB, def handlers.Definition, options ...any) *Room {
	t.Helper()
	opening, err := open(t, def, options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	r := &Room{
		t: t, def: def, capacity: opening.Capacity, now: Start,
		seq: map[string]uint64{}, conns: map[string]int{}, watching: map[string]bool{}, last: map[string]handlers.Event{}, expected: map[string]int{},
	}
	r.load(opening.Memory)
	return r
}

// Refused opens a room and returns why that is refused; nil: it is not.
func Refused(t testing.TB, def handlers.Definition, options ...any) error {
	t.Helper()
	_, err := open(t, def, options)
	return err
}

func open(t testing.TB, def handlers.Definition, options []any) (handlers.Opening, error) {
	t.Helper()
	var data []byte
	switch len(options) {
	case 0:
	case 1:
		data = encode(t, options[0])
	default:
		t.Fatalf("got %d options, want one value or none", len(options))
	}
	return def.Open("room-1", data, Start)
}

// encode makes a body: strings and bytes stay as they are, nil is empty, all else is JSON.
func encode(t testing.TB, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %T: %v", v, err)
	}
	return data
}

func (r *Room) load(memory []byte) {
	r.t.Helper()
	in, err := r.def.Load("room-1", memory)
	if err != nil {
		r.t.Fatalf("load: %v", err)
	}
	r.in = in
}

// Play plays any event, for what the other methods do not say. Time, ID and what else is zero is filled in.
func (r *Room) Play(ev handlers.Event) handlers.Result {
	r.t.Helper()
	if r.in.Ended() {
		r.t.Fatalf("the room has ended; event %d (%s by %q) comes after it", r.events+1, ev.Type, ev.User)
	}
	r.events++
	if ev.ID == "" {
		ev.ID = fmt.Sprintf("event-%d", r.events)
	}
	if ev.Time.IsZero() {
		ev.Time = r.now
	}
	res := r.in.Play(ev)
	r.sent = append(r.sent, res.Outputs...)
	r.awards = append(r.awards, res.Awards...)
	r.grants = append(r.grants, res.Grants...)
	r.scores = append(r.scores, res.Scores...)
	r.outcomes = append(r.outcomes, res.Outcomes...)

	if res.Backfill != nil {
		r.backfill = res.Backfill
	}
	r.jobs = append(r.jobs, res.Jobs...)
	r.begun = r.begun || res.Begun
	r.empty = res.Empty
	return res
}

// quiet plays an event in which nobody is told of a failure, so that the test is.
func (r *Room) quiet(ev handlers.Event) {
	r.t.Helper()
	if res := r.Play(ev); res.Failure != nil {
		r.t.Errorf("a function of the game failed: %v", res.Failure)
	}
}

// outcome is what a Result tells the one who caused it.
func outcome(res handlers.Result) error {
	if res.Failure != nil {
		return res.Failure
	}
	if res.Refused == "" {
		return nil
	}
	for _, out := range res.Outputs {
		var body struct{ Message string }
		if out.Code == res.Refused && json.Unmarshal(out.Body, &body) == nil {
			return handlers.Reject(res.Refused, body.Message)
		}
	}
	return handlers.Reject(res.Refused, "")
}

// Code is the code of the refusal in err; "" when err is nil or none.
func Code(err error) string {
	if refusal, ok := errors.AsType[*handlers.Rejection](err); ok {
		return refusal.Code
	}
	return ""
}

// Restart ends the room's worker and begins another, which has nothing but the room's memory. The test fails when
// the room is another afterwards.
func (r *Room) Restart() {
	r.t.Helper()
	memory := r.memory()
	r.load(slices.Clone(memory))
	if again := r.memory(); string(again) != string(memory) {
		r.t.Errorf("memory after a restart\n got %s\nwant %s", again, memory)
	}
}

// Memory is all that the room is, as a worker keeps it.
func (r *Room) Memory() []byte {
	r.t.Helper()
	return slices.Clone(r.memory())
}

// Fork is what becomes of the room in a worker that takes it up now: another room, with the same memory, whose events are its own from
// here on.
func (r *Room) Fork() *Room {
	r.t.Helper()
	fork := *r
	fork.seq, fork.conns, fork.watching = maps.Clone(r.seq), maps.Clone(r.conns), maps.Clone(r.watching)
	fork.last, fork.expected, fork.sent = maps.Clone(r.last), maps.Clone(r.expected), slices.Clone(r.sent)
	fork.load(r.Memory())
	return &fork
}

func (r *Room) memory() []byte {
	r.t.Helper()
	memory, err := r.in.Memory()
	if err != nil {
		r.t.Fatalf("memory: %v", err)
	}
	return memory
}

// Capacity is how many seats the room was opened with.
func (r *Room) Capacity() int { return r.capacity }

// Begun reports whether the game has begun.
func (r *Room) Begun() bool { return r.begun }

// Ended reports whether the room is over.
func (r *Room) Ended() bool { return r.in.Ended() }

// Empty reports whether the last member left with the latest event.
func (r *Room) Empty() bool { return r.empty }

// Online is how many members have a connection.
func (r *Room) Online() int { return r.in.Online() }

// Members is how many players the room has.
func (r *Room) Members() int { return r.in.Members() }

// Awards are all that the room has given, in order.
func (r *Room) Awards() []handlers.Award { return slices.Clone(r.awards) }

// Grants are all items that the room has given and taken, in order.
func (r *Room) Grants() []handlers.Grant { return slices.Clone(r.grants) }

// Scores are all results that the room has put on leaderboards, in order.
func (r *Room) Scores() []handlers.Score { return slices.Clone(r.scores) }

// Outcomes are all matches that the room has reported for ratings, in order.
func (r *Room) Outcomes() []handlers.Outcome { return slices.Clone(r.outcomes) }

// Backfill is what the room asks for last of those who find players; the zero value if nothing.
func (r *Room) Backfill() handlers.Backfill {
	if r.backfill == nil {
		return handlers.Backfill{}
	}
	return *r.backfill
}

// Jobs are all jobs that the room has asked for, in order.
func (r *Room) Jobs() []handlers.Job { return slices.Clone(r.jobs) }

// Finish tells the room that a job of its has ended with result, and returns how its function failed. A result that comes
// twice, or that nobody asked for, fails the test.
func (r *Room) Finish(job handlers.Job, result any) error {
	r.t.Helper()
	return r.finish(handlers.Event{Kind: handlers.EventJob, Type: job.Name, Job: job.ID, Body: encode(r.t, result)})
}

// Fail tells the room that a job of its was given up.
func (r *Room) Fail(job handlers.Job, why string) error {
	r.t.Helper()
	return r.finish(handlers.Event{Kind: handlers.EventJob, Type: job.Name, Job: job.ID, Reason: why})
}

func (r *Room) finish(ev handlers.Event) error {
	r.t.Helper()
	res := r.Play(ev)
	if res.Duplicate {
		r.t.Errorf("the room does not wait for job %s", ev.Job)
	}
	return outcome(res)
}
