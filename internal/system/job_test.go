package system

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// office has jobs done that wait for a file, so that a test can end who does them.
const office = `package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type desk struct{ Printed int }

func main() {
	app := lobby.New()
	lobby.Job(app, "print", func(c *lobby.JobContext, user string) (int, error) {
		folder := os.Getenv("FOLDER")
		f, err := os.OpenFile(filepath.Join(folder, "begun"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return 0, err
		}
		fmt.Fprintln(f, os.Getpid())
		f.Close()
		for c.Context().Err() == nil {
			if _, err := os.Stat(filepath.Join(folder, "go on")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.Then(func(c *lobby.Context) error {
			_, err := c.Wallet(user).Change("print", "", lobby.Amount{Item: lobby.Gold, Count: 5})
			return err
		})
		return os.Getpid(), c.Context().Err()
	})
	game := handlers.New("office", func() *desk { return &desk{} })
	handlers.On(game, "order", func(room *handlers.Room, _ *desk, _ struct{}) error {
		_, err := room.Job("print", room.From())
		return err
	})
	handlers.OnJob(game, "print", func(room *handlers.Room, d *desk, done handlers.Done[int]) error {
		d.Printed++
		return room.Send("printed", map[string]any{"times": d.Printed, "pid": done.Result, "failed": done.Failed})
	})
	handlers.On(game, "ask", func(room *handlers.Room, d *desk, _ struct{}) error { return room.Send("times", d.Printed) })
	server.Main(app, game)
}
`

func TestAJobOutlivesItsWorkerAndCountsOnce(t *testing.T) {
	t.Parallel()
	program, folder := foreign(t, "office", office), t.TempDir()
	common := []string{"--broker", testservers.RabbitMQ(t).URL, "--store", testservers.Postgres(t)}
	env := []string{"FOLDER=" + folder}
	front := startWith(t, program, env, append(common, "--role", "lobby,web")...).ready()
	workers := []*process{}
	for range 2 {
		workers = append(workers, startWith(t, program, env, append(common, "--role", "worker")...))
	}
	for _, w := range workers {
		w.ready()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := client.New(client.Config{URL: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	place, err := c.CreateRoom(ctx, "office", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	room, err := conn.Join(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.SendAsync("order", nil); err != nil {
		t.Fatal(err)
	}
	first := 0
	eventually(t, "the job begins", func() error {
		text, err := os.ReadFile(filepath.Join(folder, "begun"))
		if err == nil {
			first, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err
	})
	for _, w := range workers {
		if w.cmd.Process.Pid == first {
			w.kill()
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "go on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var printed struct {
		Times, PID int
		Failed     string
	}
	hear := func(typ string, into any) {
		t.Helper()
		for {
			m, err := room.Next(ctx)
			if err != nil {
				t.Fatalf("wait for %s: %v", typ, err)
			}
			if m.Type == typ {
				if err := m.Decode(into); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	hear("printed", &printed)
	if printed.Times != 1 || printed.PID == first || printed.PID == 0 || printed.Failed != "" {
		t.Errorf("got %+v, want the other worker's, not of %d", printed, first)
	}
	me, _, err := c.User(ctx)
	if err != nil || me.Gold != 5 {
		t.Errorf("got %d gold, %v, want 5, once", me.Gold, err)
	}
	if _, err := room.SendAsync("ask", nil); err != nil {
		t.Fatal(err)
	}
	times := 0
	if hear("times", &times); times != 1 {
		t.Errorf("the room heard of it %d times, want once", times)
	}
}
