package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// spoilt is a game whose handler fails as long as the environment says so.
const spoilt = `package main

import (
	"errors"
	"os"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type state struct{ N int }

func main() {
	g := handlers.New("spoilt", func() *state { return &state{} })
	handlers.On(g, "add", func(room *handlers.Room, s *state, by int) error {
		s.N += by
		if by > 1 && os.Getenv("SPOILT") != "" {
			return errors.New("the shelf is empty")
		}
		return room.Send("added", s.N)
	})
	server.Main(lobby.New(), g)
}
`

// added returns the next number that the room says, and whether it was an answer to a failure.
func added(ctx context.Context, room *client.Room) (n int, failed bool, err error) {
	for {
		m, err := room.Next(ctx)
		if err != nil {
			return 0, false, err
		}
		switch m.Type {
		case "added":
			return n, false, json.Unmarshal(m.Body, &n)
		case "error":
			return 0, true, nil
		}
	}
}

// A game fails on a message; it is repaired and the message retried: the room plays it as if nothing had been.
func TestDeadLetterIsRetriedWhenTheGameIsRepaired(t *testing.T) {
	t.Parallel()
	program := foreign(t, "spoilt", spoilt)
	t.Run("Embedded", func(t *testing.T) {
		t.Parallel()
		retried(t, program, []string{"--data", t.TempDir()}, false)
	})
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		retried(t, program, []string{"--store", testservers.Postgres(t), "--broker", testservers.RabbitMQ(t).URL}, true)
	})
}

// retried retries while the repaired program runs, or before it starts.
func retried(t *testing.T, program string, place []string, running bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	address := freeAddress(t)
	serve := append([]string{"--listen", address}, place...)
	process := startWith(t, program, []string{"SPOILT=yes"}, serve...).ready()
	player, err := client.New(client.Config{URL: process.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.SignInGuest(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	seat, err := player.CreateRoom(ctx, "spoilt", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := player.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(ctx, seat)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		n, failed, err := added(ctx, room)
		if got := fmt.Sprint(n, failed, err); got != want {
			t.Fatalf("heard %s, want %s", got, want)
		}
	}
	for _, by := range []int{1, 10, 1} {
		if _, err := room.Send(ctx, "add", by); err != nil {
			t.Fatal(err)
		}
	}
	expect("1 false <nil>")
	expect("0 true <nil>")
	expect("2 false <nil>")

	dead := func(args ...string) string { return tool(t, append(append([]string{"dead"}, args...), place...)...) }
	var letter struct{ ID, Type, Error, Body string }
	eventually(t, "the letter", func() error { // it is committed with its round, perhaps after its results were heard
		return json.Unmarshal([]byte(dead("list", "--json", "--game", "spoilt")), &letter)
	})
	if err := json.Unmarshal([]byte(dead("show", "--json", letter.ID)), &letter); err != nil {
		t.Fatal(err)
	}
	if letter.Type != "add" || letter.Body != "10" || !strings.Contains(letter.Error, "the shelf is empty") {
		t.Errorf("got %+v", letter)
	}
	if !running {
		refused := exec.CommandContext(ctx, binary, append([]string{"dead", "retry", letter.ID}, place...)...)
		out, err := refused.CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "stop madang first") {
			t.Errorf("retry while madang runs: got %v, %s", err, out)
		}
	}
	process.interrupt()
	if !running {
		dead("retry", letter.ID)
	}
	startProgram(t, program, serve...).ready()
	if running {
		dead("retry", letter.ID)
	}
	expect("12 false <nil>")
	if left := dead("list", "--json"); left != "" {
		t.Errorf("letters left: %s", left)
	}
}
