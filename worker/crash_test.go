package worker_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// at calls do when the n-th call comes, once.
func at(n int64, do func() error) func() error {
	var calls atomic.Int64
	return func() error {
		if calls.Add(1) == n {
			return do()
		}
		return nil
	}
}

// deaths are the places where a worker can die, each for the nth time that it is there.
func deaths(n int64) map[string]func(*process) {
	return map[string]func(*process){
		"before the commit":                func(p *process) { f := at(n, p.kill); p.beforeCommit = func(*store.Commit) error { return f() } },
		"after the commit, before publish": func(p *process) { f := at(n, p.kill); p.afterCommit = func(*store.Commit) error { return f() } },
		"before publish":                   func(p *process) { f := at(n, p.kill); p.beforePublish = func([]*broker.Output) error { return f() } },
		"after publish, before the ack":    func(p *process) { f := at(n, p.kill); p.afterPublish = func([]*broker.Output) error { return f() } },
	}
}

func TestDurableRoomSurvivesTheDeathOfItsWorkerAnywhere(t *testing.T) {
	t.Parallel()
	const messages = 60
	for name, meddle := range deaths(4) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{}, 0))
			w.room("r", "ann")
			w.listen("r")
			first := w.start(meddle, nil)
			w.join("r", "ann")
			for n := range uint64(messages) {
				w.say("r", "ann", n+1, "pay", said{})
				if n == messages/2 {
					w.start(nil, nil) // stands by
				}
				if n < messages/2 {
					w.awaitOrDead(first, "paid", int(n)+1)
				}
			}
			heard := w.awaitType("paid", messages)
			if !first.dead.Load() {
				t.Fatal("the first worker did not die")
			}
			for i, o := range line(t, heard) {
				if want := (broker.Position{Epoch: 1, N: uint64(i + 1)}); o.At != want {
					t.Fatalf("output %d is %v, want %v", i, o.At, want)
				}
				if i > 0 && number(t, o) != i {
					t.Fatalf("output %v says %s, want %d", o.At, o.Body, i)
				}
			}
			w.paid("ann", messages)
		})
	}
}

// awaitOrDead waits until so many of a type were heard, or the process is dead.
func (w *world) awaitOrDead(p *process, typ string, n int) {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !p.dead.Load() {
		w.mu.Lock()
		heard, changed := len(w.heard), w.changed
		enough := len(ofType(w.t, w.heard, typ)) >= n
		w.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-changed:
		case <-p.ended:
			return
		case <-deadline.C:
			w.t.Fatalf("waited in vain for %d of %s; heard %d outputs", n, typ, heard)
		}
	}
}

func TestEndIsSeenWhereverTheWorkerDies(t *testing.T) {
	t.Parallel()
	for _, keep := range []handlers.Keep{handlers.Durable{}, handlers.Checkpointed{}} {
		for nth := int64(2); nth <= 4; nth++ {
			for name, meddle := range deaths(nth) {
				t.Run(fmt.Sprintf("%T %s %d", keep, name, nth), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
					w.room("r", "ann")
					w.listen("r")
					first := w.start(meddle, nil)
					w.join("r", "ann")
					w.awaitOrDead(first, "$joined", 1)
					w.say("r", "ann", 1, "pay", said{})
					w.awaitOrDead(first, "paid", 1)
					w.say("r", "ann", 2, "end", said{})
					// Where the room is closed already, its sweeping finishes it.
					second := w.start(nil, func(c *worker.Config) { c.Look = 60 * time.Millisecond })
					heard := w.await("$closed", func(heard []*broker.Output) bool {
						for _, o := range heard {
							if o.Type == broker.TypeClosed {
								return true
							}
						}
						return false
					})
					over := 0
					for _, o := range heard {
						if o.Type == "over" {
							over++
						}
					}
					if over == 0 {
						t.Errorf("closed without over: %s", show(heard))
					}
					first.end()
					second.end()
					if got := w.record("r").State; got != store.Closed {
						t.Errorf("state %s, want closed", got)
					}
					w.sameEnd(w.heard)
					w.paid("ann", 1)
				})
			}
		}
	}
}

