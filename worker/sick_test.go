package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// A queue whose making was interrupted has never held anything, so that it is made anew; one of a room that was played is
// left alone, whatever it holds.
func TestADeadQueueIsMadeAnewOnlyIfNobodyHasPlayedTheRoom(t *testing.T) {
	t.Parallel()
	for name, played := range map[string]bool{"never played": false, "played": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
				w.room("r", "ann")
				w.listen("r")
				if played {
					before := w.start(nil, nil)
					w.join("r", "ann")
					w.awaitType("$joined", 1)
					before.end()
				}
				var dead atomic.Bool
				dead.Store(true)
				p := w.start(func(p *process) {
					p.beforeConsume = func(context.Context, string) error {
						if dead.Load() {
							return broker.ErrDead
						}
						return nil
					}
					p.afterDelete = func(string) { dead.Store(false) }
				}, nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				if dead.Load() != played {
					t.Fatalf("queue dead after a minute: %t, want %t", dead.Load(), played)
				}
				dead.Store(false) // by those who run the broker
				time.Sleep(time.Minute)
				if !played {
					w.join("r", "ann")
					w.awaitType("$joined", 1)
				}
				w.say("r", "ann", 1, "add", said{})
				w.awaitType("added", 1)
				p.end()
			})
		})
	}
}

// stuck is a broker's answer that does not come.
func stuck(room string) func(context.Context, string) error {
	return func(ctx context.Context, asked string) error {
		if asked != room {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestRoomsAreHandedOverWhoseQueueDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		w.room("r", "ann")
		w.listen("r")
		one := w.start(func(p *process) { p.beforeConsume = stuck("r") }, func(c *worker.Config) { c.Process = "one" })
		time.Sleep(time.Second)
		w.announce(broker.NoticeProcess, one, "one")
		two := w.start(nil, func(c *worker.Config) { c.Process = "two" })
		w.announce(broker.NoticeProcess, two, "two")
		one.Drain()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := one.Left(); got != 0 {
			t.Errorf("%d rooms left with the worker that drains, want 0", got)
		}
		w.join("r", "ann")
		w.awaitType("$joined", 1)
		one.end()
		two.end()
	})
}

func TestAClosedRoomWhoseQueueDoesNotAnswerHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		w.room("over")
		rec, err := w.store.TakeUp(t.Context(), "over")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Commit(t.Context(), &store.Commit{Room: "over", Term: rec.Term, Epoch: rec.Epoch, State: store.Closed}); err != nil {
			t.Fatal(err)
		}
		p := w.start(func(p *process) { p.beforeConsume = stuck("over") }, func(c *worker.Config) { c.Look = time.Second })
		time.Sleep(10 * time.Second)
		w.room("r", "ann") // nobody announces it, so that only a look finds it
		w.listen("r")
		w.join("r", "ann")
		w.awaitType("$joined", 1)
		p.end()
	})
}

// The queue of a new room is in the making until its makers tell of it.
func TestALookLeavesNewRoomsToTheirMakersForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		var consumed atomic.Int32
		p := w.start(func(p *process) {
			p.beforeConsume = func(context.Context, string) error {
				consumed.Add(1)
				return nil
			}
		}, func(c *worker.Config) { c.Look = time.Second })
		time.Sleep(time.Minute)
		w.room("r", "ann")
		if err := w.broker.Delete(t.Context(), "r"); err != nil { // its queue is not there yet
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if n := consumed.Load(); n != 0 {
			t.Errorf("consumed %d times within 9 s, want never", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := consumed.Load(); n == 0 {
			t.Error("not consumed after 11 s, though nobody has told of the room")
		}
		p.end()
	})
}

// A new room that nobody told this worker of, as it had no part in it, is looked at when it may have lost its worker, or when word of
// it may have been missed.
func TestALookAfterADeathFindsTheNewestRooms(t *testing.T) {
	t.Parallel()
	notice := func(kind, process, games string) broker.Notice {
		return broker.Notice{From: process, Kind: kind, Body: []byte(`{"id":"` + process + `","games":` + games + `}`)}
	}
	const plays, nothing = `{"tally":["1"]}`, `{}`
	for name, c := range map[string]struct {
		then  broker.Notice
		found bool
	}{
		"a worker has gone":          {notice(broker.NoticeGone, "other", nothing), true},
		"notices were missed":        {broker.Notice{From: "board", Kind: broker.NoticeMissed}, true},
		"a gateway has come":         {notice(broker.NoticeProcess, "third", nothing), false},
		"another game's has come":    {notice(broker.NoticeProcess, "third", `{"chess":["1"]}`), false},
		"another version's has come": {notice(broker.NoticeProcess, "third", `{"tally":["2"]}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
				var consumed atomic.Int32
				p := w.start(func(p *process) {
					p.beforeConsume = func(context.Context, string) error {
						consumed.Add(1)
						return nil
					}
				}, func(c *worker.Config) { c.Look = time.Hour })
				post := func(n broker.Notice) {
					if err := w.broker.Post(t.Context(), n); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				post(notice(broker.NoticeProcess, "other", plays))
				time.Sleep(2 * time.Second)
				w.room("r", "ann")                                        // nobody announces it
				if err := w.broker.Delete(t.Context(), "r"); err != nil { // nor may the embedded broker name it
					t.Fatal(err)
				}
				if n := consumed.Load(); n != 0 {
					t.Fatalf("consumed %d times before anything has happened", n)
				}
				post(c.then)
				if got := consumed.Load() > 0; got != c.found {
					t.Errorf("consumed: %t, want %t", got, c.found)
				}
				p.end()
			})
		})
	}
}
