package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/worker"
)

func TestAttachIsAnswered(t *testing.T) {
	t.Parallel()
	const said10 = 10
	for _, c := range []struct {
		name   string
		retain int
		resume broker.Position
		want   string // of what the attempt is given
	}{
		{"without a position: snapshot", 0, broker.Position{}, "snapshot@12"},
		{"all that followed", 0, broker.Position{Epoch: 1, N: 9}, "replay@10 replay@11 replay@12 live@12"},
		{"nothing followed", 0, broker.Position{Epoch: 1, N: 12}, "live@12"},
		{"just remembered", 3, broker.Position{Epoch: 1, N: 9}, "replay@10 replay@11 replay@12 live@12"},
		{"too old: snapshot", 3, broker.Position{Epoch: 1, N: 8}, "snapshot@12"},
		{"other epoch: snapshot", 0, broker.Position{Epoch: 2, N: 9}, "snapshot@12"},
		{"number not reached: snapshot", 0, broker.Position{Epoch: 1, N: 13}, "snapshot@12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tallyGame(handlers.Policy{Retain: c.retain}, 0))
			w.room("r", "ann", "bob")
			w.listen("r")
			w.start(nil, nil)
			w.join("r", "ann", "bob")
			for n := range uint64(said10) {
				w.say("r", "bob", n+1, "add", said{})
			}
			w.attach("r", "bob", "c1", "try-1", c.resume)
			w.say("r", "bob", said10+1, "add", said{})
			heard := w.awaitType("added", said10+1)
			got := answers(heard, "try-1")
			if got != c.want {
				t.Errorf("attach was given %s, want %s", got, c.want)
			}
			prev := c.resume.N // each tells what comes before it, so that its subscriber sees what is missing
			for _, o := range heard {
				if o.Attempt == "try-1" && o.Part != broker.Snapshot {
					if o.Prev != prev {
						t.Errorf("%v of the answer follows %d, want %d", o.At, o.Prev, prev)
					}
					prev = o.At.N
				}
				if o.Attempt == "try-1" && o.Part != broker.Replay && (o.Handled != said10 || len(o.To) != 1 || o.To[0] != "bob") {
					t.Errorf("answer has handled %d for %v, want %d for bob", o.Handled, o.To, said10)
				}
			}
		})
	}
}

// answers shows what an attempt was given, in order.
func answers(heard []*broker.Output, attempt string) (s string) {
	parts := map[broker.Part]string{broker.Replay: "replay", broker.Snapshot: "snapshot", broker.Live: "live", broker.More: "more"}
	for _, o := range heard {
		if o.Attempt == attempt {
			if s != "" {
				s += " "
			}
			s += fmt.Sprintf("%s@%d", parts[o.Part], o.At.N)
		}
	}
	return s
}

func TestTheNextWorkerAnswersWhatIsLongPast(t *testing.T) {
	t.Parallel()
	const said40 = 40
	w := newWorld(t, tallyGame(handlers.Policy{Retain: 16}, 0))
	w.room("r", "ann", "bob")
	w.listen("r")
	p := w.start(nil, nil)
	w.join("r", "ann", "bob")
	for n := range uint64(said40) {
		w.say("r", "ann", n+1, "add", said{})
		w.awaitType("added", int(n)+1) // each has a commit
	}
	p.kill()
	w.start(nil, nil)
	w.attach("r", "bob", "c1", "near", broker.Position{Epoch: 1, N: 30})
	w.attach("r", "bob", "c2", "far", broker.Position{Epoch: 1, N: 3})
	for n := range uint64(said40) { // and goes on forgetting
		w.say("r", "bob", n+1, "add", said{})
		w.awaitType("added", said40+int(n)+1)
	}
	heard := w.awaitType("added", 2*said40)
	if got, want := answers(heard, "near"), "replay@31 replay@32 replay@33 replay@34 replay@35 replay@36 replay@37 replay@38 replay@39 replay@40 replay@41 replay@42 live@42"; got != want {
		t.Errorf("attach was given %s, want %s", got, want)
	}
	if got, want := answers(heard, "far"), "snapshot@42"; got != want {
		t.Errorf("attach from long ago was given %s, want %s", got, want)
	}
	kept, err := w.store.Log(t.Context(), "r", 1)
	if err != nil || len(kept) > 2*16+4 {
		t.Errorf("store keeps %d runs, %v; want about 16 to 32", len(kept), err)
	}
}

