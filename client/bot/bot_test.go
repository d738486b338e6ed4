package bot_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
	"github.com/madang-games/madang/games/arena"
	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

// deployment is a whole one in this process; it returns its address.
func deployment(t *testing.T) string {
	t.Helper()
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Drain: time.Second},
		slog.New(slog.DiscardHandler), lobby.New(), othello.Game(), arena.Game())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case <-s.Built():
	case err := <-done:
		t.Fatalf("the server did not start: %v", err)
	}
	return s.URL()
}

func TestPairsFinishWithEqualBoards(t *testing.T) {
	t.Parallel()
	s, err := bot.Run(t.Context(), bot.Config{URL: deployment(t), Pair: true, N: 4, Games: 6, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	if !s.OK() || s.Games != 6 || s.Moves < 6*9 {
		t.Errorf("got %v, want 6 games, all finished with equal boards", s)
	}
}

func TestASeatedBotPlaysAWaitingOne(t *testing.T) {
	t.Parallel()
	url := deployment(t)
	ended := make(chan *bot.Summary, 1)
	go func() {
		s, err := bot.Run(t.Context(), bot.Config{URL: url, N: 1, Games: 1, Think: -1})
		if err != nil {
			t.Error(err)
		}
		ended <- s
	}()
	visitor := guest(t, url)
	var room string
	for room == "" { // until the bot has made its room
		rooms, _, err := visitor.Rooms(t.Context(), client.RoomFilter{Game: "othello", State: "open"})
		if err != nil {
			t.Fatal(err)
		}
		if len(rooms) > 0 {
			room = rooms[0].ID
		}
	}
	place, err := visitor.JoinRoom(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := visitor.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	result, err := bot.PlayOne(t.Context(), conn, place, 0)
	if err != nil || !result.Finished() || result.Color != "white" || len(result.Board) != 64 {
		t.Errorf("got %+v, %v, want a finished game as white", result, err)
	}
	if s := <-ended; s == nil || s.Games != 1 || s.Finished != 1 || s.Failed != 0 {
		t.Errorf("the waiting bot: got %v, want one finished game", s)
	}
}

func TestAnInvitedBotLeavesWhenItsOpponentDoes(t *testing.T) {
	t.Parallel()
	url := deployment(t)
	host := guest(t, url)
	place, err := host.CreateRoom(t.Context(), "othello", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := host.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	invited, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		result bot.Result
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		r, err := bot.Seat(t.Context(), invited, place.Room.ID)
		ended <- outcome{r, err}
	}()
	for placed := 0; placed < 2; { // black is the host's, white the bot's
		m, err := room.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case "started":
			if _, err := room.Send(t.Context(), "put", map[string]string{"at": "d3"}); err != nil {
				t.Fatal(err)
			}
		case "placed":
			placed++
		}
	}
	// What ends the room may be heard before the receipt.
	if _, err := room.Send(t.Context(), "exit", struct{}{}); err != nil && client.CodeOf(err) != "room_closed" {
		t.Fatal(err)
	}
	got := <-ended
	if got.err != nil || got.result.Over == nil || got.result.Over.Reason != "exit" || got.result.Over.Winner != "white" {
		t.Errorf("got %+v, %v, want the bot to win by exit", got.result, got.err)
	}
	if _, err := bot.Seat(t.Context(), invited, place.Room.ID); client.CodeOf(err) != "room_closed" {
		t.Errorf("got %v for a room that is over, want room_closed", err)
	}
}

func TestTheEndOfARunGivesTheSeatsUp(t *testing.T) {
	t.Parallel()
	url := deployment(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan *bot.Summary, 1)
	go func() {
		s, err := bot.Run(ctx, bot.Config{URL: url, N: 2})
		if err != nil {
			t.Error(err)
		}
		ended <- s
	}()
	look := guest(t, url)
	waiting := func() int {
		rooms, _, err := look.Rooms(t.Context(), client.RoomFilter{Game: "othello", State: "open"})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range rooms {
			n += r.Players
		}
		return n
	}
	for waiting() < 2 {
	}
	cancel()
	if s := <-ended; s == nil || s.Games != 0 {
		t.Errorf("got %v, want no game", s)
	}
	if n := waiting(); n != 0 {
		t.Errorf("got %d players in open rooms after the run, want none", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]bot.Config{
		"no URL":    {},
		"odd pairs": {URL: "http://localhost", Pair: true, N: 3},
		"too many":  {URL: "http://localhost", N: 10_001},
	} {
		if _, err := bot.Run(t.Context(), c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func guest(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	return c
}
