package handlers_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// A game that breaks the rule to draw on the room alone may lose the messages that went another way, and no more.
func TestAGameThatIsNotTheSameAgainLosesOnlyThat(t *testing.T) {
	t.Parallel()
	outside := map[string]bool{"fail": true}
	g := play(handlers.Policy{Capacity: 9})
	handlers.On(g, "once", func(room *handlers.Room, b *board, _ none) error {
		b.N += 100
		if outside["once"] {
			return errors.New("not twice")
		}
		outside["once"] = true
		return room.After(time.Second, "bell", nil)
	})
	handlers.Joined(g, func(_ *handlers.Room, _ *board, p handlers.Player) error {
		if outside[p.ID] {
			return errors.New("not twice")
		}
		outside[p.ID] = p.ID == "bob"
		return nil
	})
	room := handlerstest.New(t, g)
	must(t, room.Join("ann"))
	must(t, room.Send("ann", "once", nil))
	room.Advance(time.Second) // the timer that will not have been set
	must(t, room.Send("ann", "add", 5))
	must(t, room.Join("bob"))
	must(t, room.Send("bob", "add", 1))
	room.Detach("bob")
	if room.Send("ann", "fail", `"error"`) == nil {
		t.Fatal("fail did not fail")
	}
	if got := stateOfRoom(t, room).N; got != 5 || room.Members() != 1 {
		t.Errorf("got %d and %d members, want 5 of ann alone", got, room.Members())
	}
	must(t, room.Send("ann", "add", 1))
	room.Restart()
}

// oneWay can be written and, once lost is true, not be read.
type oneWay struct{ lost bool }

func (o oneWay) MarshalJSON() ([]byte, error) { return json.Marshal(o.lost) }

func (o *oneWay) UnmarshalJSON(data []byte) error {
	if string(data) == "true" {
		return errors.New("can't be read")
	}
	return nil
}

func TestARoomThatCantBeRestoredSaysSo(t *testing.T) {
	t.Parallel()
	type state struct{ A oneWay }
	g := handlers.New("lost", func() *state { return &state{} })
	handlers.On(g, "lose", func(_ *handlers.Room, s *state, _ none) error { s.A.lost = true; return nil })
	handlers.On(g, "fail", func(*handlers.Room, *state, none) error { return errors.New("broken") })
	opening, err := g.Open("r", nil, time.Time{})
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	in.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann"})
	in.Play(handlers.Event{Type: "lose", User: "ann"})
	_, err = in.Memory()
	must(t, err)
	for range 2 {
		if res := in.Play(handlers.Event{Type: "fail", User: "ann"}); res.Failure == nil {
			t.Errorf("got %+v, want a failure", res)
		}
	}
	if _, err := in.Memory(); err == nil {
		t.Error("memory of a lost room: got no error")
	}
	if _, err := in.Snapshot("ann"); err == nil {
		t.Error("snapshot of a lost room: got no error")
	}
}

func TestWhatTheWorkerAsks(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{Grace: time.Minute})
	opening, err := g.Open("r", nil, handlerstest.Start)
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	if at, some := in.NextFire(); some {
		t.Errorf("an empty room fires at %v", at)
	}
	in.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann"})
	wantFire := func(after time.Duration) {
		t.Helper()
		if at, some := in.NextFire(); !some || !at.Equal(handlerstest.Start.Add(after)) {
			t.Errorf("next fire: got %v %v, want %v after the start", at, some, after)
		}
	}
	wantFire(time.Minute)
	in.Play(handlers.Event{Type: "ring", User: "ann", Seq: 7, Body: []byte("1000000000")})
	wantFire(time.Second)
	in.Play(handlers.Event{Kind: handlers.EventAttach, User: "ann", Conn: "c", ConnSeq: 1})
	if got := [3]int{in.Online(), in.Members(), int(in.Handled("ann"))}; got != [3]int{1, 1, 7} || in.Handled("eve") != 0 {
		t.Errorf("online, members, handled: got %v, want [1 1 7]", got)
	}
	if in.TickEvery() != 0 || in.Ended() {
		t.Errorf("got tick %v, ended %v; want none", in.TickEvery(), in.Ended())
	}
	in.Play(handlers.Event{Kind: handlers.EventEnd})
	if res := in.Play(handlers.Event{Type: "add", User: "ann", Body: []byte("1")}); !res.Ended || res.Changed || len(res.Outputs) > 0 {
		t.Errorf("after the end: got %+v, want nothing", res)
	}
	if at, some := in.NextFire(); some {
		t.Errorf("a room that has ended fires at %v", at)
	}
}