func TestCheckpointedRoomGoesOnFromItsCheckpointInANewEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{Keep: handlers.Checkpointed{Every: time.Hour}}, 0))
	w.room("r", "ann")
	w.listen("r")
	first := w.start(nil, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)    // which is committed at once, with whatever came with it
	for n := range uint64(300) { // 256 unacked ones make it save
		w.say("r", "ann", n+1, "add", said{})
	}
	w.awaitType("added", 300)
	_ = first.kill()
	w.start(nil, nil)
	w.say("r", "ann", 301, "add", said{})
	heard := w.await("the new epoch", func(heard []*broker.Output) bool {
		n := len(heard)
		return n > 0 && heard[n-1].At.Epoch == 2 && heard[n-1].Type == "added" && number(t, heard[n-1]) == 301
	})
	again := 0
	for _, o := range heard {
		if o.At.Epoch == 2 {
			again++
		}
	}
	if again > 100 {
		t.Errorf("%d outputs in the new epoch, want about 45: those of messages not saved", again)
	}
	w.attach("r", "ann", "c2", "try", broker.Position{Epoch: 1, N: 250})
	shown := w.awaitPart(broker.Snapshot, 1)[0]
	if got := number(t, shown); got != 301 || shown.At.Epoch != 2 || shown.Handled != 301 {
		t.Errorf("snapshot says %d at %v, handled %d; want 301 in epoch 2, handled 301", got, shown.At, shown.Handled)
	}
}

func TestOrderlyHandOverKeepsTheEpoch(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{Every: time.Hour}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann")
			w.listen("r")
			first := w.start(nil, nil)
			w.join("r", "ann")
			for n := range uint64(20) {
				w.say("r", "ann", n+1, "add", said{})
			}
			w.awaitType("added", 10)
			first.end()
			second := w.start(nil, nil)
			heard := w.awaitType("added", 20)
			if got, want := len(ofPart(heard, broker.Line)), 21; got != want {
				t.Errorf("%d outputs, want %d: none lost, none twice", got, want)
			}
			w.attach("r", "ann", "c2", "try", broker.Position{Epoch: 1, N: 16})
			heard = w.await("the answer", func(heard []*broker.Output) bool { return len(ofPart(heard, broker.Live)) > 0 })
			if got, want := answers(heard, "try"), "replay@17 replay@18 replay@19 replay@20 replay@21 live@21"; got != want {
				t.Errorf("attach after the hand-over was given %s, want %s", got, want)
			}
			// Once gone on, a crash is a crash.
			w.say("r", "ann", 21, "add", said{})
			w.awaitType("added", 21)
			_ = second.kill()
			w.start(nil, nil)
			w.attach("r", "ann", "c3", "crashed", broker.Position{Epoch: 1, N: 20})
			last := w.await("the answer", func(heard []*broker.Output) bool { return answers(heard, "crashed") != "" })
			want := map[string]uint64{"durable": 1, "checkpointed": 2, "ephemeral": 2}[name]
			if got := last[len(last)-1].At.Epoch; got != want {
				t.Errorf("epoch %d after the crash, want %d", got, want)
			}
		})
	}
}

func TestStaleWorkerDropsTheRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	var taken atomic.Bool
	w.start(func(p *process) {
		p.beforeCommit = func(c *store.Commit) error {
			if c.N >= 3 && !taken.Swap(true) { // another worker takes the room up, and dies
				_, err := w.store.TakeUp(t.Context(), "r")
				return err
			}
			return nil
		}
	}, nil)
	w.join("r", "ann")
	for n := range uint64(5) {
		w.say("r", "ann", n+1, "pay", said{})
		w.awaitType("paid", int(n)+1)
	}
	heard := w.awaitType("paid", 5)
	if got := len(line(t, heard)); got != 6 {
		t.Errorf("%d outputs, want 6: what the stale worker made must not be seen", got)
	}
	if got := heard[len(heard)-1].Term; got != 3 {
		t.Errorf("term %d at the end, want 3", got)
	}
	w.paid("ann", 5)
}

func TestUnavailableStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"commit not done": false, "commit done, and its answer lost": true} {
		for _, keep := range []handlers.Keep{handlers.Durable{}, handlers.Checkpointed{}} {
			t.Run(fmt.Sprintf("%s %T", name, keep), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
				w.room("r", "ann")
				w.listen("r")
				var calls atomic.Int64
				fail := func(c *store.Commit) error {
					if n := calls.Add(1); n == 2 || n == 3 {
						return fmt.Errorf("connection lost: %w", store.ErrUnavailable)
					}
					return nil
				}
				w.start(func(p *process) {
					if after {
						p.afterCommit = fail
					} else {
						p.beforeCommit = fail
					}
				}, nil)
				w.join("r", "ann")
				w.awaitType("$joined", 1)
				for n := range uint64(5) {
					w.say("r", "ann", n+1, "pay", said{})
				}
				heard := w.awaitType("paid", 5)
				if got := len(ofPart(heard, broker.Line)); got != 6 {
					t.Errorf("%d outputs, want 6: %s", got, show(heard))
				}
				if got := heard[len(heard)-1].At; got != (broker.Position{Epoch: 1, N: 6}) {
					t.Errorf("last output is %v, want 1-6", got)
				}
				w.paid("ann", 5)
			})
		}
	}
}

