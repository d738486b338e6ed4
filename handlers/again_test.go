package handlers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

// loaded is a room of g with ann in it.
func loaded(t *testing.T, g handlers.Definition, at time.Time) *handlers.Instance {
	t.Helper()
	opening, err := g.Open("r", nil, at)
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	in.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann", Time: at})
	in.Play(handlers.Event{Kind: handlers.EventAttach, User: "ann", Conn: "c1", ConnSeq: 1, Time: at})
	return in
}

func memoryOf(t *testing.T, in *handlers.Instance) string {
	t.Helper()
	memory, err := in.Memory()
	must(t, err)
	return string(memory)
}

func TestFailureThatIsTriedAgainLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	fails := true
	handlers.On(g, "shaky", func(room *handlers.Room, b *board, _ struct{}) error {
		b.Said = append(b.Said, "half done")
		if err := room.Send("half", nil); err != nil {
			return err
		}
		if fails {
			return errors.New("not yet")
		}
		return nil
	})
	at := time.Unix(1_700_000_000, 0)
	in := loaded(t, g, at)
	before := memoryOf(t, in)
	ev := handlers.Event{Kind: handlers.EventSay, User: "ann", Type: "shaky", Seq: 1, Conn: "c1", ConnSeq: 2, Time: at.Add(time.Second), Again: true}
	for range 3 {
		res := in.Play(ev)
		if !res.Again || res.Failure == nil || res.Changed || len(res.Outputs) > 0 {
			t.Fatalf("got %+v, want Again alone with the failure", res)
		}
		if got := memoryOf(t, in); got != before {
			t.Fatalf("memory is\n%s\nwas\n%s", got, before)
		}
	}
	fails = false
	if res := in.Play(ev); res.Again || res.Failure != nil || len(res.Outputs) != 1 {
		t.Errorf("got %+v, want it done", res)
	}
	if res := in.Play(ev); !res.Duplicate {
		t.Errorf("got %+v, want a duplicate", res)
	}
}

func TestRefusalIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	handlers.On(g, "no", func(*handlers.Room, *board, struct{}) error { return handlers.Reject("no", "no") })
	in := loaded(t, g, time.Now())
	res := in.Play(handlers.Event{Kind: handlers.EventSay, User: "ann", Type: "no", Seq: 1, Again: true})
	if res.Again || res.Refused != "no" || !res.Changed {
		t.Errorf("got %+v, want a refusal that counts", res)
	}
}

func TestSkippedMessageIsHandledWithoutTheGame(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	handlers.On(g, "hang", func(*handlers.Room, *board, struct{}) error { panic("called") })
	in := loaded(t, g, time.Now())
	ev := handlers.Event{Kind: handlers.EventSay, User: "ann", Type: "hang", Seq: 7, Conn: "c1", ConnSeq: 2, Skip: true}
	res := in.Play(ev)
	if res.Failure != nil || len(res.Outputs) != 1 || res.Outputs[0].Code != handlers.CodeInternal || res.Outputs[0].Request != 7 {
		t.Errorf("got %+v, want its sender told", res)
	}
	if ev.Skip = false; !in.Play(ev).Duplicate {
		t.Error("it does not count as handled")
	}
}

func TestTimersOneAtATimeInOrder(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	var rang []string
	fails := true
	handlers.OnTimer(g, "a", func(*handlers.Room, *board, struct{}) error {
		if fails {
			return errors.New("not yet")
		}
		rang = append(rang, "a")
		return nil
	})
	handlers.OnTimer(g, "b", func(*handlers.Room, *board, struct{}) error { rang = append(rang, "b"); return nil })
	handlers.On(g, "set", func(room *handlers.Room, _ *board, _ struct{}) error {
		return errors.Join(room.After(2*time.Second, "b", nil), room.After(time.Second, "a", nil))
	})
	at := time.Unix(1_700_000_000, 0)
	in := loaded(t, g, at)
	in.Play(handlers.Event{Kind: handlers.EventSay, User: "ann", Type: "set", Time: at})
	fire := handlers.Event{Kind: handlers.EventFire, Time: at.Add(time.Minute), One: true, Again: true}
	if id := in.NextFireID(); id != "timer/a/2" {
		t.Errorf("first is %q, want timer/a/2", id)
	}
	if res := in.Play(fire); !res.Again || len(rang) != 0 {
		t.Errorf("got %+v and %v rang, want a to be tried again", res, rang)
	}
	fails = false
	in.Play(fire)
	if id := in.NextFireID(); id != "timer/b/1" || len(rang) != 1 {
		t.Errorf("after a: %q next, %v rang", id, rang)
	}
	in.Play(fire)
	if _, ok := in.NextFire(); ok || len(rang) != 2 || in.NextFireID() != "" {
		t.Errorf("%v rang, want a and b and nothing more", rang)
	}
}

func TestGraceTimesByCause(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{
		Grace:  10 * time.Second,
		Graces: handlers.Graces{Closed: 20 * time.Second, Gateway: 30 * time.Second, Kicked: 40 * time.Second},
	})
	for reason, want := range map[string]time.Duration{
		"lost": 10 * time.Second, "disconnected": 20 * time.Second, "unsubscribed": 20 * time.Second,
		"draining": 30 * time.Second, "gateway_lost": 30 * time.Second, "signed_out": 40 * time.Second,
	} {
		at := time.Unix(1_700_000_000, 0)
		in := loaded(t, g, at)
		in.Play(handlers.Event{Kind: handlers.EventDetach, User: "ann", Conn: "c1", Reason: reason, Time: at})
		due, ok := in.NextFire()
		if !ok || due.Sub(at) != want {
			t.Errorf("%s: held for %v, want %v", reason, due.Sub(at), want)
		}
		if later := at.Add(time.Hour); in.HoldAgain(later) {
			if due, _ := in.NextFire(); due.Sub(later) != want {
				t.Errorf("%s: after a takeover held for %v, want %v", reason, due.Sub(later), want)
			}
		}
	}
}
