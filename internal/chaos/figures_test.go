package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/client"
)

// TestTakeoverFigures prints how long rooms and players are silent when something goes wrong. It asserts no times: a
// machine that does other things at the same time has others.
func TestTakeoverFigures(t *testing.T) {
	if !full() {
		t.Skip("figures are made by `make chaos`")
	}
	only, err := regexp.Compile(os.Getenv(envRows))
	if err != nil {
		t.Fatalf("%s: %v", envRows, err)
	}
	d := deploy(t, number(t, envNodes, 3))
	say := func(what string, measure func() []time.Duration) {
		if only.MatchString(what) {
			fmt.Printf("%-48s %s\n", what, spread(measure()))
		}
	}

	anyOne := func(*process) bool { return true }
	ashore := func(p *process) bool { return !d.island.holds(p) }
	kill := func(p *process) error { p.kill(); return nil }
	drain := func(p *process) error { return p.drain(2 * drainTime) }
	freeze := func(p *process) error { return p.signal(syscall.SIGSTOP) }
	thaw := func(p *process) error { return p.signal(syscall.SIGCONT) }

	const repeats = 20
	ones := probes(t, d.front.url, 12, 1, client.Config{})
	silences := func(times int, may func(*process) bool, goWrong, after func(*process) error) func() []time.Duration {
		return func() []time.Duration { return d.silences(t, ones, times, may, goWrong, after) }
	}
	say("killed worker, one room", silences(repeats, ashore, kill, nil))
	say("drained worker, one room", silences(repeats, ashore, drain, nil))
	say("frozen worker, one room", silences(5, anyOne, freeze, thaw))
	if cutOff := "worker cut off without FIN, one room"; d.island == nil {
		fmt.Printf("%-48s NOT RUN: %v\n", cutOff, d.why)
		if os.Getenv("CI") == "true" {
			t.Errorf("worker cut off: %v", d.why)
		}
	} else {
		say(cutOff, func() []time.Duration {
			d.scouts = ones
			if err := d.settleIsland(t.Context()); err != nil {
				t.Error(err)
			}
			return d.silences(t, ones, 5, d.island.holds,
				func(*process) error { return d.island.cut() }, func(*process) error { return d.island.heal() })
		})
	}
	say("cut client, until it is back", func() []time.Duration { return returns(t, d, ones, 10, 0) })
	say("no network for 2 s, from its return", func() []time.Duration { return returns(t, d, ones, 10, 2*time.Second) })
	if only.MatchString("many rooms") {
		d.figuresOfMany(t, kill, drain)
	}
}

// number reads a number of at least 1 from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a number from 1", name, text)
	}
	return n
}

// figuresOfMany prints how long all rooms of one worker are silent when it goes.
func (d *deployment) figuresOfMany(t *testing.T, kill, drain func(*process) error) {
	t.Helper()
	rooms := number(t, envRooms, 2000)
	// With two workers each one plays about a half.
	if err := d.of("worker")[2].drain(2 * drainTime); err != nil {
		t.Error(err)
	}
	plainFigures(t, d.urls, rooms)
	began := time.Now()
	many := probes(t, d.front.url, rooms, 1, client.Config{})
	fmt.Printf("%-48s %s\n", fmt.Sprintf("%d rooms made and joined", rooms), time.Since(began).Round(time.Millisecond))
	d.manyRooms(t, many, "nothing happens to the worker", func(*process) error { return nil })
	d.manyRooms(t, many, "killed worker", kill)
	d.manyRooms(t, many, "drained worker", drain)
}

// silences lets something happen to the worker that plays a room, so many times, and returns for how long the room was
// silent. after puts it right again; a process that has ended is started again. The worker is one that may says.
func (d *deployment) silences(t *testing.T, rooms []*probe, times int, may func(*process) bool, goWrong, after func(*process) error) (all []time.Duration) {
	t.Helper()
	for i := range times {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		p, victim, err := d.find(ctx, rooms, may)
		if err == nil {
			pid := victim.pid()
			var silent time.Duration
			silent, err = p.silence(ctx, func() error { return goWrong(victim) }, func(a answer) bool { return a.pid != pid })
			all = append(all, silent)
			if after != nil {
				err = errors.Join(err, after(victim))
			}
			err = errors.Join(err, back(ctx, victim))
		}
		// Until the worker has its share of rooms again, and the one that was killed is not counted on any more: for as long
		// as it is, its rooms have one consumer instead of two.
		_ = pause(ctx, broker.DefaultMissing+2*time.Second)
		cancel()
		if err != nil {
			t.Errorf("figure %d: %v", i, err)
			return all
		}
	}
	return all
}

// find returns a room and the worker that plays it, which is one that may says.
func (d *deployment) find(ctx context.Context, rooms []*probe, may func(*process) bool) (*probe, *process, error) {
	for {
		for _, p := range rooms {
			pid, err := p.player(ctx)
			if err != nil {
				return nil, nil, err
			}
			for _, w := range d.of("worker") {
				if w.pid() == pid && may(w) {
					return p, w, nil
				}
			}
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return nil, nil, fmt.Errorf("no room is played by such a worker: %w", err)
		}
	}
}

// returns cuts a client's connection, so many times, and tells how long after the network's return its room answered
// again with nothing missing: the answers come in the order of the questions.
func returns(t *testing.T, d *deployment, rooms []*probe, times int, away time.Duration) (all []time.Duration) {
	t.Helper()
	for i := range times {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var back, first time.Time
		_, err := rooms[i%len(rooms)].silence(ctx, func() error {
			d.front.away(true)
			err := pause(ctx, away)
			back = time.Now()
			d.front.away(false)
			return err
		}, func(a answer) bool {
			if back.IsZero() || a.at.Before(back) {
				return false
			}
			if first.IsZero() {
				first = a.at
			}
			return true
		})
		all = append(all, first.Sub(back))
		cancel()
		if err != nil {
			t.Errorf("return %d: %v", i, err)
			return all
		}
	}
	return all
}

// manyRooms lets something happen to the worker that plays the most rooms, asks each of them at once, and prints when
// they answered.
func (d *deployment) manyRooms(t *testing.T, rooms []*probe, what string, goWrong func(*process) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	of := map[int][]*probe{}
	for _, p := range rooms {
		pid, err := p.player(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		of[pid] = append(of[pid], p)
	}
	var victim *process
	for _, w := range d.of("worker") {
		if victim == nil || len(of[w.pid()]) > len(of[victim.pid()]) {
			victim = w
		}
	}
	pid := victim.pid()
	mine := of[pid]
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- goWrong(victim) }()
	took := make([]time.Duration, len(mine))
	var all sync.WaitGroup
	for i, p := range mine {
		all.Go(func() {
			seq, err := p.ask()
			var a answer
			if err == nil {
				a, err = p.answered(ctx, seq)
			}
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			took[i] = a.at.Sub(began)
		})
	}
	all.Wait()
	fmt.Printf("%-48s %s\n", fmt.Sprintf("%s, %d rooms of it", what, len(mine)), spread(took))
	if err := errors.Join(<-done, back(ctx, victim)); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	_ = pause(ctx, 10*time.Second) // until each worker has its share again
}
