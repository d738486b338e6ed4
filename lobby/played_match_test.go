package lobby

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/worker"
)

// duelRoom is the state of a room of the game that workers play in these tests.
type duelRoom struct {
	Teams [][]string `json:"teams"`
	Here  []string   `json:"here"`
}

// playable is duo as workers play it: it notes who was matched, and who comes.
func playable() handlers.Definition {
	g := handlers.New("duo", func() *duelRoom { return &duelRoom{} }).WithPolicy(handlers.Policy{Capacity: 8})
	handlers.Open(g, func(o *handlers.Opener, s *duelRoom, _ struct{}) error {
		if m := o.Match(); m != nil {
			s.Teams = m.Teams
		}
		return nil
	})
	handlers.Joined(g, func(room *handlers.Room, s *duelRoom, p handlers.Player) error {
		s.Here = append(s.Here, p.ID)
		if s.Teams == nil { // nobody was matched: somebody has made the room
			room.Backfill(handlers.Backfill{Mode: "duel", Size: 3})
		}
		return nil
	})
	return g
}

// Two lobbies find players for rooms that a worker plays, while the lobby that pairs is stopped and another takes its place.
func TestMatchesArePlayed(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]func(t *testing.T, a *arcade){
		"memory, SQLite": func(*testing.T, *arcade) {},
		"RabbitMQ, PostgreSQL": func(t *testing.T, a *arcade) {
			a.dsn = testservers.Postgres(t)
			url := testservers.RabbitMQ(t).URL
			a.peer = func() broker.Broker {
				b, err := rabbitmq.New(t.Context(), rabbitmq.Config{URLs: []string{url}, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = b.Close() })
				return b
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArcade(t, duel)
			on(t, a)
			a.game = playable()
			first := a.start(nil)
			first.pairs("duel")
			second := a.start(nil)

			s := a.play()
			all := second.searching(9, "duel")
			first.stop()
			all = append(all, second.searching(11, "duel")...)
			rooms := a.placed(second, all)
			pairs(t, rooms, 2)
			for i, p := range all {
				a.until(fmt.Sprintf("seat player %d", i), func() bool {
					seat, err := s.Seat(t.Context(), rooms[i], p.User.ID)
					return err == nil && seat.State == store.Seated
				})
			}
		})
	}
}

func TestARoomAsksForPlayersWhileItIsPlayed(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Min: 2, Backfill: true}) })
	a.game = playable()
	m := a.start(nil)
	a.play()
	var place placeJSON
	m.do("POST", "/v1/rooms", m.guestOf().Token, `{"game":"duo"}`).into(t, 201, &place)
	for i, room := range a.placed(m, m.searching(2, "duel")) { // for a match of its own there are too few
		if room != place.Room.ID {
			t.Errorf("player %d: got room %s, want the one that asks", i, room)
		}
	}
}

// play starts a worker that plays the arcade's game, and returns its store.
func (a *arcade) play() store.Store {
	a.t.Helper()
	s := database(a.t, a.dsn)
	w, err := worker.New(worker.Config{Store: noting{s, a}, Broker: a.peer(), Games: []handlers.Definition{a.game}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(a.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	a.t.Cleanup(func() { stop(); <-done })
	return s
}

// noting is a store whose commits are noted.
type noting struct {
	store.Store
	arcade *arcade
}

func (n noting) Commit(ctx context.Context, c *store.Commit) (bool, error) {
	defer n.arcade.note()
	return n.Store.Commit(ctx, c)
}
