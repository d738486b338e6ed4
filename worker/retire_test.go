package worker_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// gone checks that nothing but rows is left of the rooms.
func (w *world) gone(workers ...*process) {
	w.t.Helper()
	synctest.Wait()
	for i, p := range workers {
		if left, awake := p.Left(), p.Rooms(); left != 0 || awake != 0 {
			w.t.Errorf("worker %d has %d rooms, %d of them awake; want none", i, left, awake)
		}
	}
	if opened, err := w.broker.Opened(w.t.Context()); err != nil || len(opened) != 0 {
		w.t.Errorf("queues: got %v, %v; want none", opened, err)
	}
}

func TestARoomWithoutPlayersIsNothingButRows(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Keep: keep, Idle: time.Minute, Grace: 10 * time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				p := w.start(nil, nil)
				w.attach("r", "ann", "c1", "try-1", broker.Position{})
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				time.Sleep(10 * time.Minute)
				if got := p.Left(); got != 1 {
					t.Errorf("%d rooms while somebody is there, want 1", got)
				}
				w.tell(&broker.Message{Room: "r", Kind: broker.Detach, User: "ann", Conn: "c1", ConnSeq: 2, Reason: "lost"})
				w.awaitType("$suspended", 1)
				time.Sleep(3 * time.Minute)
				w.gone(p)
				begun := time.Now()
				w.say("r", "ann", 2, "add", said{})
				outs := ofType(t, w.awaitType("added", 2), "added")
				if took := time.Since(begun); took > 5*time.Millisecond {
					t.Errorf("back after %s, want within 5 ms", took)
				}
				if last := outs[1]; last.At != (broker.Position{Epoch: 1, N: 4}) || number(t, last) != 2 {
					t.Errorf("after the sleep: %v says %s, want 1-4 saying 2", last.At, last.Body)
				}
				time.Sleep(3 * time.Minute)
				w.gone(p)
				p.end()
			})
		})
	}
}

func TestARoomThatSleepsWithoutAQueueIsWokenForItsTimers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: 10 * time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann")
		begun := time.Now()
		w.say("r", "ann", 1, "later", said{N: 3_600_000})
		w.awaitType("$joined", 1)
		time.Sleep(50 * time.Minute)
		w.gone(p)
		time.Sleep(10*time.Minute - time.Millisecond)
		synctest.Wait()
		if len(w.soFar("rang")) != 0 {
			t.Error("timer rang early")
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if outs := w.soFar("rang"); len(outs) != 1 || outs[0].Time.Sub(begun) < time.Hour {
			t.Errorf("rang %d times, want once, after an hour", len(outs))
		}
		time.Sleep(5 * time.Minute)
		w.gone(p)
		p.end()
	})
}

func TestBothWorkersForgetARoomThatSleeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: 10 * time.Second, Grace: 10 * time.Hour}, 0))
		rooms := []string{"a", "b", "c", "d", "e", "f"}
		w.listen(rooms...)
		for _, room := range rooms {
			w.room(room, "user-"+room)
		}
		ids := []string{"one", "two"}
		var workers []*process
		for _, id := range ids {
			workers = append(workers, w.start(nil, func(c *worker.Config) { c.Process = id }))
		}
		beat := func(seconds int) {
			for range seconds {
				for i, id := range ids {
					w.announce(broker.NoticeProcess, workers[i], id)
				}
				time.Sleep(time.Second)
			}
		}
		inEach := func(typ string) {
			w.await(typ+" in each room", func(heard []*broker.Output) bool {
				n := 0
				for _, o := range heard {
					if o.Type == typ {
						n++
					}
				}
				return n == len(rooms)
			})
		}
		beat(2)
		for _, room := range rooms {
			w.join(room, "user-"+room)
		}
		inEach("$joined")
		beat(60)
		w.gone(workers...)
		for _, room := range rooms {
			w.say(room, "user-"+room, 1, "add", said{})
		}
		inEach("added")
		beat(60)
		w.gone(workers...)
		for _, p := range workers {
			p.end()
		}
	})
}

