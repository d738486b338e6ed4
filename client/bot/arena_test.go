package bot_test

import (
	"context"
	"testing"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
)

func TestBotsCollectCoinsAndLeave(t *testing.T) {
	t.Parallel()
	url := deployment(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watcher := guest(t, url)
	place, err := watcher.CreateRoom(t.Context(), "arena", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan *bot.ArenaSummary, 1)
	go func() {
		s, err := bot.RunArena(ctx, bot.ArenaConfig{URL: url, N: 12, Room: place.Room.ID})
		if err != nil {
			t.Error(err)
		}
		ended <- s
	}()
	conn, err := watcher.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	// The watcher goes for coins, too, until it has one: then the bots have had time for theirs.
	for score := 0; score == 0; {
		m, err := room.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			You   [2]float64
			Coins [][3]float64
			Score int
		}
		if m.Type != "frame" && m.Type != "$snapshot" {
			continue
		}
		if err := m.Decode(&v); err != nil {
			t.Fatal(err)
		}
		steer := map[string]float64{"dx": 1000 - v.You[0], "dy": 1000 - v.You[1]}
		if len(v.Coins) > 0 {
			steer = map[string]float64{"dx": (v.Coins[0][1] - v.You[0]) / 10, "dy": (v.Coins[0][2] - v.You[1]) / 10}
		}
		if _, err := room.Send(t.Context(), "steer", steer); err != nil {
			t.Fatal(err)
		}
		score = v.Score
	}
	cancel()
	s := <-ended
	if s == nil || s.Bots != 12 || s.Frames == 0 || s.Coins == 0 {
		t.Errorf("got %v, want frames and coins", s)
	}
	rooms, _, err := watcher.Rooms(t.Context(), client.RoomFilter{Game: "arena"})
	if err != nil || len(rooms) != 1 || rooms[0].Players != 1 {
		t.Errorf("got rooms %+v, %v; want the watcher alone in its room", rooms, err)
	}
	if _, err := bot.RunArena(t.Context(), bot.ArenaConfig{}); err == nil {
		t.Error("without a URL: got no error")
	}
}
