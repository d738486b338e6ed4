package system

import (
	"os"
	"path/filepath"
	"testing"
)

// The program of the README, to the letter.
const arena = `package main

import (
	"net/http"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type pos struct{ X, Y int }

type arena struct{ At map[string]pos } // one room's state: loaded, handed in, saved

func main() {
	app := lobby.New()
	app.GET("/user/items", items) // REST, players signed in
	game := handlers.New("arena", func() *arena { return &arena{At: map[string]pos{}} })
	handlers.On(game, "move", onMove) // realtime
	server.Main(app, game)
}

func onMove(room *handlers.Room, a *arena, to pos) error {
	a.At[room.From()] = to
	return room.Send("moved", to)
}

func items(c *lobby.Context) error {
	return c.JSON(http.StatusOK, []string{"lantern"})
}
`

func TestGameInAModuleOfItsOwnBuildsAndRuns(t *testing.T) {
	t.Parallel()
	program := foreign(t, "arena", arena)
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !contains(readme, programOf(arena)) {
		t.Error("the program in README.md is not the one that this test builds")
	}

	p := startProgram(t, program).ready()
	player := guest(t, p.URL)
	var items []string
	rest(t, "GET", p.URL+"/v1/user/items", player.Token, nil, &items)
	if len(items) != 1 || items[0] != "lantern" {
		t.Errorf("items: got %v, want the game's own", items)
	}
	var room joined
	rest(t, "POST", p.URL+"/v1/rooms", player.Token, map[string]string{"game": "arena"}, &room)
	c := dialSTOMP(t, room.Stomp.URL, player.Token)
	sub := c.subscribe(t, room.Stomp.Topic)
	sub.next(t, "$snapshot")
	c.send(t, room.Stomp.Queue, "move", `{"X":3,"Y":4}`)
	if got := sub.next(t, "moved"); string(got.Body) != `{"X":3,"Y":4}` {
		t.Errorf("moved: got %s", got.Body)
	}
}
