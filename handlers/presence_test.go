package handlers_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// hooked is a game whose hooks tell that they were called, and fail when fail names them.
func hooked(fail string) *handlers.Game[board] {
	g := play(handlers.Policy{Capacity: 10})
	hook := func(name string) func(*handlers.Room, *board, handlers.Player) error {
		return func(room *handlers.Room, b *board, p handlers.Player) error {
			b.Said = append(b.Said, name+" "+p.ID+" "+room.Reason())
			if err := room.Send(name, len(room.Players())); err != nil {
				return err
			}
			switch fail {
			case name:
				return errors.New("broken")
			case "reject " + name + " " + p.ID:
				return handlers.Reject("go_away", "no")
			}
			return nil
		}
	}
	handlers.Joined(g, hook("joined"))
	handlers.Left(g, hook("left"))
	handlers.Suspended(g, hook("suspended"))
	handlers.Resumed(g, hook("resumed"))
	return g
}

func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, hooked(""))
	must(t, room.Seat("ann"))
	room.Expect("ann", "$joined", "joined")
	room.Attach("ann")
	must(t, room.Seat("ann")) // once more is no news
	room.Expect("ann")
	room.Restart()
	room.Detach("ann")
	room.Expect("ann", "$suspended", "suspended")
	room.Restart()
	room.Attach("ann")
	room.Expect("ann", "$resumed", "resumed")
	must(t, room.Join("bob"))
	room.Leave("ann")
	room.Expect("bob", "$joined", "joined", "$suspended", "suspended", "$resumed", "resumed", "$joined", "joined", "$left", "left")
	if out := room.For("bob")[8]; out.Unseat != "ann" || string(out.Body) != `{"user":"ann","name":"ann","reason":"left"}` {
		t.Errorf("$left: got %+v %s", out, out.Body)
	}
	if room.Empty() {
		t.Error("empty with bob in it")
	}
	room.Detach("bob")
	room.Advance(time.Minute - time.Millisecond)
	if room.Members() != 1 || room.Online() != 0 {
		t.Errorf("got %d members, %d online; want 1, 0", room.Members(), room.Online())
	}
	room.Advance(time.Millisecond)
	if room.Members() != 0 || !room.Empty() {
		t.Errorf("after the grace: got %d members, empty %v", room.Members(), room.Empty())
	}
	if got, want := stateOfRoom(t, room).Said, "left bob timeout"; got[len(got)-1] != want {
		t.Errorf("got %q, want %q", got[len(got)-1], want)
	}
}

func TestOnlyTheNewestConnectionCounts(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, hooked(""))
	do := func(kind handlers.EventKind, conn string, seq uint64) handlers.Result {
		return room.Play(handlers.Event{Kind: kind, User: "ann", Name: "Ann", Conn: conn, ConnSeq: seq, Reason: "lost"})
	}
	if res := do(handlers.EventAttach, "a", 1); !slices.Equal(res.Seated, []string{"ann"}) {
		t.Errorf("attach of a stranger: got %+v, want it seated", res)
	}
	do(handlers.EventAttach, "b", 1)
	do(handlers.EventAttach, "a", 2) // the old connection asks again
	do(handlers.EventDetach, "a", 3)
	room.Expect("ann", "$joined", "joined")
	if res := do(handlers.EventAttach, "b", 1); !res.Duplicate {
		t.Errorf("second copy of an attach: got %+v", res)
	}
	do(handlers.EventDetach, "b", 2)
	room.Expect("ann", "$suspended", "suspended")
	do(handlers.EventAttach, "a", 4) // the only one that is left
	room.Expect("ann", "$resumed", "resumed")
}

func TestAWordWithoutAConnectionKeepsTheSeat(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, hooked(""))
	must(t, room.Seat("ann"))
	for range 5 {
		room.Advance(50 * time.Second)
		must(t, room.Send("ann", "say", `"here"`))
	}
	if room.Members() != 1 {
		t.Error("ann has lost its seat")
	}
	room.Advance(time.Minute)
	if room.Members() != 0 {
		t.Error("ann has its seat still")
	}
}

