package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// run is a deployment under load.
type run struct {
	t       *testing.T
	d       *deployment
	numbers *numbers
	games   *games
	dice    *dice
	report  report
}

const atOnce = "everything at once"

func TestFaults(t *testing.T) {
	seed := rand.Uint64N(1 << 32)
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s=%q is no number", envSeed, text)
		}
	}
	only, err := regexp.Compile(os.Getenv(envRows))
	if err != nil {
		t.Fatalf("%s: %v", envRows, err)
	}
	r := &run{t: t, d: deploy(t, 3), dice: newDice(seed), report: report{Seed: seed, Began: time.Now(), Nodes: 1}}
	r.report.Nodes = len(r.d.nodes)
	t.Logf("seed %d: %s=%d runs the same faults", seed, envSeed, seed)
	r.load()
	r.d.scouts = r.numbers.scout(t, r.d.front.url)
	defer func() {
		if err := r.report.print(); err != nil {
			t.Error(err)
		}
	}()
	for _, f := range faults() {
		if only.MatchString(f.name) {
			r.row(f.name, func(ctx context.Context) error { return f.run(ctx, r.d, r.dice) })
		}
	}
	if full() && only.MatchString(atOnce) {
		r.row(atOnce, func(ctx context.Context) error {
			return everything(ctx, r.d, r.dice, envDuration(t, envTime, 10*time.Minute), t.Logf)
		})
	}
}

// load seats the players and lets them play until the test ends.
func (r *run) load() {
	r.t.Helper()
	ledgers, tallies, pairs := 4, 2, 2
	r.numbers = &numbers{every: 100 * time.Millisecond}
	if full() {
		ledgers, tallies, pairs = 8, 3, 4
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	url := r.d.front.url
	if err := r.numbers.seat(ctx, url, "ledger", ledgers, 3); err != nil {
		r.t.Fatal(err)
	}
	if err := r.numbers.seat(ctx, url, "tally", tallies, 3); err != nil {
		r.t.Fatal(err)
	}
	r.games = newGames(url)
	seated, err := r.games.seat(ctx, pairs)
	if err != nil {
		r.t.Fatal(err)
	}
	playing, stop := context.WithCancel(context.WithoutCancel(r.t.Context()))
	var all sync.WaitGroup
	all.Go(func() { r.numbers.run(playing) })
	all.Go(func() { r.games.run(playing, seated) })
	r.t.Cleanup(func() {
		stop()
		all.Wait()
	})
}

const (
	calmTime   = 500 * time.Millisecond // of play before a fault, and after it was put right
	askTime    = 20 * time.Second       // for the balances to be told
	settleTime = 90 * time.Second       // for everything that is under way to arrive
)

// row plays, lets something go wrong meanwhile, waits until everything has arrived, and counts.
func (r *run) row(name string, goWrong func(ctx context.Context) error) {
	r.t.Helper()
	x := &row{Fault: name}
	r.report.Rows = append(r.report.Rows, x)
	ctx := r.t.Context()
	began := time.Now()
	before := r.numbers.sum()
	gamesBefore, _ := r.games.counts()
	r.numbers.writeOff()
	r.numbers.begin()
	r.games.open.Store(true)

	_ = pause(ctx, calmTime)
	if err := goWrong(ctx); errors.Is(err, errNoIsland) && os.Getenv("CI") != "true" {
		x.NotRun = err.Error()
		r.t.Logf("%s: NOT RUN: %v", name, err)
	} else if err != nil {
		x.Failures = append(x.Failures, err.Error())
	}
	_ = pause(ctx, calmTime)

	var settled sync.WaitGroup // each has its own time: a game that hangs must not be taken for lost numbers
	settled.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		r.numbers.settle(ctx, before.Lost)
	})
	gameErr := r.games.settle(ctx)
	settled.Wait()
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var balancesErr error
	x.BalancesWrong, balancesErr = r.games.wrong(asking)
	for _, err := range []error{gameErr, balancesErr} {
		if err != nil {
			x.Failures = append(x.Failures, err.Error())
		}
	}
	x.Took = time.Since(began)
	x.sums = r.numbers.sum().since(before)
	if x.Lost > 0 {
		r.numbers.blame()
		r.d.queues(ctx)
	}
	var seen []string
	x.played, seen = r.games.counts()
	x.played = x.played.since(gamesBefore)
	x.Seen = append(r.numbers.writeOff(), seen...)
	if x.NotRun != "" {
		return
	}
	r.t.Logf("%s: %d sent, %d heard, gap %s, %d games, %s", name, x.Sent, x.Heard, x.LongestGap.Round(time.Millisecond), x.Finished, x.Took.Round(time.Millisecond))
	if wrong := x.wrong(); wrong != "" {
		r.t.Errorf("%s (seed %d, logs in %s): %s", name, r.report.Seed, r.d.logs, wrong)
	}
	for _, line := range x.Seen {
		r.t.Logf("  %s", line)
	}
}

func (s sums) since(before sums) sums {
	s.Sent -= before.Sent
	s.Receipted -= before.Receipted
	s.Refused -= before.Refused
	s.Lost -= before.Lost
	s.Heard -= before.Heard
	s.Doubled -= before.Doubled
	s.OutOfOrder -= before.OutOfOrder
	s.Resets -= before.Resets
	return s
}

func (p played) since(before played) played {
	p.Finished -= before.Finished
	p.Otherwise -= before.Otherwise
	p.Unseen -= before.Unseen
	p.Differing -= before.Differing
	p.Broken -= before.Broken
	return p
}
