package worker_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

func TestIdleRoomSleepsAndWakes(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Keep: keep, Idle: time.Minute, Grace: time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				p := w.start(nil, nil)
				w.attach("r", "ann", "c1", "try-1", broker.Position{})
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				if got := p.Rooms(); got != 1 {
					t.Errorf("%d rooms awake, want 1", got)
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if got := p.Rooms(); got != 0 {
					t.Errorf("%d rooms awake after a while, want 0", got)
				}
				w.say("r", "ann", 2, "add", said{})
				heard := w.awaitType("added", 2)
				last := heard[len(heard)-1]
				if last.At != (broker.Position{Epoch: 1, N: 3}) || last.Term != 2 || number(t, last) != 2 {
					t.Errorf("after the sleep: %v of term %d says %s, want 1-3 of term 2 saying 2", last.At, last.Term, last.Body)
				}
				if got, want := len(ofPart(heard, broker.Line)), 3; got != want {
					t.Errorf("%d outputs, want %d", got, want)
				}
				p.end()
			})
		})
	}
}

func TestMessageThatComesWhileTheStoreIsWaitedForIsNotSleptThrough(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Keep: keep, Idle: time.Minute, Grace: time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				begun := time.Now()
				asked := 0
				p := w.start(func(p *process) {
					p.beforeCommit = func(*store.Commit) error {
						if asked > 0 || time.Since(begun) < 30*time.Second {
							return nil
						}
						asked++ // the room goes to sleep
						w.say("r", "ann", 2, "add", said{})
						return fmt.Errorf("store is away: %w", store.ErrUnavailable)
					}
				}, nil)
				w.join("r", "ann")
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if asked != 1 {
					t.Fatalf("store was away %d times, want 1", asked)
				}
				added := len(w.soFar("added"))
				if added != 2 {
					t.Errorf("%d of 2 messages were played", added)
				}
				p.end()
			})
		})
	}
}

// A timer that is not far away is worth a queue, and kept in memory.
func TestTimerWakesASleepingRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: 10 * time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann")
		begun := time.Now()
		w.say("r", "ann", 1, "later", said{N: 100_000})
		w.say("r", "ann", 2, "add", said{})
		w.awaitType("added", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.Rooms(); got != 0 {
			t.Errorf("%d rooms awake, want 0", got)
		}
		if got := p.Left(); got != 1 {
			t.Errorf("%d rooms kept, want 1", got)
		}
		time.Sleep(40*time.Second - time.Millisecond)
		synctest.Wait()
		early := len(w.soFar("rang"))
		if early != 0 {
			t.Error("timer rang early")
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		rang := w.soFar("rang")
		if len(rang) != 1 || rang[0].Time.Sub(begun) < 100*time.Second {
			t.Errorf("rang %d times, want once, after 100 s", len(rang))
		}
		p.end()
	})
}

func TestTimerSurvivesTakeover(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]bool{"killed": true, "stopped": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				first := w.start(nil, nil)
				w.join("r", "ann")
				w.say("r", "ann", 1, "later", said{N: 30_000})
				w.say("r", "ann", 2, "add", said{})
				w.awaitType("added", 1)
				if kill {
					_ = first.kill()
				}
				first.end()
				second := w.start(nil, nil)
				time.Sleep(31 * time.Second)
				synctest.Wait()
				rang := len(w.soFar("rang"))
				if rang != 1 {
					t.Errorf("rang %d times, want 1", rang)
				}
				second.end()
			})
		})
	}
}

func TestHandedOverRoomIsWokenAtOnce(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]time.Duration{"awake": time.Hour, "asleep": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour, Idle: idle}, 0))
				w.room("r", "ann")
				w.listen("r")
				first := w.start(nil, nil)
				w.join("r", "ann")
				w.say("r", "ann", 1, "later", said{N: 5_000})
				w.say("r", "ann", 2, "add", said{})
				w.awaitType("added", 1)
				second := w.start(nil, func(c *worker.Config) { c.Look = time.Hour }) // stands by
				time.Sleep(time.Second)
				first.end()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				rang := len(w.soFar("rang"))
				if rang != 1 {
					t.Errorf("rang %d times, want 1", rang)
				}
				second.end()
			})
		})
	}
}

func TestTicksOnlyWhileSomebodyIsThereAndWithoutDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := handlers.Policy{Keep: handlers.Checkpointed{Every: time.Second}, Idle: time.Minute, Grace: time.Hour}
		w := newWorld(t, tallyGame(p, 20))
		w.room("r", "ann")
		w.listen("r")
		wk := w.start(nil, nil)
		ticks := func() int {
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(ofType(t, w.heard, "tick"))
		}
		w.join("r", "ann")
		w.awaitType("$joined", 1)
		time.Sleep(time.Second)
		if got := ticks(); got != 0 {
			t.Errorf("%d ticks with nobody there, want 0", got)
		}
		w.attach("r", "ann", "c1", "try-1", broker.Position{})
		w.awaitPart(broker.Snapshot, 1)
		time.Sleep(10*time.Second + time.Millisecond)
		if got := ticks(); got != 200 {
			t.Errorf("%d ticks in 10 s, want 200", got)
		}
		w.tell(&broker.Message{Room: "r", Kind: broker.Detach, User: "ann", Conn: "c1", ConnSeq: 2, Reason: "lost"})
		w.awaitType("$suspended", 1)
		before := ticks()
		time.Sleep(10 * time.Second)
		if got := ticks(); got != before {
			t.Errorf("%d ticks after the last one had gone, want 0", got-before)
		}
		outs := w.soFar("tick")
		for i := 1; i < len(outs); i++ {
			if d := outs[i].Time.Sub(outs[i-1].Time); d != 50*time.Millisecond {
				t.Errorf("tick %d came %s after the one before, want 50 ms", i, d)
			}
		}
		wk.end()
	})
}

