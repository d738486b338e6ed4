package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

func TestMessagesArePlayedInOrderAndNumberedFromOne(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const messages = 1000
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann", "bob")
			w.listen("r")
			w.start(nil, nil)
			w.join("r", "ann", "bob")
			for n := range uint64(messages / 2) {
				w.say("r", "ann", n+1, "add", said{})
				w.say("r", "bob", n+1, "add", said{})
			}
			heard := w.awaitType("added", messages)
			for i, o := range ofType(t, heard, "added") {
				if n := number(t, o); n != i+1 {
					t.Fatalf("output %d says %d", i+1, n)
				}
			}
			outs := line(t, heard)
			for i, o := range outs {
				if want := (broker.Position{Epoch: 1, N: uint64(i + 1)}); o.At != want || o.Term != 1 {
					t.Fatalf("output %d is %v of term %d, want %v of term 1", i, o.At, o.Term, want)
				}
			}
			if got, want := len(ofPart(heard, broker.Line)), messages+2; got != want {
				t.Errorf("%d outputs, want %d", got, want)
			}
		})
	}
}

func TestBatchIsOneCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	w.join("r", "ann")
	for n := range uint64(200) {
		w.say("r", "ann", n+1, "add", said{})
	}
	p := w.start(nil, nil)
	w.awaitType("added", 200)
	if got := p.commits.Load(); got > 2 {
		t.Errorf("%d commits for what waited, want at most 2", got)
	}
}

func TestSeatsAreSeatedAndGoWithTheCommit(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{"durable": handlers.Durable{}, "ephemeral": handlers.Ephemeral{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann", "bob")
			w.listen("r")
			w.start(nil, nil)
			w.join("r", "ann", "bob")
			w.awaitType("$joined", 2)
			seat, err := w.store.Seat(t.Context(), "r", "bob")
			if err != nil || seat.State != store.Seated {
				t.Fatalf("bob's seat is %q, %v; want seated", seat.State, err)
			}
			if err := w.store.GiveUpSeat(t.Context(), "r", "bob", time.Now()); err != nil {
				t.Fatal(err)
			}
			w.tell(&broker.Message{Room: "r", Kind: broker.Leave, User: "bob", Reason: "left"})
			left := ofType(t, w.awaitType("$left", 1), "$left")[0]
			if left.Unseat != "bob" {
				t.Errorf("$left unseats %q, want bob", left.Unseat)
			}
			if r := w.record("r"); r.Players != 1 || r.State != store.Open {
				t.Errorf("room has %d players and is %s, want 1 and open", r.Players, r.State)
			}
		})
	}
}

func TestBegunRoomIsPlaying(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann")
			w.listen("r")
			w.start(nil, nil)
			w.join("r", "ann")
			w.say("r", "ann", 1, "begin", said{})
			w.say("r", "ann", 2, "add", said{})
			w.awaitType("added", 1)
			if got := w.record("r").State; got != store.Playing {
				t.Errorf("state %s, want playing", got)
			}
		})
	}
}

func TestFailureAndRefusalHarmOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	w.start(nil, nil)
	w.join("r", "ann")
	w.say("r", "ann", 1, "panic", said{})
	w.say("r", "ann", 2, "refuse", said{})
	w.say("r", "ann", 3, "nonsense", said{})
	w.say("r", "ann", 4, "add", said{})
	heard := w.awaitType("added", 1)
	var codes []string
	for _, o := range ofType(t, heard, "error") {
		codes = append(codes, fmt.Sprintf("%d %s %v", o.Request, o.Code, o.To))
	}
	if got, want := fmt.Sprint(codes), "[1 internal [ann] 2 no [ann] 3 unknown_type [ann]]"; got != want {
		t.Errorf("errors %s, want %s", got, want)
	}
}

func TestEndClosesDeletesAndSweeps(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]handlers.Keep{
		"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann")
			w.listen("r")
			p := w.start(nil, nil)
			w.join("r", "ann")
			w.say("r", "ann", 1, "pay", said{})
			w.say("r", "ann", 2, "end", said{})
			w.say("r", "ann", 3, "add", said{})
			heard := w.awaitType(broker.TypeClosed, 1)
			if r := w.record("r"); r.State != store.Closed || r.Players != 0 {
				t.Errorf("room is %s with %d players when $closed is heard, want closed with none", r.State, r.Players)
			}
			outs := line(t, heard)
			if got := len(ofType(t, heard, "over")); got != 1 || outs[len(outs)-1].Type != broker.TypeClosed {
				t.Errorf("want over once, and $closed last: %s", show(heard))
			}
			p.end()
			w.swept()
			w.paid("ann", 1)
			if err := w.broker.Send(t.Context(), &broker.Message{Room: "r"}); !errors.Is(err, broker.ErrNoRoom) {
				t.Errorf("Send after the end: %v, want ErrNoRoom", err)
			}
		})
	}
}

// swept checks that no closed room waits for its sweeping.
func (w *world) swept() {
	w.t.Helper()
	if left, err := w.store.Unswept(w.t.Context(), 10); err != nil || len(left) > 0 {
		w.t.Errorf("unswept rooms %v, %v; want none", left, err)
	}
}

func TestEmptyRoomCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	p := w.start(nil, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)
	w.giveUpSeat("ann")
	w.leave("ann")
	w.awaitType(broker.TypeClosed, 1)
	p.end()
	w.swept()
	if got := w.record("r").State; got != store.Closed {
		t.Errorf("state %s, want closed", got)
	}
}

func TestEmptyRoomStaysForWhoHasTakenASeatMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann", "bob")
	w.listen("r")
	w.start(nil, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)
	w.giveUpSeat("ann")
	w.leave("ann")
	w.awaitType("$left", 1)
	w.join("r", "bob")
	w.say("r", "bob", 1, "add", said{})
	heard := w.awaitType("added", 1)
	if got := w.record("r").State; got != store.Open || len(ofType(t, heard, broker.TypeClosed)) > 0 {
		t.Errorf("state %s, want open and nothing $closed", got)
	}
}

func TestOperatorEndsARoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	w.start(nil, nil)
	w.tell(&broker.Message{Room: "r", Kind: broker.End, Reason: "maintenance"})
	w.awaitType(broker.TypeClosed, 1)
	if got := w.record("r").State; got != store.Closed {
		t.Errorf("state %s, want closed", got)
	}
}

func TestNoticeOfARoomOpensItsQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.start(nil, nil)
	w.room("first", "ann") // found by the look at the start, or by its notice
	w.listen("first", "second")
	w.notice("first")
	w.join("first", "ann")
	w.awaitType("$joined", 1) // so the worker watches
	w.room("second", "bob")
	if err := w.broker.Delete(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	w.notice("second")
	// A gateway tries for as long as there is no queue.
	m := &broker.Message{Room: "second", Kind: broker.Attach, User: "bob", Attempt: "1", Time: time.Now()}
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := w.broker.Send(t.Context(), m)
		if err == nil {
			break
		}
		if !errors.Is(err, broker.ErrNoRoom) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	w.awaitPart(broker.Snapshot, 1)
}

func TestNoticeOfAClosedRoomOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("over", "ann")
	w.room("lives", "bob")
	w.listen("lives")
	rec, err := w.store.TakeUp(t.Context(), "over")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Commit(t.Context(), &store.Commit{Room: "over", Term: rec.Term, Epoch: rec.Epoch, State: store.Closed}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.broker.Delete(t.Context(), "over"), w.store.Swept(t.Context(), "over")); err != nil {
		t.Fatal(err)
	}
	p := w.start(nil, nil)
	w.notice("over")
	w.join("lives", "bob")
	w.awaitType("$joined", 1)
	p.end()
	if err := w.broker.Send(t.Context(), &broker.Message{Room: "over"}); !errors.Is(err, broker.ErrNoRoom) {
		t.Errorf("Send to the closed room: %v, want ErrNoRoom", err)
	}
}

func TestSweepFinishesRoomsThatWereLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	rec, err := w.store.TakeUp(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Commit(t.Context(), &store.Commit{Room: "r", Term: rec.Term, Epoch: 1, N: 6, Published: 6, State: store.Closed}); err != nil {
		t.Fatal(err)
	}
	p := w.start(nil, func(c *worker.Config) { c.Look = 5 * time.Millisecond })
	heard := w.awaitType(broker.TypeClosed, 1)
	if got, want := heard[0].At, (broker.Position{Epoch: 1, N: 7}); got != want {
		t.Errorf("$closed is %v, want %v", got, want)
	}
	for {
		left, err := w.store.Unswept(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
	}
	p.end()
	if err := w.broker.Send(t.Context(), &broker.Message{Room: "r"}); !errors.Is(err, broker.ErrNoRoom) {
		t.Errorf("Send after the sweeping: %v, want ErrNoRoom", err)
	}
}

func TestConfigMistakesAreSaid(t *testing.T) {
	t.Parallel()
	g := tallyGame(handlers.Policy{}, 0)
	w := newWorld(t, g)
	for name, c := range map[string]worker.Config{
		"no broker":  {Store: w.store, Games: []handlers.Definition{g}},
		"no store":   {Broker: w.broker, Games: []handlers.Definition{g}},
		"no game":    {Broker: w.broker, Store: w.store},
		"game twice": {Broker: w.broker, Store: w.store, Games: []handlers.Definition{g, g}},
	} {
		if _, err := worker.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p, err := worker.New(worker.Config{Broker: w.broker, Store: w.store, Games: []handlers.Definition{g}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Games()); got != "map[tally:[1]]" {
		t.Errorf("Games() = %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run with an ended context: %v, want nil", err)
	}
	if err := p.Run(ctx); err == nil {
		t.Error("Run a second time: no error")
	}
}

func TestARoomGrantsNoMoreThanAPlayerMayOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	p := w.start(nil, func(c *worker.Config) { c.Items = map[string]int64{"hat": 2} })
	w.join("r", "ann")
	for n := range uint64(4) {
		w.say("r", "ann", n+1, "pay", said{})
	}
	w.awaitType("paid", 4)
	p.end()
	have, err := w.store.Inventory(t.Context(), "ann")
	if err != nil || have.Gold != 4 || len(have.Items) != 1 || have.Items[0].Count != 2 {
		t.Errorf("got %+v, %v, want 4 gold and 2 hats", have, err)
	}
}