func TestPublishIsTriedAgainWhileThePipeLives(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{"durable": handlers.Durable{}, "ephemeral": handlers.Ephemeral{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann")
			w.listen("r")
			var calls atomic.Int64
			w.start(func(p *process) {
				p.beforePublish = func([]*broker.Output) error {
					if calls.Add(1) == 2 {
						return errors.New("nacked")
					}
					return nil
				}
			}, nil)
			w.join("r", "ann")
			w.awaitType("$joined", 1)
			w.say("r", "ann", 1, "add", said{})
			heard := w.awaitType("added", 1)
			if o := heard[len(heard)-1]; o.Term != 1 || o.At != (broker.Position{Epoch: 1, N: 2}) {
				t.Errorf("output %v of term %d, want 1-2 of term 1", o.At, o.Term)
			}
		})
	}
}

func TestRoomClosedByOthersIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	p := w.start(func(p *process) {
		p.beforeCommit = func(c *store.Commit) error {
			if c.N < 2 {
				return nil
			}
			_, err := w.store.Commit(t.Context(), &store.Commit{Room: "r", Term: c.Term, Epoch: 1, N: 1, State: store.Closed})
			return err
		}
	}, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)
	w.say("r", "ann", 1, "add", said{})
	heard := w.awaitType(broker.TypeClosed, 1)
	if got := len(ofType(t, heard, "added")); got != 0 {
		t.Errorf("added was published though its commit was refused")
	}
	p.end()
	w.swept()
}

func TestDamagedLogMakesANewEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	first := w.start(nil, nil)
	w.join("r", "ann")
	w.say("r", "ann", 1, "add", said{})
	w.awaitType("added", 1)
	_ = first.kill()
	<-first.ended
	rec, err := w.store.TakeUp(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.store.Commit(t.Context(), &store.Commit{
		Room: "r", Term: rec.Term, Epoch: 1, N: 3, Published: 2, Log: &store.Logged{First: 3, Last: 3, Data: []byte("?")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.start(nil, nil)
	w.say("r", "ann", 2, "add", said{})
	heard := w.await("an output of the new epoch", func(heard []*broker.Output) bool {
		return heard[len(heard)-1].At == broker.Position{Epoch: 2, N: 1}
	})
	if got := number(t, heard[len(heard)-1]); got != 2 {
		t.Errorf("counted %d, want 2", got)
	}
}

func TestTakingUpWaitsForTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	var calls atomic.Int64
	w.start(func(p *process) {
		p.beforeTakeUp = func() error {
			if calls.Add(1) <= 3 {
				return store.ErrUnavailable
			}
			return nil
		}
	}, nil)
	w.join("r", "ann")
	w.say("r", "ann", 1, "add", said{})
	heard := w.awaitType("added", 1)
	if got := len(heard); got != 2 {
		t.Errorf("%d outputs, want 2", got)
	}
}

func TestUnreadableMemoryIsTriedAgainAndHarmsNoOtherRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("bad", "ann")
	w.room("good", "bob")
	w.listen("bad", "good")
	rec, err := w.store.TakeUp(t.Context(), "bad")
	if err != nil {
		t.Fatal(err)
	}
	commit := &store.Commit{Room: "bad", Term: rec.Term, Epoch: 1, Memory: []byte("rubbish")}
	if _, err := w.store.Commit(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	again := make(chan struct{})
	second := at(2, func() error { close(again); return nil })
	w.start(func(p *process) { p.beforeTakeUp = second }, nil)
	w.join("bad", "ann")
	<-again // the other room is not there yet
	w.join("good", "bob")
	w.awaitType("$joined", 1)
	rec, err = w.store.TakeUp(t.Context(), "bad")
	if err != nil {
		t.Fatal(err)
	}
	// Somebody mends it: the message that waited is played.
	commit.Term, commit.Memory = rec.Term, opened(t, w, "bad")
	if _, err := w.store.Commit(t.Context(), commit); err != nil && !errors.Is(err, store.ErrStaleTerm) {
		t.Fatal(err)
	} else if err == nil {
		w.await("bad's $joined", func(heard []*broker.Output) bool {
			for _, o := range heard {
				if o.Room == "bad" && o.Type == "$joined" {
					return true
				}
			}
			return false
		})
	}
}

func opened(t *testing.T, w *world, room string) []byte {
	t.Helper()
	o, err := w.game.Open(room, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return o.Memory
}
