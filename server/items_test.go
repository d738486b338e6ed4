package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type treasure struct{ Found int }

// What an app says of its items holds in its rooms, and players buy with what rooms have given them.
func TestRoomsAndLobbyKnowTheSameItems(t *testing.T) {
	t.Parallel()
	app := lobby.New()
	app.Item(lobby.Item{ID: "map", PerPlayer: 2})
	app.Item(lobby.Item{ID: "rope", Price: 3})
	game := handlers.New("treasure", func() *treasure { return &treasure{} })
	handlers.On(game, "dig", func(room *handlers.Room, s *treasure, _ struct{}) error {
		s.Found++
		room.Award(handlers.Award{User: room.From(), Gold: 5})
		room.Grant(room.From(), "map", 3)
		return room.Reply("found", s.Found)
	})
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}, slog.New(slog.DiscardHandler), app, game)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-s.Built():
	case err := <-ended:
		t.Fatalf("run: %v", err)
	}

	ann, err := client.New(client.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.SignInGuest(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	place, err := ann.CreateRoom(ctx, "treasure", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ann.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Send(ctx, "dig", struct{}{}); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := room.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == "found" {
			break
		}
	}
	call := func(method, path, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ann.Token())
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got, want := call("POST", "/v1/items/rope/purchase", ""), `{"item":{"id":"rope","count":1,"stacks":1},"gold":2}`; got != want {
		t.Errorf("purchase: got %s, want %s", got, want)
	}
	want := `{"gold":2,"items":[{"id":"map","count":2,"stacks":1},{"id":"rope","count":1,"stacks":1}]}`
	if got := call("GET", "/v1/user/items", ""); got != want {
		t.Errorf("inventory: got %s, want %s", got, want)
	}
	if got := call("GET", "/v1/user/ledger?limit=100", ""); !strings.Contains(got, `"reason":"room","item":"map","amount":2,"asked":3,"balance":2`) {
		t.Errorf("ledger: got %s, want the grant that was cut", got)
	}
}
