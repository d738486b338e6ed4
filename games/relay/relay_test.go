package relay_test

import (
	"testing"

	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

func TestEverybodyHearsWhatAPlayerSays(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, relay.Game())
	room.Join("ann", "bob")
	if err := room.Send("ann", "shout", []byte("\x00 any bytes\xff")); err != nil {
		t.Fatal(err)
	}
	out := room.Last("bob")
	if out.Type != "shout" || out.From != "ann" || string(out.Body) != "\x00 any bytes\xff" || len(out.To) != 0 {
		t.Errorf("got %+v with body %q", out, out.Body)
	}
	room.Expect("ann", "$joined", "$joined", "shout")
}

func TestTheContentTypeGoesWithTheBody(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, relay.Game())
	room.Join("ann")
	room.Play(handlers.Event{Type: "x", User: "ann", ContentType: "application/x-protobuf", Body: []byte{1}})
	if got, want := room.Last("ann").ContentType, "application/x-protobuf"; got != want {
		t.Errorf("content type: got %q, want %q", got, want)
	}
}

func TestTypesOfTheSystemAreRefused(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, relay.Game())
	room.Join("ann", "bob")
	if got := handlerstest.Code(room.Send("ann", "$closed", nil)); got != handlers.CodeUnknownType {
		t.Errorf("got code %q, want %q", got, handlers.CodeUnknownType)
	}
	room.Expect("bob", "$joined", "$joined")
}

func TestTheRoomSurvivesARestart(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, relay.Game())
	room.Join("ann", "bob")
	if err := room.Send("ann", "one", nil); err != nil {
		t.Fatal(err)
	}
	room.Restart()
	room.Resend("ann")
	if err := room.Send("ann", "two", nil); err != nil {
		t.Fatal(err)
	}
	room.Expect("bob", "$joined", "$joined", "one", "two")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]int{``: 100, `{}`: 100, `{"capacity":1}`: 1, `{"capacity":1000}`: 1000} {
		if got := handlerstest.New(t, relay.Game(), options).Capacity(); got != want {
			t.Errorf("options %s: got capacity %d, want %d", options, got, want)
		}
	}
	for _, options := range []string{`{"capacity":0}`, `{"capacity":1001}`, `{"capacity":"9"}`, `{"seats":2}`, `[]`, `{} {}`, `{`} {
		if got := handlerstest.Code(handlerstest.Refused(t, relay.Game(), options)); got != handlers.CodeBadOptions {
			t.Errorf("options %s: got code %q, want %q", options, got, handlers.CodeBadOptions)
		}
	}
}
