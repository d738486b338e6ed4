package lobby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// yard is a database and a broker in a bubble, with runners of one app.
type yard struct {
	*testing.T
	store  store.Store
	broker *memory.Broker
	user   string
}

// newYard has one player.
func newYard(t *testing.T) *yard {
	t.Helper()
	s, err := sql.Open(t.Context(), sql.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "madang.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := memory.Open(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(); s.Close() })
	if _, _, err := s.CreateAccount(t.Context(), store.Account{ID: "ann", Name: "Ann", CreatedAt: time.Now()}, store.Identity{}); err != nil {
		t.Fatal(err)
	}
	return &yard{t, s, b, "ann"}
}

// keptStore is a store whose leases can be lost.
type keptStore struct {
	store.Store
	lost *atomic.Bool
}

func (s keptStore) KeepJobs(ctx context.Context, until time.Time, jobs ...store.Job) ([]store.Job, error) {
	if s.lost.Load() {
		return nil, errors.New("frozen")
	}
	return s.Store.KeepJobs(ctx, until, jobs...)
}

// runner starts one; what it returns stops it and waits. lost, where not nil, says that its leases are not kept.
func (y *yard) runner(app *App, process string, lost *atomic.Bool) (stop func()) {
	y.Helper()
	var s Store = y.store
	if lost != nil {
		s = keptStore{y.store, lost}
	}
	return y.runnerOf(app, RunnerConfig{Store: s, Broker: y.broker.Peer(), Process: process})
}

// runnerOf is runner with a config, but for its log.
func (y *yard) runnerOf(app *App, config RunnerConfig) (stop func()) {
	y.Helper()
	config.Log = slog.New(slog.DiscardHandler)
	r, err := app.Runner(config)
	if err != nil {
		y.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			y.Errorf("Run: %v", err)
		}
	}()
	return sync.OnceFunc(func() { cancel(); <-ended })
}

// gold is what ann has.
func (y *yard) gold() int64 {
	y.Helper()
	have, err := y.store.Inventory(y.Context(), y.user)
	if err != nil {
		y.Fatal(err)
	}
	return have.Gold
}

// ask enqueues as a route would, in a transaction that ends with err.
func ask[In, Out any](y *yard, j *JobOf[In, Out], in In, after time.Duration, err error) (id string) {
	y.Helper()
	s := &Service{config: Config{Store: y.store, Broker: y.broker, Process: "lobby", Log: slog.New(slog.DiscardHandler), Now: time.Now}}
	c := &Context{session: store.Session{User: y.user}, clock: time.Now, jobs: y.store, jobsSoon: s.jobsSoon}
	got := s.transact(y.Context(), func(ctx context.Context) error {
		c.ctx = ctx
		var failed error
		if id, failed = j.Enqueue(c, in, after); failed != nil {
			return failed
		}
		return err
	})
	if !errors.Is(got, err) {
		y.Fatalf("enqueue: got %v, want %v", got, err)
	}
	return id
}

// pay gives ann gold at a job's end.
func pay(c *JobContext, count int64) {
	c.Then(func(c *Context) error {
		_, err := c.Wallet("ann").Change("job", "", Amount{Gold, count})
		return err
	})
}

func TestAJobRunsOnceIfItsRequestIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		var runs atomic.Int64
		prize := Job(app, "prize", func(c *JobContext, count int64) (string, error) {
			runs.Add(1)
			pay(c, count)
			return fmt.Sprint("paid ", count), nil
		})
		for _, name := range []string{"one", "two"} {
			defer y.runner(app, name, nil)()
		}
		synctest.Wait()
		ask(y, prize, 1000, 0, errors.New("undone"))
		id := ask(y, prize, 7, 0, nil)
		synctest.Wait()
		if got := y.gold(); got != 7 || runs.Load() != 1 {
			t.Errorf("got %d gold after %d runs, want 7 after 1, without waiting for a look", got, runs.Load())
		}
		c := &Context{ctx: t.Context(), session: store.Session{User: "ann"}, jobs: y.store}
		if state, result, err := prize.Status(c, id); state != store.JobDone || result != "paid 7" || err != nil {
			t.Errorf("status: got %s %q %v, want done and its result", state, result, err)
		}
		c.session.User = "bob"
		if _, _, err := prize.Status(c, id); !errors.Is(err, jobNotFound) {
			t.Errorf("another's job: got %v, want job_not_found", err)
		}
		late := ask(y, prize, 1, time.Hour, nil)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if got := y.gold(); got != 7 {
			t.Errorf("got %d gold before the job is due, want 7", got)
		}
		time.Sleep(time.Minute + jobLook)
		synctest.Wait()
		if got := y.gold(); got != 8 {
			t.Errorf("got %d gold after the job was due, want 8", got)
		}
		time.Sleep(jobsKept + time.Minute)
		synctest.Wait()
		if _, err := y.store.Job(t.Context(), late); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a job that ended a day ago: got %v, want it forgotten", err)
		}
	})
}

