package worker_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// farewell is what the store keeps of how room r ended, for a user; nil: nothing.
func (w *world) farewell(user string, now time.Time) (end broker.Position, kept []broker.Entry) {
	w.t.Helper()
	f, err := w.store.Farewell(w.t.Context(), "r", user, 0, now)
	if errors.Is(err, store.ErrNotFound) {
		return end, nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, run := range f.Log {
		entries, err := broker.DecodeRun("r", f.Epoch, run.First, run.Last, run.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		kept = append(kept, entries...)
	}
	return broker.Position{Epoch: f.Epoch, N: f.N}, kept
}

// sameEnd checks that ann finds in the store what was heard of the last epoch, from some number on.
func (w *world) sameEnd(heard []*broker.Output) {
	w.t.Helper()
	end, kept := w.farewell("ann", time.Now())
	if len(kept) == 0 {
		w.t.Fatalf("nothing is kept of the end; heard %s", show(heard))
	}
	of := map[uint64]*broker.Output{}
	for _, o := range line(w.t, heard) {
		if o.At.Epoch == end.Epoch {
			of[o.At.N] = o
		}
	}
	first := kept[0].At.N
	for i, e := range kept {
		if e.At.N != first+uint64(i) {
			w.t.Errorf("kept number %d behind %d, want no hole", e.At.N, first+uint64(i)-1)
		}
		o := of[e.At.N]
		if o == nil || o.Type != e.Type || string(o.Body) != string(e.Body) || !reflect.DeepEqual(o.To, e.To) {
			w.t.Errorf("kept %v %s %s, and heard %s", e.At, e.Type, e.Body, show(heard))
		}
		if (e.Type == broker.TypeClosed) != (e.At.N == end.N+1) {
			w.t.Errorf("kept %v %s, want $closed alone after %v", e.At, e.Type, end)
		}
	}
	if last := kept[len(kept)-1].At.N; last < end.N {
		w.t.Errorf("kept up to %d, want it up to %d", last, end.N)
	}
}

func TestEndIsKeptForThoseWhoSatThere(t *testing.T) {
	t.Parallel()
	for _, keep := range []handlers.Keep{handlers.Durable{}, handlers.Checkpointed{}, handlers.Ephemeral{}} {
		t.Run(fmt.Sprintf("%T", keep), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Keep: keep}, 0))
			w.room("r", "ann", "bob")
			w.listen("r")
			p := w.start(nil, nil)
			w.join("r", "ann", "bob")
			w.say("r", "ann", 1, "ask", said{})
			w.giveUpSeat("bob")
			w.leave("bob")
			w.awaitType("$left", 1)
			w.say("r", "ann", 2, "add", said{})
			w.say("r", "ann", 3, "end", said{})
			heard := w.awaitType(broker.TypeClosed, 1)
			p.end()
			w.sameEnd(heard)
			_, kept := w.farewell("ann", time.Now())
			if got, want := len(kept), len(line(t, heard)); got != want {
				t.Errorf("kept %d outputs, want all %d", got, want)
			}
			for _, e := range kept {
				if e.Type == "told" && (e.Request != 1 || e.AskedBy != "ann-1" || !e.Answers("ann")) {
					t.Errorf("kept the answer with request %d of %q, want 1 of ann-1", e.Request, e.AskedBy)
				}
			}
			if _, kept := w.farewell("bob", time.Now()); kept != nil {
				t.Errorf("kept %d outputs for one who had left, want none", len(kept))
			}
		})
	}
}

func TestEmptyRoomLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	p := w.start(nil, nil)
	w.join("r", "ann")
	w.giveUpSeat("ann")
	w.leave("ann")
	w.awaitType(broker.TypeClosed, 1)
	p.end()
	if _, kept := w.farewell("ann", time.Now()); kept != nil {
		t.Errorf("kept %d outputs for nobody, want none", len(kept))
	}
	if kept, err := w.store.Log(t.Context(), "r", 1); err != nil || len(kept) > 0 {
		t.Errorf("kept %d runs, %v; want none", len(kept), err)
	}
}

func TestSweepPublishesTheRoomsOwnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	rec, err := w.store.TakeUp(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.store.Commit(t.Context(), &store.Commit{
		Room: "r", Term: rec.Term, Epoch: 1, N: 6, Published: 6, State: store.Closed, Farewell: time.Now().Add(time.Minute),
		Log: &store.Logged{First: 6, Last: 7, Data: broker.EncodeRun([]broker.Entry{
			{Output: &broker.Output{Type: "over", Body: []byte("{}")}},
			{Output: &broker.Output{Type: broker.TypeClosed, Body: []byte(`{"reason":"its own"}`)}},
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.start(nil, func(c *worker.Config) { c.Look = 5 * time.Millisecond })
	heard := w.awaitType(broker.TypeClosed, 1)
	if o := heard[0]; o.At != (broker.Position{Epoch: 1, N: 7}) || string(o.Body) != `{"reason":"its own"}` || o.Term <= rec.Term {
		t.Errorf("got %v %s of term %d, want the room's own at 1-7 of a later term than %d", o.At, o.Body, o.Term, rec.Term)
	}
}

func TestEndIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	begun := time.Now()
	first := w.start(nil, func(c *worker.Config) { c.Look = 5 * time.Millisecond })
	w.join("r", "ann")
	w.say("r", "ann", 1, "end", said{})
	w.awaitType(broker.TypeClosed, 1)
	first.end() // it has looked many times, or not at all: nothing was old enough
	if _, kept := w.farewell("ann", begun.Add(2*time.Minute)); kept == nil {
		t.Fatal("nothing is kept of the end for two minutes")
	}
	if _, kept := w.farewell("ann", time.Now().Add(2*time.Minute)); kept != nil {
		t.Error("the end is still kept after two minutes")
	}
	w.start(nil, func(c *worker.Config) {
		c.Look = 5 * time.Millisecond
		c.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	})
	for {
		_, kept := w.farewell("ann", begun)
		if kept == nil {
			break
		}
	}
	if kept, err := w.store.Log(t.Context(), "r", 1); err != nil || len(kept) > 0 {
		t.Errorf("kept %d runs, %v; want none", len(kept), err)
	}
}