func TestWhoHasMissedMuchIsToldInParts(t *testing.T) {
	t.Parallel()
	const said1200 = 1200
	w := newWorld(t, tallyGame(handlers.Policy{Retain: 2000}, 0))
	w.room("r", "ann", "bob")
	w.listen("r")
	w.start(nil, nil)
	w.join("r", "ann", "bob") // 1 and 2
	for n := range uint64(said1200) {
		w.say("r", "ann", n+1, "add", said{})
		if n%100 == 99 {
			w.awaitType("added", int(n)+1)
		}
	}
	for i, c := range []struct {
		from, last uint64
		end        broker.Part
	}{
		{2, 2 + worker.ToldAtOnce, broker.More},
		{2 + worker.ToldAtOnce, 2 + 2*worker.ToldAtOnce, broker.More},
		{2 + 2*worker.ToldAtOnce, 2 + said1200, broker.Live},
		{2 + said1200 - worker.ToldAtOnce, 2 + said1200, broker.Live},
		{1 + said1200 - worker.ToldAtOnce, 1 + said1200, broker.More},
	} {
		attempt := fmt.Sprint("try-", i)
		w.attach("r", "bob", "c1", attempt, broker.Position{Epoch: 1, N: c.from})
		var got []*broker.Output
		w.await("the answer", func(heard []*broker.Output) bool {
			got = nil
			for _, o := range heard {
				if o.Attempt == attempt {
					got = append(got, o)
				}
			}
			return len(got) > 0 && got[len(got)-1].Part != broker.Replay
		})
		for j, o := range got {
			at, part := c.from+1+uint64(j), broker.Replay
			if j == len(got)-1 {
				at, part = c.last, c.end
			}
			if o.At != (broker.Position{Epoch: 1, N: at}) || o.Part != part || o.Prev != min(c.from+uint64(j), c.last) {
				t.Fatalf("from %d: part %d of the answer is %d at %v after %d, want %d at %d", c.from, j, o.Part, o.At, o.Prev, part, at)
			}
		}
		if want := int(c.last - c.from + 1); len(got) != want {
			t.Errorf("from %d: %d parts, want %d", c.from, len(got), want)
		}
	}
}

func TestReplayHidesWhatIsForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann", "bob")
	w.listen("r")
	w.start(nil, nil)
	w.join("r", "ann", "bob")
	w.say("r", "ann", 1, "ask", said{}) // 3, for ann alone
	w.say("r", "ann", 2, "add", said{}) // 4
	w.attach("r", "bob", "c1", "bobs", broker.Position{Epoch: 1, N: 2})
	w.attach("r", "ann", "c2", "anns", broker.Position{Epoch: 1, N: 2})
	heard := w.awaitPart(broker.Live, 2)
	_ = heard
	all := w.awaitType("added", 1)
	if got, want := answers(all, "bobs"), "replay@4 live@4"; got != want {
		t.Errorf("bob was given %s, want %s", got, want)
	}
	if got, want := answers(all, "anns"), "replay@3 replay@4 live@4"; got != want {
		t.Errorf("ann was given %s, want %s", got, want)
	}
}

func TestAttachIsAnsweredAgainWhenItComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	w.start(nil, nil)
	w.attach("r", "ann", "c1", "try-1", broker.Position{})
	w.awaitPart(broker.Snapshot, 1)
	w.attach("r", "ann", "c1", "try-1", broker.Position{})
	w.awaitPart(broker.Snapshot, 2)
}

func TestResentMessageIsNotPlayedAndHasItsAnswerAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{}, 0))
	w.room("r", "ann")
	w.listen("r")
	p := w.start(nil, nil)
	w.join("r", "ann")
	w.say("r", "ann", 1, "add", said{})
	w.say("r", "ann", 2, "ask", said{})
	w.say("r", "ann", 2, "ask", said{}) // by its gateway: no answer
	told := ofType(t, w.awaitType("told", 1), "told")[0]
	p.end() // the answer is remembered by who comes next
	w.start(nil, nil)
	w.tell(&broker.Message{Room: "r", Type: "ask", User: "ann", Seq: 2, Conn: "ann-2", ConnSeq: 1})
	w.say("r", "ann", 3, "add", said{})
	heard := w.awaitType("added", 2)
	again := ofPart(heard, broker.Again)
	if len(again) != 1 {
		t.Fatalf("%d answers again, want 1: %s", len(again), show(heard))
	}
	if o := again[0]; o.Conn != "ann-2" || o.At != told.At || string(o.Body) != string(told.Body) || o.Request != 2 || o.To[0] != "ann" {
		t.Errorf("again is %+v, want %+v for ann-2", o, told)
	}
	if got := len(ofType(t, heard, "told")); got != 1 {
		t.Errorf("asked once, told %d times", got)
	}
}

// Who asks again while the room is behind is answered once, and who has gone not at all.
func TestOnlyTheLatestAttachOfASubscriptionIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tallyGame(handlers.Policy{Grace: time.Hour}, 0))
		w.room("r", "ann", "bob")
		w.listen("r")
		w.join("r", "ann")
		w.join("r", "bob")
		w.attach("r", "ann", "a.1", "a.1.1.x", broker.Position{})
		w.attach("r", "ann", "a.1", "a.1.2.x", broker.Position{}) // another subscription of that connection
		w.attach("r", "bob", "b.1", "b.1.1.x", broker.Position{})
		w.attach("r", "ann", "a.1", "a.1.1.y", broker.Position{})
		w.attach("r", "ann", "a.1", "a.1.1.z", broker.Position{})
		w.tell(&broker.Message{Room: "r", Kind: broker.Detach, User: "bob", Conn: "b.1", ConnSeq: 2, Reason: "lost"})
		w.attach("r", "bob", "b.2", "b.2.1.x", broker.Position{})
		p := w.start(nil, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		w.mu.Lock()
		var answered []string
		for _, o := range w.heard {
			if o.Part == broker.Snapshot || o.Part == broker.Live {
				answered = append(answered, o.Attempt)
			}
		}
		w.mu.Unlock()
		if want := []string{"a.1.2.x", "a.1.1.z", "b.2.1.x"}; !slices.Equal(answered, want) {
			t.Errorf("answered %q, want %q", answered, want)
		}
		p.end()
	})
}