func TestAJobThatFailsIsTriedAgainAndThenGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		var tries atomic.Int64
		shaky := Job(app, "shaky", func(c *JobContext, fails int) (int, error) {
			tries.Add(1)
			pay(c, 1)
			if c.Try() <= fails {
				return 0, errors.New("not yet")
			}
			return c.Try(), nil
		})
		wild := Job(app, "wild", func(c *JobContext, _ struct{}) (int, error) { pay(c, 100); panic("oh no") }, JobOptions{Tries: 2})
		hopeless := Job(app, "hopeless", func(c *JobContext, _ struct{}) (int, error) { pay(c, 100); return 0, GiveUp(errors.New("never")) })
		slow := Job(app, "slow", func(c *JobContext, _ struct{}) (int, error) {
			<-c.Context().Done()
			return 0, c.Context().Err()
		}, JobOptions{Tries: 1, Time: time.Second})
		unpaid := Job(app, "unpaid", func(c *JobContext, _ struct{}) (int, error) {
			pay(c, 1)
			c.Then(func(c *Context) error {
				_, err := c.Wallet("nobody").Change("job", "", Amount{Gold, 1})
				return err
			})
			return 0, nil
		}, JobOptions{Tries: 1})
		defer y.runner(app, "one", nil)()
		ask(y, shaky, 2, 0, nil)
		for _, j := range []*JobOf[struct{}, int]{wild, hopeless, slow, unpaid} {
			ask(y, j, struct{}{}, 0, nil)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := y.gold(); got != 1 || tries.Load() != 3 {
			t.Errorf("got %d gold after %d tries, want 1 after 3", got, tries.Load())
		}
		letters, _, err := y.store.DeadLetters(t.Context(), store.DeadFilter{}, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, l := range letters {
			whole, err := y.store.DeadLetter(t.Context(), l.ID)
			if err != nil {
				t.Fatal(err)
			}
			got[l.Type] = fmt.Sprint(l.Kind, " ", l.Attempts, " ", l.Error, " ", strings.Contains(whole.Stack, "job_test.go"))
		}
		for name, want := range map[string]string{
			"wild": "job 2 panic: oh no true", "hopeless": "job 1 never false", "slow": "job 1 it took too long (1s): context deadline exceeded false",
			"unpaid": "job 1 " + userNotFound.Error() + " false",
		} {
			if got[name] != want {
				t.Errorf("letter of %s: got %q, want %q", name, got[name], want)
			}
		}
		if len(letters) != 4 {
			t.Errorf("got %d letters, want 4", len(letters))
		}
	})
}

func TestAProcessThatIsFrozenEndsNoJobOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		var begun atomic.Int64
		thaw := make(chan struct{})
		heavy := Job(app, "heavy", func(c *JobContext, _ struct{}) (int, error) {
			pay(c, 1)
			if begun.Add(1) == 1 {
				<-thaw
			}
			return 0, nil
		})
		var frozen atomic.Bool
		stop := y.runner(app, "one", &frozen)
		defer stop()
		ask(y, heavy, struct{}{}, 0, nil)
		synctest.Wait()
		frozen.Store(true)
		defer y.runner(app, "two", nil)()
		time.Sleep(jobLease + jobLook)
		synctest.Wait()
		if got := y.gold(); got != 1 || begun.Load() != 2 {
			t.Fatalf("got %d gold after %d tries, want 1 by the second process", got, begun.Load())
		}
		close(thaw)
		synctest.Wait()
		if got := y.gold(); got != 1 {
			t.Errorf("got %d gold when the first one woke, want still 1", got)
		}
	})
}

func TestALostProcessJobsAreTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		heavy := Job(app, "heavy", func(c *JobContext, _ struct{}) (int, error) { pay(c, 1); return 0, nil })
		post := func(process string) {
			n := broker.Notice{Kind: broker.NoticeProcess, From: process, Body: []byte(`{"id":"` + process + `"}`), Time: time.Now()}
			if err := y.broker.Post(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		id := ask(y, heavy, struct{}{}, 0, nil)
		if _, err := y.store.TakeJobs(t.Context(), "lost", []string{"heavy"}, time.Now(), time.Now().Add(time.Hour), 1); err != nil {
			t.Fatal(err)
		}
		defer y.runner(app, "one", nil)()
		synctest.Wait()
		post("lost")
		for range 6 {
			post("one")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := y.gold(); got != 1 {
			t.Errorf("got %d gold 6 s after the process of job %s was last heard, want 1", got, id)
		}
	})
}

func TestAJobThatKillsItsProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		deadly := Job(app, "deadly", func(*JobContext, struct{}) (int, error) { t.Error("it was begun once more"); return 0, nil }, JobOptions{Tries: 2})
		ask(y, deadly, struct{}{}, 0, nil)
		for i := range 2 { // processes that took it and were heard of no more
			now := time.Now().Add(time.Duration(i) * time.Minute)
			if jobs, err := y.store.TakeJobs(t.Context(), fmt.Sprint("p", i), []string{"deadly"}, now, now.Add(time.Second), 1); err != nil || len(jobs) != 1 {
				t.Fatalf("take: got %v, %v", jobs, err)
			}
		}
		time.Sleep(2 * time.Minute)
		defer y.runner(app, "one", nil)()
		time.Sleep(jobLook)
		synctest.Wait()
		letters, _, err := y.store.DeadLetters(t.Context(), store.DeadFilter{}, "", 10)
		if err != nil || len(letters) != 1 || letters[0].Attempts != 3 {
			t.Errorf("got letters %+v, %v, want one of the third try", letters, err)
		}
	})
}

func TestAJobRunsByItselfOnceInEachPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		Job(app, "hourly", func(c *JobContext, in *int) (int, error) {
			if in != nil {
				t.Errorf("got %v, want nothing", *in)
			}
			pay(c, 1)
			return 0, nil
		}, JobOptions{Every: time.Hour})
		for i := range 3 {
			defer y.runner(app, fmt.Sprint("p", i), nil)()
		}
		time.Sleep(3*time.Hour + 10*time.Second) // the bubble begins on a full hour
		synctest.Wait()
		if got := y.gold(); got != 4 {
			t.Errorf("got %d runs in three hours and a little, want 4", got)
		}
	})
}

func TestARunnerThatStopsLetsJobsEndAndGivesBackTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		work := Job(app, "work", func(c *JobContext, lasts time.Duration) (int, error) {
			pay(c, 1)
			select {
			case <-time.After(lasts):
				return 0, nil
			case <-c.Context().Done():
				return 0, c.Context().Err()
			}
		})
		stop := y.runner(app, "one", nil)
		ask(y, work, 5*time.Second, 0, nil)
		id := ask(y, work, 45*time.Second, 0, nil)
		synctest.Wait()
		stop()
		if got := y.gold(); got != 1 {
			t.Errorf("got %d gold, want 1 of the short job", got)
		}
		is, err := y.store.Job(t.Context(), id)
		if err != nil || is.State != store.JobWaiting || is.Tries != 0 {
			t.Errorf("the long job: got %s after %d tries, %v, want it to wait untried", is.State, is.Tries, err)
		}
	})
}

func TestJobsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	app := New()
	work := Job(app, "work", func(*JobContext, int) (int, error) { return 0, nil }, JobOptions{Waiting: 3})
	for range 3 {
		ask(y, work, 1, 0, nil)
	}
	ask(y, work, 1, 0, tooManyJobs)
}

func TestJobFindsMistakes(t *testing.T) {
	t.Parallel()
	nothing := func(*JobContext, int) (int, error) { return 0, nil }
	for name, register := range map[string]func(*App){
		"a name with a space": func(a *App) { Job(a, "a b", nothing) },
		"no function":         func(a *App) { Job[int, int](a, "a", nil) },
		"twice":               func(a *App) { Job(a, "a", nothing); Job(a, "a", nothing) },
		"a channel":           func(a *App) { Job(a, "a", func(*JobContext, chan int) (int, error) { return 0, nil }) },
		"negative tries":      func(a *App) { Job(a, "a", nothing, JobOptions{Tries: -1}) },
		"every millisecond":   func(a *App) { Job(a, "a", nothing, JobOptions{Every: time.Millisecond}) },
		"after serving":       func(a *App) { a.take(); Job(a, "a", nothing) },
	} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "lobby: Job(") {
					t.Errorf("%s: got panic %v, want one that names the call", name, v)
				}
			}()
			register(New())
		}()
	}
}
