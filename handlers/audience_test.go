package handlers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// tables is a game whose players say what they watch, and speak to areas.
func tables() *handlers.Game[none] {
	g := handlers.New("tables", func() *none { return &none{} }).WithPolicy(handlers.Policy{Capacity: 5, Spectators: 2})
	handlers.Latest(g, "seen", "seen", "drawn")
	handlers.On(g, "watch", func(room *handlers.Room, _ *none, areas []string) error { return room.Watch(room.From(), areas...) })
	handlers.On(g, "say", func(room *handlers.Room, _ *none, areas []string) error { return room.In(areas...).Send("said", areas) })
	handlers.On(g, "show", func(room *handlers.Room, _ *none, users []string) error { return room.To(users...).Send("seen", users) })
	handlers.On(g, "reply", func(room *handlers.Room, _ *none, _ none) error { return room.Reply("seen", nil) })
	handlers.On(g, "watch and fail", func(room *handlers.Room, _ *none, areas []string) error {
		return errors.Join(room.Watch(room.From(), areas...), room.In(areas...).Send("said", areas), handlers.Reject("no", ""))
	})
	handlers.Watched(g, func(room *handlers.Room, _ *none, p handlers.Player) error { return room.Watch(p.ID, "a") })
	return g
}

// saidTo sends a message and checks who alone gets what comes of it, as one output.
func saidTo(t *testing.T, room *handlerstest.Room, from, typ string, body any, users ...string) {
	t.Helper()
	before := len(room.Sent())
	must(t, room.Send(from, typ, body))
	sent := room.Sent()[before:]
	switch {
	case len(users) == 0 && len(sent) > 0:
		t.Errorf("%s %v went to %q, want to nobody", typ, body, sent[0].To)
	case len(users) > 0 && (len(sent) != 1 || !slices.Equal(sent[0].To, users)):
		t.Errorf("%s %v: got %+v, want one output to %q", typ, body, sent, users)
	}
}

func TestAnAreaIsToldToThoseWhoWatchIt(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, tables())
	must(t, room.Join("ann", "bob", "cid"))
	saidTo(t, room, "ann", "say", []string{"a"})
	must(t, room.Send("cid", "watch", []string{"a", "b", "a"}))
	must(t, room.Send("bob", "watch", []string{"b", "c"}))
	saidTo(t, room, "ann", "say", []string{"a"}, "cid")
	saidTo(t, room, "ann", "say", []string{"b"}, "bob", "cid")
	saidTo(t, room, "ann", "say", []string{"a", "c", "b"}, "bob", "cid")
	saidTo(t, room, "ann", "say", []string{"nowhere"})
	saidTo(t, room, "ann", "say", []string{})
	room.Restart()
	if got := room.Areas("bob"); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("after a restart bob watches %q, want b and c", got)
	}
	saidTo(t, room, "ann", "say", []string{"b"}, "bob", "cid")
	must(t, room.Send("cid", "watch", []string{"c"}))
	saidTo(t, room, "ann", "say", []string{"b"}, "bob")
	if err := room.Send("ann", "watch and fail", []string{"b"}); handlerstest.Code(err) != "no" {
		t.Fatalf("got %v, want the refusal", err)
	}
	saidTo(t, room, "ann", "say", []string{"b"}, "bob")
	room.Detach("bob")
	saidTo(t, room, "ann", "say", []string{"b"}, "bob") // it has missed that, and may ask for it
	room.Attach("bob")
	room.Leave("bob")
	saidTo(t, room, "ann", "say", []string{"b"})
	must(t, room.Join("bob"))
	saidTo(t, room, "ann", "say", []string{"b"})
}

func TestSpectatorsWatchAreasAndGoOnAsPlayers(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, tables())
	must(t, room.Join("ann"))
	must(t, room.Watch("sue"))
	saidTo(t, room, "ann", "say", []string{"a"}, "sue")
	must(t, room.Join("sue"))
	saidTo(t, room, "ann", "say", []string{"a"}, "sue")
}

func TestAnAudienceOfNobodyIsToldNothing(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, tables())
	must(t, room.Join("ann", "bob"))
	saidTo(t, room, "ann", "show", []string{})
	saidTo(t, room, "ann", "show", []string{"bob"}, "bob")
}

func TestWatchHasBounds(t *testing.T) {
	t.Parallel()
	many := make([]string, handlers.MaxAreas+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	room := doing(t, func(room *handlers.Room) error {
		for _, areas := range [][]string{many, {""}, {strings.Repeat("x", 65)}} {
			if room.Watch("ann", areas...) == nil {
				t.Errorf("areas %.50q: got no error", areas)
			}
		}
		if err := room.Watch("ann", many[1:]...); err != nil {
			t.Errorf("the most areas: got %v", err)
		}
		if err := room.Watch("nobody", "a"); err != nil || len(room.In("a").Users()) > 0 {
			t.Errorf("of who is no member: got %v, want nothing done", err)
		}
		if room.In("a").Send("$x", nil) == nil {
			t.Error("a type of the system's: got no error")
		}
		return nil
	})
	must(t, room.Send("ann", "do", nil))
}

func TestOnlyTheNewestMattersOfWhatIsDeclaredSo(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, tables())
	must(t, room.Join("ann", "bob"))
	for _, c := range []struct {
		typ  string
		body any
		want bool
	}{{"show", []string{"bob"}, true}, {"reply", nil, false}, {"watch", []string{"b"}, false}, {"say", []string{"b"}, false}} {
		must(t, room.Send("ann", c.typ, c.body))
		if got := room.Last("ann").Latest || room.Last("bob").Latest && c.typ == "show"; got != c.want {
			t.Errorf("%s: got Latest %v, want %v", c.typ, got, c.want)
		}
	}
	for name, types := range map[string][]string{"the system's": {"$x"}, "too many": strings.Split("abcdefghijklmnopq", "")} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			handlers.Latest(handlers.New("x", func() *none { return &none{} }), types...)
		}()
	}
}
