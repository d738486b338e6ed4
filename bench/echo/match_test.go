package main

import (
	"testing"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

func TestAMatchCountsNotesAndTellsWhatIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options string
		atOnce  []string // what bob sees before the tick
		ticked  []string // and by it
	}{
		"at once":   {`{"capacity":3}`, []string{"say", "say"}, nil},
		"collected": {`{"capacity":3,"collect":true}`, nil, []string{"say", "say"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := handlerstest.New(t, matches(), c.options)
			if err := room.Join("ann", "bob"); err != nil {
				t.Fatal(err)
			}
			if room.Capacity() != 3 {
				t.Errorf("got %d seats, want 3", room.Capacity())
			}
			for _, m := range []struct{ user, typ, body string }{
				{"ann", "note", `{"n":"1"}`}, {"bob", "say", `{"n":"1"}`}, {"ann", "say", `{"n":"2"}`}, {"ann", "note", `{"n":"2"}`},
			} {
				if err := room.Send(m.user, m.typ, m.body); err != nil {
					t.Fatal(err)
				}
			}
			room.Expect("bob", append([]string{"$joined", "$joined"}, c.atOnce...)...)
			room.Restart()
			room.Tick(1)
			room.Expect("bob", c.ticked...)
			room.Tick(1)
			room.Expect("bob")
			var said []handlers.Output
			for _, out := range room.For("bob") {
				if out.Type == "say" {
					said = append(said, out)
				}
			}
			if got := string(said[0].Body) + string(said[1].Body); got != `{"n":"1"}{"n":"2"}` {
				t.Errorf("got %s, want what was said, in order", got)
			}
			for user, want := range map[string]int{"ann": 2, "bob": 0} {
				if err := room.Send(user, "count", nil); err != nil {
					t.Fatal(err)
				}
				var counted struct{ Notes int }
				if room.Decode(room.Last(user), &counted); counted.Notes != want {
					t.Errorf("%s: got %d notes, want %d", user, counted.Notes, want)
				}
			}
		})
	}
}
