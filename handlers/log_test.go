package handlers_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// Not parallel: it sets the process's log.
func TestLinesCarryTheMessageAndComeOnce(t *testing.T) {
	var lines bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&lines, nil)))
	defer slog.SetDefault(old)

	g := newArena()
	handlers.On(g, "move", func(room *handlers.Room, _ *arena, to pos) error {
		room.Log().With("x", to.X).WithGroup("g").Info("moved to " + room.ID())
		if to.X < 0 {
			return handlers.Reject("outside", "")
		}
		return nil
	})
	room := handlerstest.New(t, g)
	must(t, room.Join("ann"))
	room.Play(handlers.Event{ID: "m-1", Type: "move", User: "ann", Body: []byte(`{"X":1}`)})
	room.Play(handlers.Event{ID: "m-2", Type: "move", User: "ann", Body: []byte(`{"X":-1}`)}) // the first one is played again
	if got := strings.Count(lines.String(), "moved to room-1"); got != 2 {
		t.Errorf("got %d lines, want 2:\n%s", got, &lines)
	}
	if want := "game=arena room=room-1 message=m-1 type=move user=ann x=1"; !strings.Contains(lines.String(), want) {
		t.Errorf("got\n%s\nwant a line with %s", &lines, want)
	}
}