// announce posts what the server of a worker's process would.
func (w *world) announce(kind string, p *process, id string) {
	w.t.Helper()
	body, err := json.Marshal(broker.Process{ID: id, Roles: []string{"worker"}, Games: p.Games()})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.broker.Post(w.t.Context(), broker.Notice{Kind: kind, From: id, Body: body, Time: time.Now()}); err != nil {
		w.t.Fatal(err)
	}
}

func TestTwoWorkersShareRoomsAndOneGoesOnAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: 10 * time.Hour, Idle: time.Second}, 0))
		rooms := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		for _, room := range rooms {
			w.room(room, "user-"+room)
		}
		w.listen(rooms...)
		named := func(id string) func(*worker.Config) { return func(c *worker.Config) { c.Process = id } }
		one := w.start(nil, named("one"))
		two := w.start(nil, named("two"))
		alive := map[string]*process{"one": one, "two": two}
		beat := func(seconds int) {
			for range seconds {
				for id, p := range alive {
					w.announce(broker.NoticeProcess, p, id)
				}
				time.Sleep(time.Second)
			}
			synctest.Wait()
		}
		beat(2)
		for _, room := range rooms {
			w.attach(room, "user-"+room, "c", "try-"+room, broker.Position{})
			w.say(room, "user-"+room, 1, "later", said{N: 60_000})
			w.say(room, "user-"+room, 2, "add", said{})
		}
		synctest.Wait()
		want := map[string]int{}
		for _, room := range rooms {
			processes := []broker.Process{{ID: "one", Games: one.Games()}, {ID: "two", Games: two.Games()}}
			want[broker.Rank(room, "tally", "1", processes)[0]]++
		}
		if one.Rooms() != want["one"] || two.Rooms() != want["two"] || want["one"] == 0 || want["two"] == 0 {
			t.Errorf("rooms awake: %d and %d, want as ranked %v", one.Rooms(), two.Rooms(), want)
		}
		beat(5) // all asleep
		if one.Rooms()+two.Rooms() != 0 {
			t.Errorf("%d and %d rooms awake, want none", one.Rooms(), two.Rooms())
		}
		_ = one.kill()
		delete(alive, "one")
		before := two.woken.Load()
		beat(6)
		if got := two.woken.Load() - before; int(got) != want["one"] {
			t.Errorf("%d rooms woken, want the %d that have come to the one left", got, want["one"])
		}
		beat(60)
		rang := map[string]int{}
		w.mu.Lock()
		for _, o := range w.heard {
			if o.Type == "rang" {
				rang[o.Room]++
			}
		}
		w.mu.Unlock()
		for _, room := range rooms {
			if rang[room] != 1 {
				t.Errorf("room %s rang %d times, want 1", room, rang[room])
			}
		}
		two.end()
		one.end()
	})
}

func TestNewcomerTakesItsRoomsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: 10 * time.Hour, Idle: 10 * time.Minute}, 0))
		rooms := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for _, room := range rooms {
			w.room(room, "user-"+room)
			w.attach(room, "user-"+room, "c", "try-"+room, broker.Position{})
		}
		w.listen(rooms...)
		one := w.start(nil, func(c *worker.Config) { c.Process = "one" })
		w.announce(broker.NoticeProcess, one, "one")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := one.Rooms(); got != len(rooms) {
			t.Errorf("%d rooms awake with the only worker, want %d", got, len(rooms))
		}
		two := w.start(nil, func(c *worker.Config) { c.Process = "two" })
		for range 3 {
			w.announce(broker.NoticeProcess, one, "one")
			w.announce(broker.NoticeProcess, two, "two")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		processes := []broker.Process{{ID: "one", Games: one.Games()}, {ID: "two", Games: two.Games()}}
		want := 0
		for _, room := range rooms {
			if broker.Rank(room, "tally", "1", processes)[0] == "two" {
				want++
			}
		}
		if two.Rooms() != want || one.Rooms() != len(rooms)-want {
			t.Errorf("rooms awake: %d and %d, want %d with the newcomer", one.Rooms(), two.Rooms(), want)
		}
		one.end()
		two.end()
	})
}

