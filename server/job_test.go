package server_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

var errEmpty = errors.New("the text is empty")

type desk struct{ Words int }

// office counts the words of texts, outside of its rooms.
func office() *handlers.Game[desk] {
	g := handlers.New("office", func() *desk { return &desk{} })
	handlers.On(g, "count", func(room *handlers.Room, _ *desk, text string) error {
		_, err := room.Job("count", text)
		return err
	})
	handlers.OnJob(g, "count", func(room *handlers.Room, d *desk, done handlers.Done[int]) error {
		if done.Failed != "" {
			return room.Send("failed", done.Failed)
		}
		d.Words += done.Result
		return room.Send("counted", d.Words)
	})
	return g
}

func TestARoomsJobComesBackToIt(t *testing.T) {
	t.Parallel()
	app := lobby.New()
	lobby.Job(app, "count", func(c *lobby.JobContext, text string) (int, error) {
		if text == "" {
			return 0, lobby.GiveUp(errEmpty)
		}
		return len(text), nil
	})
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Drain: time.Second}, slog.New(slog.DiscardHandler), app, office())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case <-s.Built():
	case err := <-ended:
		t.Fatalf("the server did not start: %v", err)
	}
	playing, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	c, err := client.New(client.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(playing, "", ""); err != nil {
		t.Fatal(err)
	}
	place, err := c.CreateRoom(playing, "office", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(playing)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(playing, place)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "", "three"} {
		if _, err := room.SendAsync("count", text); err != nil {
			t.Fatal(err)
		}
	}
	total, failed := 0, ""
	for total < 8 || failed == "" {
		m, err := room.Next(playing)
		if err != nil {
			t.Fatalf("after %d letters and failure %q: %v", total, failed, err)
		}
		switch m.Type {
		case "counted":
			if err := m.Decode(&total); err != nil {
				t.Fatal(err)
			}
		case "failed":
			if err := m.Decode(&failed); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total != 8 || failed != errEmpty.Error() {
		t.Errorf("got %d letters and failure %q, want 8 and %q", total, failed, errEmpty)
	}
}
