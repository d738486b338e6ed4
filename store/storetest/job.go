package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

const lease = 15 * time.Second

func job(id, name string, due time.Time) store.Job {
	return store.Job{ID: id, Name: name, Arg: []byte(`{"of":"` + id + `"}`), Due: due}
}

func (t *suite) enqueue(s store.Store, jobs ...store.Job) {
	t.Helper()
	t.fatal("enqueue", s.Enqueue(t.ctx(), 0, jobs...))
}

// take takes jobs at a time, and returns them, and their IDs.
func (t *suite) take(s store.Store, process string, now time.Time, limit int, names ...string) ([]store.Job, string) {
	t.Helper()
	jobs, err := s.TakeJobs(t.ctx(), process, names, now, now.Add(lease), limit)
	t.fatal("take jobs", err)
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	slices.Sort(ids)
	return jobs, strings.Join(ids, " ")
}

func done(j store.Job, result string) store.JobStatus {
	return store.JobStatus{Job: j, State: store.JobDone, Result: []byte(result)}
}

var jobCases = []testCase{
	{"AreTakenOnceWhenTheyAreDue", func(t *suite) {
		s, other := t.open(), t.open()
		t.enqueue(s, job("a", "one", after(0)), job("b", "one", after(time.Second)), job("c", "two", after(0)), job("d", "one", after(time.Hour)))
		t.enqueue(other, store.Job{ID: "a", Name: "one", Arg: []byte(`"another"`), Due: begin}) // there already
		_, got := t.take(s, "p", after(-time.Second), 10, "one", "two")
		equal(t, "before", got, "")
		jobs, got := t.take(other, "p", after(time.Minute), 10, "one")
		equal(t, "due of one", got, "a b")
		for _, j := range jobs {
			equal(t, "argument", string(j.Arg), `{"of":"`+j.ID+`"}`)
			equal(t, "tries and term", fmt.Sprint(j.Tries, j.Term), "1 1")
		}
		_, got = t.take(s, "q", after(time.Minute), 10, "one")
		equal(t, "again", got, "")
		_, got = t.take(s, "q", after(2*time.Hour), 1, "two", "one")
		equal(t, "one of two names", got, "c")
		counts, err := s.JobCounts(t.ctx())
		t.fatal("count", err)
		equal(t, "counts", fmt.Sprint(counts), fmt.Sprint([]store.JobCount{{Name: "one", Waiting: 3, Oldest: after(time.Hour)}, {Name: "two", Running: 1}}))
	}},
	{"OfMoreThanTheBoundNoneIsAdded", func(t *suite) {
		s := t.open()
		t.fatal("enqueue", s.Enqueue(t.ctx(), 2, job("a", "one", begin), job("b", "one", begin)))
		t.want("enqueue", s.Enqueue(t.ctx(), 2, job("x", "two", begin), job("c", "one", begin)), store.ErrFull)
		_, err := s.Job(t.ctx(), "x")
		t.want("job of the refused", err, store.ErrNotFound)
		t.take(s, "p", begin, 1, "one")
		t.fatal("enqueue", s.Enqueue(t.ctx(), 2, job("c", "one", begin)))
	}},
	{"BelongToATransaction", func(t *suite) {
		s := t.open()
		broken := errors.New("broken")
		for id, want := range map[string]error{"a": nil, "b": broken} {
			err := s.Transact(t.ctx(), func(ctx context.Context) error {
				return errors.Join(s.Enqueue(ctx, 0, job(id, "one", begin)), want)
			})
			t.want("transact", err, want)
		}
		_, got := t.take(s, "p", begin, 10, "one")
		equal(t, "taken", got, "a")
	}},
	{"ALostLeaseEndsNothing", func(t *suite) {
		s, other := t.open(), t.open()
		t.enqueue(s, job("a", "one", begin))
		first, _ := t.take(s, "p", begin, 1, "one")
		_, got := t.take(other, "q", after(lease-time.Second), 1, "one")
		equal(t, "within the lease", got, "")
		second, got := t.take(other, "q", after(lease), 1, "one")
		equal(t, "after the lease", got, "a")
		equal(t, "tries and term", fmt.Sprint(second[0].Tries, second[0].Term), "2 2")
		until := after(time.Hour)
		t.want("end", s.EndJob(t.ctx(), done(first[0], "1"), until, nil), store.ErrStaleTerm)
		t.want("give back", s.GiveBackJob(t.ctx(), "a", first[0].Term, begin, false), store.ErrStaleTerm)
		t.fatal("end", other.EndJob(t.ctx(), done(second[0], "2"), until, nil))
		t.want("end again", other.EndJob(t.ctx(), done(second[0], "3"), until, nil), store.ErrStaleTerm)
		is, err := s.Job(t.ctx(), "a")
		t.fatal("job", err)
		equal(t, "end", fmt.Sprint(is.State, string(is.Result), is.Failed), fmt.Sprint(store.JobDone, "2", ""))
	}},
	{"WhatIsDoneWithTheEndIsDoneOnce", func(t *suite) {
		s, other := t.open(), t.open()
		t.enqueue(s, job("a", "one", begin))
		user := t.user(s)
		var takers [2]store.Job
		for i, at := range []time.Time{begin, after(lease)} {
			jobs, _ := t.take(s, fmt.Sprint("p", i), at, 1, "one")
			takers[i] = jobs[0]
		}
		together(2, func(i int) {
			with := []store.Store{s, other}[i]
			err := with.Transact(t.ctx(), func(ctx context.Context) error {
				if err := with.EndJob(ctx, done(takers[i], "1"), after(time.Hour), nil); err != nil {
					return err
				}
				_, err := with.Notify(ctx, note(user, i, begin))
				return err
			})
			t.want("end", err, []error{store.ErrStaleTerm, nil}[i])
		})
		equal(t, "effects", t.told(s, user, 0, 10), "1=1 of 1")
	}},
	{"LeasesAreKeptAndGivenBack", func(t *suite) {
		s := t.open()
		t.enqueue(s, job("a", "one", begin), job("b", "one", begin), job("c", "one", begin))
		jobs, _ := t.take(s, "p", begin, 2, "one")
		t.take(s, "q", begin, 1, "one")
		kept, err := s.KeepJobs(t.ctx(), after(time.Hour), jobs[1], jobs[0])
		t.fatal("keep", err)
		equal(t, "kept", len(kept), 2)
		_, got := t.take(s, "r", after(time.Minute), 10, "one")
		equal(t, "taken from q", got, "c")
		t.fatal("give back", s.GiveBackJob(t.ctx(), "a", jobs[0].Term, after(2*time.Minute), true))
		_, got = t.take(s, "r", after(time.Minute), 10, "one")
		equal(t, "taken before it is due", got, "")
		kept, err = s.KeepJobs(t.ctx(), after(time.Hour), jobs...)
		t.fatal("keep", err)
		equal(t, "kept of one that waits and one that runs", fmt.Sprint(len(kept), " ", kept[0].ID), "1 b")
		n, err := s.GiveBackJobs(t.ctx(), "p", after(time.Minute))
		t.fatal("give back all of p", err)
		equal(t, "given back", n, 1)
		jobs, got = t.take(s, "r", after(2*time.Minute), 10, "one")
		equal(t, "taken", got, "a b c")
		tries := ""
		for _, j := range jobs {
			tries += fmt.Sprint(j.ID, j.Tries, " ")
		}
		if !strings.Contains(tries, "a1 ") || !strings.Contains(tries, "b2 ") {
			t.Errorf("tries: got %s, want a's first and b's second", tries)
		}
	}},
	{"OnlyTheLeasesThatAreNamedAreKept", func(t *suite) {
		s, other := t.open(), t.open()
		t.enqueue(s, job("a", "one", begin), job("b", "one", begin))
		first, _ := t.take(s, "p", begin, 2, "one")
		kept, err := s.KeepJobs(t.ctx(), after(time.Hour), first[slices.IndexFunc(first, func(j store.Job) bool { return j.ID == "a" })])
		t.fatal("keep", err)
		equal(t, "kept", len(kept), 1)
		_, got := t.take(other, "p", after(lease), 10, "one")
		equal(t, "taken after the lease", got, "b")
		kept, err = s.KeepJobs(t.ctx(), after(2*time.Hour), first...)
		t.fatal("keep", err)
		equal(t, "kept by older terms", fmt.Sprint(len(kept), " ", kept[0].ID), "1 a")
		_, got = t.take(other, "q", after(2*lease), 10, "one")
		equal(t, "taken after the newer lease", got, "b")
		kept, err = s.KeepJobs(t.ctx(), after(2*time.Hour))
		t.fatal("keep none", err)
		equal(t, "kept of none", len(kept), 0)
	}},
	{"RoomsAreToldInTheOrderOfTheirEnds", func(t *suite) {
		s := t.open()
		for i := range 5 {
			j := job(fmt.Sprint("j", i), "one", begin)
			j.Room = "room"
			t.enqueue(s, j)
			jobs, _ := t.take(s, "p", begin, 1, "one")
			t.fatal("end", s.EndJob(t.ctx(), done(jobs[0], "1"), after(time.Hour), nil))
		}
		now, got := time.Now().Add(time.Minute), ""
		for last := (store.JobStatus{}); ; {
			page, err := s.UntoldJobs(t.ctx(), last, now, 2)
			t.fatal("untold", err)
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				got += d.ID + " "
			}
			last = page[len(page)-1]
			is, err := s.Job(t.ctx(), last.ID)
			t.fatal("job", err)
			equal(t, "end", is.Ended, last.Ended)
		}
		equal(t, "untold", got, "j0 j1 j2 j3 j4 ")
	}},
	{"RoomsAreToldAndWhatIsOverIsForgotten", func(t *suite) {
		s := t.open()
		loud, mute := job("loud", "one", begin), job("mute", "one", after(time.Second))
		loud.Room = "room-1"
		t.enqueue(s, loud, mute)
		jobs, _ := t.take(s, "p", after(time.Second), 2, "one")
		for _, j := range jobs {
			end := done(j, `{"n":1}`)
			var letter *store.DeadLetter
			if j.ID == "mute" {
				end = store.JobStatus{Job: j, State: store.JobFailed, Failed: "it broke"}
				letter = &store.DeadLetter{ID: "letter", Kind: "job", Type: j.Name, Body: j.Arg, Error: "it broke", SentAt: begin, GivenUp: begin}
			}
			t.fatal("end", s.EndJob(t.ctx(), end, after(time.Hour), letter))
		}
		l, err := s.DeadLetter(t.ctx(), "letter")
		t.fatal("letter", err)
		equal(t, "letter", l.Kind+" "+string(l.Body), `job {"of":"mute"}`)
		now := time.Now().Add(time.Minute)
		untold, err := s.UntoldJobs(t.ctx(), store.JobStatus{}, now, 10)
		t.fatal("untold", err)
		if len(untold) != 1 || untold[0].ID != "loud" || untold[0].Room != "room-1" || string(untold[0].Result) != `{"n":1}` {
			t.Errorf("untold: got %v, want loud with its result", untold)
		}
		n, err := s.ForgetJobs(t.ctx(), after(2*time.Hour), 10)
		t.fatal("forget", err)
		equal(t, "forgotten while one is untold", n, 1)
		t.fatal("told", s.JobTold(t.ctx(), "loud"))
		untold, err = s.UntoldJobs(t.ctx(), store.JobStatus{}, now, 10)
		t.fatal("untold", err)
		equal(t, "untold", len(untold), 0)
		n, err = s.ForgetJobs(t.ctx(), after(time.Minute), 10)
		t.fatal("forget", err)
		equal(t, "forgotten too early", n, 0)
		n, err = s.ForgetJobs(t.ctx(), after(time.Hour), 10)
		t.fatal("forget", err)
		equal(t, "forgotten", n, 1)
		_, err = s.Job(t.ctx(), "loud")
		t.want("job", err, store.ErrNotFound)
	}},
	{"ComeWithARoomsCommit", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		j := job("j", "one", begin)
		j.Room = r.Room.ID
		c.Jobs = []store.Job{j}
		t.commit(s, c)
		stale := commit(r)
		stale.Term--
		stale.Jobs = []store.Job{job("stale", "one", begin)}
		_, err := s.Commit(t.ctx(), stale)
		t.want("stale commit", err, store.ErrStaleTerm)
		_, got := t.take(s, "p", begin, 10, "one")
		equal(t, "taken", got, "j")
	}},
	{"ManyTakersShareThem", func(t *suite) {
		const jobs, takers = 200, 8
		s := t.open()
		for i := range jobs {
			t.enqueue(s, job(fmt.Sprintf("job-%03d", i), "one", begin))
		}
		var ended atomic.Int64
		together(takers, func(i int) {
			process := fmt.Sprint("p", i)
			for {
				some, err := s.TakeJobs(t.ctx(), process, []string{"one"}, begin, after(lease), 5)
				if err != nil {
					t.Errorf("take: %v", err)
				}
				if len(some) == 0 {
					return
				}
				for _, j := range some {
					if err := s.EndJob(t.ctx(), done(j, "1"), after(time.Hour), nil); err != nil {
						t.Errorf("end %s: %v", j.ID, err)
					}
					ended.Add(1)
				}
			}
		})
		equal(t, "ended", ended.Load(), jobs)
	}},
}
