package lobby

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// deafStore does not take jobs back, and forgets to say that it has given one.
type deafStore struct {
	store.Store
	deaf atomic.Bool // the next one to be given back is not
	mute atomic.Bool // who takes the next one does not hear of it
}

var errDeaf = fmt.Errorf("cut off: %w", store.ErrUnavailable)

func (s *deafStore) GiveBackJob(ctx context.Context, id string, term uint64, due time.Time, uncounted bool) error {
	if s.deaf.Swap(false) {
		return errDeaf
	}
	return s.Store.GiveBackJob(ctx, id, term, due, uncounted)
}

func (s *deafStore) TakeJobs(ctx context.Context, process string, names []string, now, until time.Time, limit int) ([]store.Job, error) {
	jobs, err := s.Store.TakeJobs(ctx, process, names, now, until, limit)
	if len(jobs) > 0 && s.mute.Swap(false) {
		return nil, errDeaf
	}
	return jobs, err
}

// A process that has other work keeps its leases; what it does not run is none of them.
func TestALeaseEndsOfAJobThatItsProcessDoesNotRun(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(s *deafStore){
		"not given back":       func(s *deafStore) { s.deaf.Store(true) },
		"taken without a word": func(s *deafStore) { s.mute.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y := newYard(t)
				app := New()
				long := Job(app, "long", func(c *JobContext, _ struct{}) (int, error) {
					<-c.Context().Done()
					return 0, c.Context().Err()
				}, JobOptions{Time: time.Hour})
				short := Job(app, "short", func(c *JobContext, _ struct{}) (int, error) {
					pay(c, 1)
					if name == "not given back" && c.Try() == 1 {
						return 0, errors.New("not yet")
					}
					return 0, nil
				})
				s := &deafStore{Store: y.store}
				defer y.runnerOf(app, RunnerConfig{Store: s, Broker: y.broker.Peer(), Process: "one"})()
				longID := ask(y, long, struct{}{}, 0, nil)
				synctest.Wait()
				lose(s)
				ask(y, short, struct{}{}, 0, nil)
				time.Sleep(jobLease + 2*jobLook)
				synctest.Wait()
				if got := y.gold(); got != 1 {
					t.Errorf("got %d gold after the lease, want 1: the job is to be begun again", got)
				}
				if is, err := y.store.Job(t.Context(), longID); err != nil || is.Tries != 1 {
					t.Errorf("the other job: got %d tries, %v, want 1", is.Tries, err)
				}
			})
		})
	}
}

// stalledBroker takes no messages.
type stalledBroker struct{ Broker }

func (stalledBroker) Send(ctx context.Context, _ *broker.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

// untold leaves jobs that have ended and whose rooms have not been told.
func (y *yard) untold(rooms ...string) {
	y.Helper()
	now := time.Now()
	for _, room := range rooms {
		j := store.Job{ID: room + "/1", Name: "past", Arg: []byte("1"), Room: room, Due: now}
		if err := y.store.Enqueue(y.Context(), 0, j); err != nil {
			y.Fatal(err)
		}
		jobs, err := y.store.TakeJobs(y.Context(), "past", []string{"past"}, now, now.Add(jobLease), 1)
		if err != nil || len(jobs) != 1 {
			y.Fatalf("take: got %v, %v", jobs, err)
		}
		if err := y.store.EndJob(y.Context(), store.JobStatus{Job: jobs[0], State: store.JobDone, Result: []byte("2")}, now.Add(jobsKept), nil); err != nil {
			y.Fatal(err)
		}
	}
}

func TestLeasesAreKeptWhileRoomsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		var begun atomic.Int64
		long := Job(app, "long", func(c *JobContext, _ struct{}) (int, error) {
			begun.Add(1)
			pay(c, 1)
			select {
			case <-time.After(time.Minute):
				return 0, nil
			case <-c.Context().Done():
				return 0, c.Context().Err()
			}
		}, JobOptions{Time: time.Hour})
		var rooms []string
		for i := range 20 { // each takes tellTimeout
			rooms = append(rooms, fmt.Sprint("room-", i))
		}
		y.untold(rooms...)
		time.Sleep(jobLook)
		defer y.runnerOf(app, RunnerConfig{Store: y.store, Broker: stalledBroker{y.broker.Peer()}, Process: "one"})()
		ask(y, long, struct{}{}, 0, nil)
		time.Sleep(2 * jobLook)
		defer y.runner(app, "two", nil)()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := y.gold(); got != 1 || begun.Load() != 1 {
			t.Errorf("got %d gold after %d tries, want 1 after 1", got, begun.Load())
		}
	})
}

func TestRoomsThatCannotBeToldHoldNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		Job(app, "any", func(*JobContext, struct{}) (int, error) { return 0, nil })
		room := func(id string) {
			r := store.Room{ID: id, Game: "duo", Version: "1", State: store.Open, Capacity: 2, CreatedAt: time.Now()}
			if err := y.store.CreateRoom(t.Context(), r, nil, ""); err != nil {
				t.Fatal(err)
			}
		}
		for i := range jobsAtOnce {
			id := fmt.Sprintf("room-%03d", i) // without a worker: there is no queue
			room(id)
			y.untold(id)
		}
		room("there")
		y.untold("there")
		b := y.broker.Peer()
		if err := b.Open(t.Context(), broker.Spec{Room: "there"}); err != nil {
			t.Fatal(err)
		}
		pipe, err := b.Consume(t.Context(), broker.Consumption{Room: "there", Wake: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = pipe.Close() }()
		defer y.runner(app, "one", nil)()
		time.Sleep(3 * jobLook)
		synctest.Wait()
		told, err := pipe.Take(nil)
		if err != nil || len(told) != 1 || told[0].Kind != broker.Job {
			t.Errorf("got %d messages, %v, want the job's end", len(told), err)
		}
	})
}

// Two tries of one job may be under way in one process, when its lease has ended meanwhile.
func TestOfTwoTriesInAProcessTheNewerKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		var begun atomic.Int64
		first, second := make(chan struct{}), make(chan struct{})
		heavy := Job(app, "heavy", func(c *JobContext, _ struct{}) (int, error) {
			pay(c, 1)
			if begun.Add(1) == 1 {
				<-first
				return 0, nil
			}
			<-second
			return 0, nil
		}, JobOptions{Time: time.Hour})
		var frozen atomic.Bool
		defer y.runner(app, "one", &frozen)()
		ask(y, heavy, struct{}{}, 0, nil)
		synctest.Wait()
		frozen.Store(true)
		time.Sleep(jobLease + jobLook)
		synctest.Wait()
		frozen.Store(false)
		close(first)
		time.Sleep(2*jobLease + jobLook)
		synctest.Wait()
		if got := begun.Load(); got != 2 {
			t.Errorf("got %d tries, want 2: the newer one is still under way", got)
		}
		close(second)
		synctest.Wait()
		if got := y.gold(); got != 1 {
			t.Errorf("got %d gold, want 1", got)
		}
	})
}
