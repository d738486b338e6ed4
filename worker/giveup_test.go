package worker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// eachKeep runs f in a bubble of its own for each policy.
func eachKeep(t *testing.T, f func(t *testing.T, keep handlers.Keep)) {
	t.Helper()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { f(t, keep) })
		})
	}
}

func (w *world) letters(room string) []store.DeadLetter {
	w.t.Helper()
	short, _, err := w.store.DeadLetters(w.t.Context(), store.DeadFilter{Room: room}, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var whole []store.DeadLetter
	for _, l := range short {
		if l, err = w.store.DeadLetter(w.t.Context(), l.ID); err != nil {
			w.t.Fatal(err)
		}
		whole = append(whole, l)
	}
	return whole
}

func TestMessageThatAlwaysFailsIsGivenUpAndTheRoomGoesOn(t *testing.T) {
	t.Parallel()
	eachKeep(t, func(t *testing.T, keep handlers.Keep) {
		w := newWorld(t, tallyGame(handlers.Policy{Keep: keep, Attempts: 4}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann")
		w.say("r", "ann", 1, "add", said{})
		w.say("r", "ann", 2, "panic", said{Text: "poison"})
		w.say("r", "ann", 3, "add", said{})
		heard := w.awaitType("added", 2)
		if got := number(t, ofType(t, heard, "added")[1]); got != 2 {
			t.Errorf("added says %d after the poison, want 2", got)
		}
		refused := ofType(t, heard, "error")
		if len(refused) != 1 || refused[0].Code != "internal" || refused[0].Request != 2 {
			t.Fatalf("got errors %s, want one internal to message 2", show(refused))
		}
		synctest.Wait()
		letters := w.letters("r")
		if len(letters) != 1 {
			t.Fatalf("%d letters, want 1", len(letters))
		}
		l := letters[0]
		if l.Type != "panic" || l.User != "ann" || l.Seq != 2 || l.Attempts != 4 || l.Game != "tally" || l.Kind != "" ||
			!strings.Contains(l.Error, "oh dear") || !strings.Contains(l.Stack, "worker_test") ||
			string(l.Body) != `{"n":0,"text":"poison"}` {
			t.Errorf("got %+v", l)
		}
		w.say("r", "ann", 2, "panic", said{Text: "poison"}) // sent again
		w.say("r", "ann", 4, "add", said{})
		w.awaitType("added", 3)
		if got := len(w.letters("r")); got != 1 {
			t.Errorf("%d letters after the message was sent again, want 1", got)
		}
		p.end()
	})
}

func TestMessageThatFailsForAWhileSucceeds(t *testing.T) {
	t.Parallel()
	eachKeep(t, func(t *testing.T, keep handlers.Keep) {
		g := tallyGame(handlers.Policy{Keep: keep}, 0)
		tries := 0
		handlers.On(g, "shaky", func(room *handlers.Room, s *tally, _ said) error {
			s.N += 100
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return room.Send("done", said{N: s.N})
		})
		w := newWorld(t, g)
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann")
		w.say("r", "ann", 1, "shaky", said{})
		heard := w.awaitType("done", 1)
		if got := number(t, ofType(t, heard, "done")[0]); got != 100 || tries != 3 {
			t.Errorf("done says %d after %d tries, want 100 after 3", got, tries)
		}
		synctest.Wait()
		if got := len(ofType(t, heard, "error")) + len(w.letters("r")); got != 0 {
			t.Errorf("%d errors and letters, want none", got)
		}
		p.end()
	})
}

func TestTimerThatFailsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := tallyGame(handlers.Policy{}, 0)
		handlers.OnTimer(g, "bad", func(*handlers.Room, *tally, said) error { return errors.New("never") })
		handlers.On(g, "set", func(room *handlers.Room, _ *tally, _ said) error { return room.After(time.Second, "bad", said{}) })
		w := newWorld(t, g)
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann")
		w.say("r", "ann", 1, "set", said{})
		w.say("r", "ann", 2, "later", said{N: 1000})
		w.awaitType("rang", 1)
		synctest.Wait()
		letters := w.letters("r")
		if len(letters) != 1 || letters[0].Kind != "timer" || !strings.Contains(letters[0].Type, "bad") || letters[0].Attempts != 3 {
			t.Errorf("got %+v, want the timer, tried 3 times", letters)
		}
		p.end()
	})
}

