package client_test

import (
	"slices"
	"testing"

	"github.com/madang-games/madang/client"
)

// A gateway sends what a player has missed of a room that is over by now, and then the room's $closed.
func TestEndThatIsHeardOnlyAfterComingBack(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	g.say("news", "before")
	wantBodies(t, room, "before")
	g.set(func() {
		for s := range g.conns {
			s.sub = "" // it hears nothing more
			_ = s.ws.CloseNow()
		}
		g.sayLocked("news", []byte("the last move"), "")
		g.sayLocked("over", []byte("who has won"), "")
		g.sayLocked("$closed", []byte(`{"reason":"ended"}`), "")
	})
	for _, want := range []string{"1-2 news", "1-3 over", "1-4 $closed"} {
		if m := next(t, room); m.ID+" "+m.Type != want {
			t.Fatalf("got %s %s, want %s", m.ID, m.Type, want)
		}
	}
	if _, err := room.Next(t.Context()); client.CodeOf(err) != "room_closed" {
		t.Errorf("got %v, want room_closed", err)
	}
	if err := conn.Err(); err != nil {
		t.Errorf("the connection has ended with the room: %v", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if want := []string{"-", "1-1"}; !slices.Equal(g.resumes, want) {
		t.Errorf("got resumes %q, want %q", g.resumes, want)
	}
}