func TestDrainFinishesWhatIsUnderWayAndIsCutAtItsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken bool
		within time.Duration
	}{
		"in good order":      {false, time.Second},
		"with no store: cut": {true, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Keep: handlers.Checkpointed{Every: time.Hour}, Grace: time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				p := w.start(nil, nil)
				w.join("r", "ann")
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				synctest.Wait()
				if c.broken {
					p.dead.Store(true)
				}
				begun := time.Now()
				p.stop()
				<-p.ended
				if took := time.Since(begun); took > c.within {
					t.Errorf("took %s to stop, want at most %s", took, c.within)
				}
				rec, err := w.store.TakeUp(t.Context(), "r")
				if err != nil {
					t.Fatal(err)
				}
				if saved := rec.Published == 2 && rec.N == 2; saved == c.broken {
					t.Errorf("record stands at %d, published %d; store broken: %t", rec.N, rec.Published, c.broken)
				}
			})
		})
	}
}

func TestDrainingProcessHandsItsRoomsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		one := w.start(nil, func(c *worker.Config) { c.Process = "one" })
		w.attach("r", "ann", "c1", "try-1", broker.Position{})
		w.awaitPart(broker.Snapshot, 1)
		two := w.start(nil, func(c *worker.Config) { c.Process = "two" })
		body, err := json.Marshal(broker.Process{ID: "one", Games: one.Games(), Drains: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.broker.Post(t.Context(), broker.Notice{Kind: broker.NoticeProcess, From: "one", Body: body}); err != nil {
				t.Fatal(err)
			}
			w.announce(broker.NoticeProcess, two, "two")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if one.Rooms() != 0 || two.Rooms() != 1 {
			t.Errorf("rooms awake: %d with the one that drains, %d with the other; want 0 and 1", one.Rooms(), two.Rooms())
		}
		one.end()
		two.end()
	})
}

func TestProcessThatIsAnnouncedAsDrainingKeepsWhatOnlyItCanPlay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		p := w.start(nil, func(c *worker.Config) { c.Process = "one" })
		w.attach("r", "ann", "c1", "try-1", broker.Position{})
		w.awaitPart(broker.Snapshot, 1)
		w.post(broker.NoticeProcess, "one", broker.Process{ID: "one", Games: p.Games(), Drains: true})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := p.Left(); got != 1 {
			t.Errorf("%d rooms before the worker is told to drain, want 1", got)
		}
		p.Drain()
		w.say("r", "ann", 1, "add", said{})
		w.awaitType("added", 1)
		if got := p.Left(); got != 1 {
			t.Errorf("%d rooms while it drains, want 1", got)
		}
		p.end()
	})
}

// Not parallel: it counts goroutines.
func TestManyRoomsLeaveNoGoroutineBehind(t *testing.T) {
	const rooms = 100
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine is left
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Second, Grace: time.Hour, Keep: handlers.Ephemeral{}}, 0))
		ids := make([]string, rooms)
		for i := range ids {
			ids[i] = fmt.Sprintf("room-%03d", i)
			w.room(ids[i], "user-"+ids[i])
			w.join(ids[i], "user-"+ids[i])
		}
		w.listen(ids...)
		p := w.start(nil, nil)
		w.await("every join", func(heard []*broker.Output) bool { return len(heard) >= rooms })
		if got := p.Rooms(); got != rooms {
			t.Errorf("%d rooms awake, want %d", got, rooms)
		}
		before := runtime.NumGoroutine()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.Rooms(); got != 0 {
			t.Errorf("%d rooms awake, want none", got)
		}
		if got := before - runtime.NumGoroutine(); got < rooms/2 {
			t.Errorf("%d goroutines less with all rooms asleep, want about %d", got, rooms)
		}
		p.end()
	})
}

func TestStandbyWorkerMakesWayForTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Idle: time.Hour}, 0))
		games := map[string][]string{"tally": {"1"}}
		there := []broker.Process{{ID: "one", Games: games}, {ID: "two", Games: games}}
		room := "a"
		for broker.Rank(room, "tally", "1", there)[0] != "one" {
			room += "a"
		}
		w.room(room, "ann")
		w.listen(room)
		two := w.start(nil, func(c *worker.Config) { c.Process = "two" })
		beat := func(seconds int) {
			for range seconds {
				for _, p := range there { // one is there, though it has lost its place
					w.post(broker.NoticeProcess, p.ID, p)
				}
				time.Sleep(time.Second)
			}
			synctest.Wait()
		}
		w.join(room, "ann")
		w.say(room, "ann", 1, "add", said{})
		w.awaitType("added", 1)
		beat(3)
		one := w.start(nil, func(c *worker.Config) { c.Process = "one" })
		beat(12)
		w.say(room, "ann", 2, "add", said{})
		outs := ofType(t, w.awaitType("added", 2), "added")
		if one.Rooms() != 1 || two.Rooms() != 0 || outs[1].At.Epoch != 1 || number(t, outs[1]) != 2 {
			t.Errorf("%d rooms at the first, %d at the standby, %v says %s; want the room at the first, in epoch 1",
				one.Rooms(), two.Rooms(), outs[1].At, outs[1].Body)
		}
		one.end()
		two.end()
	})
}