func TestHandlerThatHangsIsLeftBehind(t *testing.T) {
	t.Parallel()
	eachKeep(t, func(t *testing.T, keep handlers.Keep) {
		g := tallyGame(handlers.Policy{Keep: keep, Limit: 2 * time.Second}, 0)
		free := make(chan struct{})
		hangs := 0
		handlers.On(g, "hang", func(room *handlers.Room, s *tally, _ said) error {
			hangs++
			s.N += 1000
			<-free
			s.N += 1000
			return room.Send("late", said{N: s.N})
		})
		w := newWorld(t, g)
		w.room("r", "ann")
		w.room("other", "bob")
		w.listen("r", "other")
		p := w.start(nil, nil)
		w.join("r", "ann")
		w.join("other", "bob")
		added := func(heard []*broker.Output) []*broker.Output {
			return ofType(t, slices.DeleteFunc(heard, func(o *broker.Output) bool { return o.Room != "r" }), "added")
		}
		w.say("r", "ann", 1, "add", said{})
		w.await("added", func(heard []*broker.Output) bool { return len(added(slices.Clone(heard))) == 1 })
		begun := time.Now()
		w.say("r", "ann", 2, "hang", said{})
		w.say("r", "ann", 3, "add", said{})
		w.say("other", "bob", 1, "ask", said{})
		w.await("an answer of the other room", func(heard []*broker.Output) bool {
			return slices.ContainsFunc(heard, func(o *broker.Output) bool { return o.Room == "other" && o.Type == "told" })
		})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the other room answered after %v", took)
		}
		heard := w.await("the room going on", func(heard []*broker.Output) bool { return len(added(slices.Clone(heard))) == 2 })
		if got := number(t, added(slices.Clone(heard))[1]); got != 2 && keep != (handlers.Ephemeral{}) { // which keeps nothing
			t.Errorf("added says %d, want 2", got)
		}
		if took := time.Since(begun); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("the room went on after %v, want soon after 2s", took)
		}
		if !slices.ContainsFunc(heard, func(o *broker.Output) bool { return o.Type == "error" && o.Request == 2 && o.Code == "internal" }) {
			t.Errorf("the sender was not told: %s", show(heard))
		}
		letters := w.letters("r")
		if len(letters) != 1 || letters[0].Type != "hang" || !strings.Contains(letters[0].Stack, "worker_test") ||
			!strings.Contains(letters[0].Error, "gave up after 2") {
			t.Errorf("got letters %+v", letters)
		}
		close(free)
		synctest.Wait()
		w.say("r", "ann", 4, "ask", said{})
		heard = w.await("an answer", func(heard []*broker.Output) bool {
			return slices.ContainsFunc(heard, func(o *broker.Output) bool { return o.Room == "r" && o.Type == "told" })
		})
		if slices.ContainsFunc(heard, func(o *broker.Output) bool { return o.Type == "late" }) || hangs != 1 {
			t.Errorf("the handler ran %d times, and what it said late was published or not: %s", hangs, show(heard))
		}
		p.end()
	})
}

func TestPlayersOfASilentGatewayAreSuspended(t *testing.T) {
	t.Parallel()
	for name, asleep := range map[string]bool{"awake": false, "asleep": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				policy := handlers.Policy{Idle: time.Hour, Graces: handlers.Graces{Gateway: 5 * time.Minute}}
				if asleep {
					policy.Idle = time.Second
				}
				w := newWorld(t, tallyGame(policy, 0))
				w.room("r", "ann", "bob")
				w.listen("r")
				p := w.start(nil, func(c *worker.Config) { c.Process = "worker-1" })
				beat := func(seconds int, gateways ...string) {
					for range seconds {
						w.announce(broker.NoticeProcess, p, "worker-1")
						for _, g := range gateways {
							w.announceGateway(g)
						}
						time.Sleep(time.Second)
					}
					synctest.Wait()
				}
				lost, stays := broker.NewConn("gateway1-lost"), broker.NewConn("gateway2-stays")
				w.attach("r", "ann", lost, "a", broker.Position{})
				w.attach("r", "bob", stays, "b", broker.Position{})
				beat(6, "gateway1-lost", "gateway2-stays")
				if got := p.Rooms(); got == 0 != asleep {
					t.Fatalf("%d rooms awake", got)
				}
				beat(6, "gateway2-stays")
				heard := w.awaitType("$suspended", 1)
				var body struct {
					User, Reason string
					Until        int64
				}
				decode(t, ofType(t, heard, "$suspended")[0].Body, &body)
				at := ofType(t, heard, "$suspended")[0].Time
				if body.User != "ann" || body.Reason != "gateway_lost" || time.UnixMilli(body.Until).Sub(at).Round(time.Second) != 5*time.Minute {
					t.Errorf("got %+v at %v, want ann for five minutes", body, at)
				}
				beat(6, "gateway2-stays")
				if got := len(ofType(t, w.awaitType("$suspended", 1), "$suspended")); got != 1 {
					t.Errorf("%d suspended, want ann alone", got)
				}
				p.end()
			})
		})
	}
}

func TestSilentBoardSuspendsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, func(c *worker.Config) { c.Process = "worker-1" })
		w.attach("r", "ann", broker.NewConn("gateway1"), "a", broker.Position{})
		for range 6 {
			w.announce(broker.NoticeProcess, p, "worker-1")
			w.announceGateway("gateway1")
			time.Sleep(time.Second)
		}
		time.Sleep(30 * time.Second) // nobody is heard, as under an alarm of the broker
		synctest.Wait()
		w.mu.Lock()
		got := len(ofType(t, w.heard, "$suspended"))
		w.mu.Unlock()
		if got != 0 {
			t.Errorf("%d suspended, want none", got)
		}
		p.end()
	})
}

