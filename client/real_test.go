package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

// serve runs a whole deployment in this process until stop is called, which returns once it has ended.
func serve(t *testing.T, listen, data string, app *lobby.App) (url string, stop func()) {
	t.Helper()
	s, err := server.New(server.Config{Listen: listen, Data: data, Drain: time.Second},
		slog.New(slog.DiscardHandler), app, relay.Game())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Built():
	case err := <-done:
		t.Fatalf("the server did not start: %v", err)
	}
	return s.URL(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
}

func say(t *testing.T, r *client.Room, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		if seq, err := r.Send(t.Context(), "say", []byte(fmt.Sprint(i))); err != nil || seq != uint64(i) {
			t.Fatalf("got seq %d, %v, want %d", seq, err, i)
		}
	}
}

// hear skips what the system says.
func hear(t *testing.T, r *client.Room, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		m := next(t, r)
		for m.Type[0] == '$' {
			m = next(t, r)
		}
		if m.Type != "say" || string(m.Body) != fmt.Sprint(i) {
			t.Fatalf("got %s %q, want say %d", m.Type, m.Body, i)
		}
	}
}

func TestRealRoomIsJoinedAgainAndOutlivesARestart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	url, stop := serve(t, "127.0.0.1:0", data, lobby.New())
	player, err := client.New(client.Config{URL: url, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.SignInGuest(t.Context(), "Mina", "a-secret-of-my-own"); err != nil {
		t.Fatal(err)
	}
	place, err := player.CreateRoom(t.Context(), "relay", map[string]int{"capacity": 3})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := player.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room := join(t, conn, place)
	say(t, room, 1, 5)
	hear(t, room, 1, 5)

	room.Close()
	room = join(t, conn, place) // without memory: the room says where it is
	say(t, room, 6, 8)
	hear(t, room, 6, 8)

	stop()
	_, stop = serve(t, url[len("http://"):], data, lobby.New())
	defer stop()
	say(t, room, 9, 12)
	hear(t, room, 9, 12)

	user, places, err := player.User(t.Context())
	if err != nil || user.Name != "Mina" || len(places) != 1 || places[0].Room.ID != place.Room.ID {
		t.Errorf("got %+v, %+v, %v, want Mina and her room", user, places, err)
	}
	games, err := player.Games(t.Context())
	if err != nil || len(games) != 1 || games[0].Name != "relay" {
		t.Errorf("got games %+v, %v, want relay", games, err)
	}
	if err := player.LeaveRoom(t.Context(), place.Room.ID); err != nil {
		t.Error(err)
	}
	for {
		m, err := room.Next(t.Context())
		if err != nil {
			if code := client.CodeOf(err); code != "not_seated" {
				t.Errorf("got %v after leaving, want not_seated", err)
			}
			break
		}
		if m.Type != "$left" {
			t.Errorf("got %s, want $left", m.Type)
		}
	}
	if err := player.SignOut(t.Context()); err != nil {
		t.Error(err)
	}
	<-conn.Done()
	if code := client.CodeOf(conn.Err()); code != "not_signed_in" {
		t.Errorf("got %v after signing out, want not_signed_in", conn.Err())
	}
}
