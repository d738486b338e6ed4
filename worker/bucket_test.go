package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/worker"
)

// A room whose neighbours leave, with whom it shares its place in the line, goes with them in good order, and comes back: in the same
// epoch also when it is not durable, which no crash leaves it in.
func TestARoomGoesAlongWithItsBucket(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]handlers.Policy{
		"durable":      {Idle: time.Hour},
		"checkpointed": {Idle: time.Hour, Keep: handlers.Checkpointed{Every: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(policy, 0))
				w.room("r", "ann")
				w.listen("r")
				var mu sync.Mutex
				var pipes []*meddledPipe
				var wake func()
				one := w.start(func(p *process) {
					p.afterConsume = func(c broker.Consumption, pipe *meddledPipe) {
						mu.Lock()
						defer mu.Unlock()
						pipes, wake = append(pipes, pipe), c.Wake
						if want := fmt.Sprintf("tally/1/%d", broker.Bucket("r")); c.Group != want {
							t.Errorf("consumed in the group %q, want %q", c.Group, want)
						}
					}
				}, func(c *worker.Config) { c.Process = "one" })
				w.join("r", "ann")
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				for round := range 3 {
					mu.Lock()
					pipes[len(pipes)-1].leaving.Store(true)
					wake()
					mu.Unlock()
					synctest.Wait()
					time.Sleep(time.Second)
					w.say("r", "ann", uint64(round+2), "add", said{})
					outs := ofType(t, w.awaitType("added", round+2), "added")
					last := outs[len(outs)-1]
					if number(t, last) != round+2 || last.At.Epoch != 1 || last.Term != uint64(round+2) {
						t.Errorf("got %d at %v in term %d, want %d in epoch 1, term %d", number(t, last), last.At, last.Term, round+2, round+2)
					}
				}
				if len(pipes) != 4 {
					t.Errorf("it was consumed %d times, want 4", len(pipes))
				}
				one.end()
			})
		})
	}
}

// A room that fails again and again leaves its neighbours alone. One that has lost its channel has not failed.
func TestARoomThatFailsIsConsumedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		var mu sync.Mutex
		var groups []string
		var lost, refused atomic.Int64
		one := w.start(func(p *process) {
			p.afterConsume = func(c broker.Consumption, _ *meddledPipe) {
				mu.Lock()
				defer mu.Unlock()
				groups = append(groups, c.Group)
			}
			p.beforeConsume = func(context.Context, string) error {
				if refused.Add(-1) >= 0 {
					return errors.New("the broker does not like it")
				}
				return nil
			}
			p.beforePublish = func([]*broker.Output) error {
				if lost.Add(-1) >= 0 {
					return broker.ErrLost
				}
				return nil
			}
		}, nil)
		lost.Store(2)
		w.join("r", "ann")
		w.say("r", "ann", 1, "add", said{})
		w.awaitType("added", 1)
		refused.Store(1)
		lost.Store(1)
		w.say("r", "ann", 2, "add", said{})
		w.awaitType("added", 2)
		mu.Lock()
		defer mu.Unlock()
		group := fmt.Sprintf("tally/1/%d", broker.Bucket("r"))
		if want := []string{group, group, group, ""}; !slices.Equal(groups, want) {
			t.Errorf("consumed in the groups %q, want %q: alone after it has failed", groups, want)
		}
		one.end()
	})
}
