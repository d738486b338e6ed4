package handlers_test

import (
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// watchable is hooked with hooks for spectators.
func watchable(fail string) *handlers.Game[board] {
	g := hooked(fail)
	hook := func(name string) func(*handlers.Room, *board, handlers.Player) error {
		return func(room *handlers.Room, b *board, p handlers.Player) error {
			if !p.Spectator {
				return handlers.Reject("odd", "no spectator")
			}
			b.Said = append(b.Said, name+" "+p.ID+" "+room.Reason())
			if fail == "reject "+name+" "+p.ID {
				return handlers.Reject("go_away", "no")
			}
			return nil
		}
	}
	handlers.Watched(g, hook("watched"))
	handlers.Unwatched(g, hook("unwatched"))
	return g
}

func TestSpectatorsSeeAndHaveNoSay(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, watchable(""))
	must(t, room.Join("ann"))
	must(t, room.Watch("eve"))
	room.Expect("ann", "$joined", "joined")
	room.Expect("eve", "$joined", "joined", "$joined")
	if got := string(room.Last("eve").Body); got != `{"user":"eve","name":"eve","spectator":true}` {
		t.Errorf("eve is told %s", got)
	}
	if got := handlerstest.Code(room.Send("eve", "say", `"boo"`)); got != handlers.CodeSpectator {
		t.Errorf("eve says something: got code %q", got)
	}
	room.Expect("ann")
	room.Expect("eve", "error")
	must(t, room.Send("ann", "say", `"hear"`))
	if room.Members() != 1 || room.Online() != 2 {
		t.Errorf("got %d members, %d online; want 1, 2", room.Members(), room.Online())
	}
	room.Restart()
	room.Expect("eve", handlerstest.Types(room.For("ann"))[2:]...)
	room.Detach("eve")
	room.Expect("eve", "$suspended")
	room.Attach("eve")
	room.Expect("eve", "$resumed")
	// A gateway has looked its seat up and knows it as a player: it is one from now on.
	room.Play(handlers.Event{Kind: handlers.EventAttach, User: "eve", Name: "eve", Conn: "another"})
	room.Expect("eve", "$joined", "joined")
	if room.Members() != 2 {
		t.Errorf("got %d members, want 2", room.Members())
	}
	must(t, room.Send("eve", "say", `"now I may"`))
}

func TestASpectatorGoes(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, watchable(""))
	must(t, room.Join("ann"))
	must(t, room.Watch("eve", "mallory"))
	room.Expect("ann", "$joined", "joined")
	room.Leave("eve")
	room.Detach("mallory")
	room.Advance(time.Minute)
	room.Expect("ann")
	for _, user := range []string{"eve", "mallory"} {
		if out := room.Last(user); out.Type != "$left" || out.Unseat != user || !slices.Equal(out.To, []string{user}) {
			t.Errorf("%s sees %+v last", user, out)
		}
	}
	said := stateOfRoom(t, room).Said
	if want := []string{"joined ann ", "watched eve spectator", "watched mallory spectator", "unwatched eve left", "unwatched mallory timeout"}; !slices.Equal(said, want) {
		t.Errorf("hooks: got %q, want %q", said, want)
	}
	if room.Empty() {
		t.Error("empty with ann in it")
	}
}

func TestSpectatorsGoWithTheLastPlayer(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, watchable(""))
	must(t, room.Watch("eve")) // before the players have come
	must(t, room.Join("ann"))
	res := room.Play(handlers.Event{Kind: handlers.EventLeave, User: "ann", Reason: "left"})
	if !res.Empty || !slices.Equal(res.Unseated, []string{"ann", "eve"}) {
		t.Errorf("got empty %v, unseated %q", res.Empty, res.Unseated)
	}
	i := slices.IndexFunc(res.Outputs, func(out handlers.Output) bool { return out.Unseat == "eve" })
	if got := string(res.Outputs[max(i, 0)].Body); got != `{"user":"eve","name":"eve","reason":"empty","spectator":true}` {
		t.Errorf("eve is told %s last", got)
	}
}

func TestASpectatorTakesASeat(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, watchable("reject joined mallory"))
	must(t, room.Join("ann"))
	must(t, room.Watch("eve", "mallory"))
	room.Expect("ann", "$joined", "joined")
	must(t, room.Seat("eve"))
	room.Expect("ann", "$joined", "joined")
	must(t, room.Send("eve", "say", `"hello"`)) // by the connection that it has
	if room.Online() != 3 {
		t.Errorf("got %d online, want 3", room.Online())
	}
	if got := handlerstest.Code(room.Seat("mallory")); got != "go_away" {
		t.Errorf("mallory takes a seat: got code %q", got)
	}
	if out := room.Last("mallory"); out.Unseat != "mallory" || room.Members() != 2 || room.Online() != 2 {
		t.Errorf("got %+v, %d members, %d online", out, room.Members(), room.Online())
	}
}

func TestASpectatorIsTurnedAway(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, watchable("reject watched eve"))
	must(t, room.Join("ann"))
	if got := handlerstest.Code(room.Watch("eve")); got != "go_away" {
		t.Errorf("got code %q", got)
	}
	if out := room.Last("eve"); out.Unseat != "eve" || out.Type != "$left" {
		t.Errorf("got %+v", out)
	}
	room.Expect("ann", "$joined", "joined")
}