func TestARoomThatFellAsleepWhenItsProcessDiedIsFoundByItsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: 10 * time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(func(p *process) {
			p.afterCommit = func(c *store.Commit) error {
				if c.Asleep.IsZero() {
					return nil
				}
				return p.kill()
			}
		}, nil)
		w.join("r", "ann")
		w.awaitType("$joined", 1)
		time.Sleep(time.Minute)
		<-p.ended
		if r := w.record("r"); r.Asleep.IsZero() {
			t.Fatal("the room is not asleep in the store")
		}
		// Its queue is there, so that nobody asks for one.
		if err := w.broker.Send(t.Context(), &broker.Message{Room: "r", Type: "add", User: "ann", Seq: 1, Body: []byte("{}"), Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
		next := w.start(nil, nil)
		w.awaitType("added", 1)
		time.Sleep(3 * time.Minute)
		w.gone(next)
		next.end()
	})
}

func TestASeatIsNotHeldAgainByASleepButByATimeWithoutAnyProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: 10 * time.Hour}, 0))
		w.room("r", "ann", "bob", "cid")
		w.listen("r")
		p := w.start(nil, nil)
		left := func() int {
			synctest.Wait()
			return len(w.soFar("$left"))
		}
		w.join("r", "ann")
		time.Sleep(9 * time.Hour)
		w.gone(p)
		w.join("r", "bob") // wakes it
		time.Sleep(59 * time.Minute)
		if got := left(); got != 0 {
			t.Errorf("%d have left after 9:59 h, want nobody", got)
		}
		time.Sleep(2 * time.Minute)
		if got := left(); got != 1 {
			t.Errorf("%d have left after 10:01 h, want 1", got)
		}
		time.Sleep(10 * time.Minute)
		w.gone(p)
		p.end()
		time.Sleep(20 * time.Hour) // nobody could come back
		next := w.start(nil, nil)
		time.Sleep(time.Hour)
		if got := left(); got != 1 {
			t.Errorf("%d have left an hour after the return, want 1", got)
		}
		time.Sleep(10 * time.Hour)
		if got := left(); got != 2 {
			t.Errorf("%d have left 11 hours after the return, want 2", got)
		}
		next.end()
	})
}

// Messages come at the very moment at which the room falls asleep, again and again.
func TestNothingIsSleptThrough(t *testing.T) {
	t.Parallel()
	const messages = 400
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{Every: 10 * time.Millisecond}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep, Idle: time.Millisecond, Grace: 10 * time.Hour}, 0))
			w.room("r", "ann")
			w.listen("r")
			p := w.start(nil, func(c *worker.Config) { c.Look = 20 * time.Millisecond })
			w.join("r", "ann")
			for n := range uint64(messages) {
				w.say("r", "ann", n+1, "add", said{})
				time.Sleep(rand.N(8 * time.Millisecond))
			}
			for i, o := range ofType(t, w.awaitType("added", messages), "added") {
				if n := number(t, o); n != i+1 {
					t.Fatalf("output %d says %d", i+1, n)
				}
			}
			p.end()
		})
	}
}

// The store says nothing for a moment just when the room is to fall asleep: it does all the same, or is awake.
func TestARoomWhoseSleepIsInDoubtIsStillReached(t *testing.T) {
	t.Parallel()
	for name, happened := range map[string]bool{"it happened": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: 10 * time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				failed := 0
				fail := func(c *store.Commit) error {
					if c.Asleep.IsZero() || failed > 0 {
						return nil
					}
					failed++
					return errors.Join(errors.New("no answer"), store.ErrUnavailable)
				}
				p := w.start(func(p *process) {
					if happened {
						p.afterCommit = fail
					} else {
						p.beforeCommit = fail
					}
				}, nil)
				w.join("r", "ann")
				w.awaitType("$joined", 1)
				time.Sleep(3 * time.Minute)
				if failed != 1 {
					t.Fatalf("%d commits failed, want 1", failed)
				}
				w.gone(p)
				if r := w.record("r"); r.Asleep.IsZero() {
					t.Error("the room has no queue and is not asleep in the store")
				}
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				p.end()
			})
		})
	}
}