func TestDrainingWorkerKeepsOnlyWhatNobodyElsePlays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		old := w.start(nil, func(c *worker.Config) { c.Process = "old" })
		w.join("r", "ann")
		w.say("r", "ann", 1, "add", said{})
		w.awaitType("added", 1)
		w.announce(broker.NoticeProcess, old, "old")
		time.Sleep(time.Second)
		old.Drain()
		old.Drain()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := old.Left(); got != 1 {
			t.Errorf("%d rooms left while nobody else is there, want 1", got)
		}
		w.say("r", "ann", 2, "add", said{})
		if outs := ofType(t, w.awaitType("added", 2), "added"); outs[1].Term != 1 {
			t.Errorf("played in term %d, want still 1", outs[1].Term)
		}
		w.room("new", "bob") // not taken: it waits for a worker
		w.announceRoom("new")
		time.Sleep(time.Second)
		if got := old.Left(); got != 1 {
			t.Errorf("%d rooms, want the new one not taken", got)
		}
		next := w.start(nil, func(c *worker.Config) { c.Process = "next" })
		for range 3 {
			w.post(broker.NoticeProcess, "old", broker.Process{ID: "old", Roles: []string{"worker"}, Games: old.Games(), Drains: true})
			w.announce(broker.NoticeProcess, next, "next")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := old.Left(); got != 0 {
			t.Errorf("%d rooms left, want none once another is there", got)
		}
		w.say("r", "ann", 3, "add", said{})
		outs := ofType(t, w.awaitType("added", 3), "added")
		if outs[2].Term != 2 || outs[2].At.Epoch != 1 || number(t, outs[2]) != 3 {
			t.Errorf("got %v of term %d, want it to go on in term 2, epoch 1", outs[2].At, outs[2].Term)
		}
		old.end()
		next.end()
	})
}

// While rooms wait for their turn to be handed over, they are played.
func TestDrainingWorkerHandsRoomsOverAFewAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Hour}, 0))
		const rooms = 60
		name := func(i int) string { return fmt.Sprintf("r%02d", i) }
		for i := range rooms {
			w.room(name(i), "ann")
		}
		last := name(rooms - 1)
		w.listen(last)
		var closing, most atomic.Int64
		old := w.start(func(p *process) {
			p.beforeClose = func() {
				n := closing.Add(1)
				defer closing.Add(-1)
				for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
				}
				time.Sleep(100 * time.Millisecond) // a busy broker
			}
		}, func(c *worker.Config) { c.Process = "old" })
		for i := range rooms {
			w.join(name(i), "ann")
		}
		time.Sleep(time.Second)
		old.Drain()
		time.Sleep(time.Second)
		next := w.start(nil, func(c *worker.Config) { c.Process = "next" })
		w.announce(broker.NoticeProcess, next, "next")
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if left := old.Left(); left != rooms {
			t.Errorf("%d rooms of %d left, want all while the first are being handed over", left, rooms)
		}
		w.say(last, "ann", 1, "add", said{})
		if outs := ofType(t, w.awaitType("added", 1), "added"); outs[0].Term != 1 {
			t.Errorf("a room that waits for its turn was played in term %d, want 1", outs[0].Term)
		}
		for range 3 {
			w.announce(broker.NoticeProcess, next, "next")
			w.post(broker.NoticeProcess, "old", broker.Process{ID: "old", Roles: []string{"worker"}, Games: old.Games(), Drains: true})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if left := old.Left(); left != 0 {
			t.Errorf("%d rooms left, want none", left)
		}
		if got := most.Load(); got > 16 || got < 2 {
			t.Errorf("%d handed over at once, want a few", got)
		}
		old.end()
		next.end()
	})
}

// A stop that has waited already cuts sooner what does not finish.
func TestRunFinishesByTheTimeThatItIsGiven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ left, want time.Duration }{
		"something is left": {5 * time.Second, 5 * time.Second},
		"nothing is left":   {-time.Minute, 2 * time.Second},
		"more than Drain":   {time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
				w.room("r", "ann")
				var away atomic.Bool
				p := w.start(func(p *process) {
					p.beforeCommit = func(*store.Commit) error {
						if away.Load() {
							return store.ErrUnavailable
						}
						return nil
					}
				}, nil)
				w.listen("r")
				w.join("r", "ann")
				w.awaitType("$joined", 1)
				away.Store(true)
				w.say("r", "ann", 1, "add", said{})
				synctest.Wait()
				p.FinishBy(time.Now().Add(c.left))
				begun := time.Now()
				p.end()
				if took := time.Since(begun); took < c.want || took > c.want+time.Second {
					t.Errorf("took %s, want %s", took, c.want)
				}
			})
		})
	}
}