func TestAHookCantKeepAPlayer(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"left", "suspended", "resumed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := handlerstest.New(t, hooked(name))
			must(t, room.Join("ann", "bob"))
			steps := map[string]handlers.Event{
				"suspended": {Kind: handlers.EventDetach, User: "ann", Conn: "ann-1"},
				"resumed":   {Kind: handlers.EventAttach, User: "ann", Conn: "ann-2"},
				"left":      {Kind: handlers.EventLeave, User: "ann"},
			}
			if name == "resumed" {
				room.Play(steps["suspended"])
			}
			before := len(stateOfRoom(t, room).Said)
			res := room.Play(steps[name])
			if res.Failure == nil || len(res.Outputs) != 1 || res.Outputs[0].Type != "$"+name {
				t.Errorf("got %+v, want a failure and $%s alone", res, name)
			}
			want := map[string][2]int{"suspended": {2, 1}, "resumed": {2, 2}, "left": {1, 1}}[name]
			if got := [2]int{room.Members(), room.Online()}; got != want {
				t.Errorf("members and online: got %v, want %v", got, want)
			}
			if got := len(stateOfRoom(t, room).Said); got != before {
				t.Errorf("the hook's change stands: %d words, want %d", got, before)
			}
			room.Restart()
		})
	}
}

func TestAJoinedHookLetsPlayersGoAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []handlers.EventKind{handlers.EventJoin, handlers.EventAttach} {
		room := handlerstest.New(t, hooked("reject joined eve"))
		must(t, room.Join("ann"))
		res := room.Play(handlers.Event{Kind: kind, User: "eve", Name: "Eve", Conn: "c", ConnSeq: 1})
		if res.Refused != "go_away" || res.Failure != nil || !slices.Equal(res.Unseated, []string{"eve"}) || len(res.Seated) != 0 || res.Empty {
			t.Errorf("got %+v, want eve refused and unseated", res)
		}
		room.Expect("ann", "$joined", "joined")
		if got, want := handlerstest.Types(res.Outputs), []string{"error", "$left"}; !slices.Equal(got, want) || res.Outputs[1].Unseat != "eve" {
			t.Errorf("got %q, want %q", got, want)
		}
		if room.Members() != 1 || len(stateOfRoom(t, room).Said) != 1 {
			t.Errorf("got %d members and %q", room.Members(), stateOfRoom(t, room).Said)
		}
	}
}

func TestSeatsOfWhomTheRoomDoesNotKnow(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, hooked(""))
	must(t, room.Join("ann"))
	if res := room.Play(handlers.Event{Kind: handlers.EventLeave, User: "eve"}); !slices.Equal(res.Unseated, []string{"eve"}) || len(res.Outputs) > 0 {
		t.Errorf("leave: got %+v, want eve unseated and nothing said", res)
	}
	if res := room.Play(handlers.Event{Kind: handlers.EventDetach, User: "eve", Conn: "c"}); res.Changed || len(res.Outputs) > 0 {
		t.Errorf("detach: got %+v, want nothing", res)
	}
	if res := room.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann"}); !slices.Equal(res.Seated, []string{"ann"}) || len(res.Outputs) > 0 {
		t.Errorf("join of a member: got %+v, want its seat confirmed and nothing said", res)
	}
}

func TestManyGracesAtOnce(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, hooked(""))
	for _, user := range []string{"ann", "bob", "cid"} {
		must(t, room.Seat(user))
	}
	res := room.Play(handlers.Event{Kind: handlers.EventFire, Time: handlerstest.Start.Add(time.Hour)})
	if !slices.Equal(res.Unseated, []string{"ann", "bob", "cid"}) || !res.Empty {
		t.Errorf("got %+v, want all gone", res)
	}
}

func TestHoldAgainGivesAbsentPlayersTheirGraceAnew(t *testing.T) {
	t.Parallel()
	g := hooked("")
	start := time.Unix(1_700_000_000, 0).UTC()
	opening, err := g.Open("r", nil, start)
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	in.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann", Time: start})
	memory, err := in.Memory()
	must(t, err)

	in, err = g.Load("r", memory) // a day later, in another process
	must(t, err)
	later := start.Add(24 * time.Hour)
	if !in.HoldAgain(later) {
		t.Error("got no member held, want ann")
	}
	if res := in.Play(handlers.Event{Kind: handlers.EventFire, Time: later.Add(time.Second)}); len(res.Unseated) > 0 {
		t.Errorf("within the new grace: got %v unseated", res.Unseated)
	}
	if res := in.Play(handlers.Event{Kind: handlers.EventSay, User: "ann", Type: "no such type", Time: later}); res.Refused == "" {
		t.Error("got no refusal")
	}
	at, ok := in.NextFire()
	if want := later.Add(g.Policy().Grace); !ok || at.Before(want) {
		t.Errorf("next fire after an undo: got %v %v, want %v or later", at, ok, want)
	}
	res := in.Play(handlers.Event{Kind: handlers.EventFire, Time: at})
	if !slices.Equal(res.Unseated, []string{"ann"}) {
		t.Errorf("after the new grace: got %v unseated, want ann", res.Unseated)
	}
}
