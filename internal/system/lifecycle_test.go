package system

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
)

func TestRestartFindsAccountsAndUnfinishedRooms(t *testing.T) {
	t.Parallel()
	data, address := t.TempDir(), freeAddress(t)
	p := start(t, "--listen", address, "--data", data).ready()
	black, white := guest(t, p.URL), guest(t, p.URL)
	var room, again joined
	rest(t, "POST", p.URL+"/v1/rooms", black.Token, map[string]string{"game": "othello"}, &room)
	rest(t, "POST", p.URL+"/v1/rooms/"+room.Room.ID+"/join", white.Token, nil, &again)
	c := dialSTOMP(t, room.Stomp.URL, black.Token)
	board := c.subscribe(t, room.Stomp.Topic)
	board.next(t, "$snapshot")
	c.send(t, room.Stomp.Queue, "put", `{"at":"d3"}`)
	placed := board.next(t, "placed")
	p.interrupt()

	p = start(t, "--listen", address, "--data", data).ready()
	var me struct {
		User  struct{ ID string }
		Rooms []struct{ ID, State string }
	}
	rest(t, "GET", p.URL+"/v1/user", white.Token, nil, &me)
	if me.User.ID != white.User.ID || len(me.Rooms) != 1 || me.Rooms[0].ID != room.Room.ID || me.Rooms[0].State != "playing" {
		t.Fatalf("after the restart: got %+v, want %s in room %s", me, white.User.ID, room.Room.ID)
	}
	c = dialSTOMP(t, room.Stomp.URL, white.Token)
	board = c.subscribe(t, room.Stomp.Topic)
	snapshot := string(board.next(t, "$snapshot").Body)
	if want := member(string(placed.Body), "board"); member(snapshot, "board") != want {
		t.Fatalf("board after the restart: got %s, want %s", snapshot, want)
	}
	c.send(t, room.Stomp.Queue, "put", `{"at":"c3"}`)
	if got := string(board.next(t, "placed").Body); member(got, "color") != "white" {
		t.Errorf("white's move after the restart: got %s", got)
	}

	c.send(t, room.Stomp.Queue, "exit", "{}")
	board.next(t, "over")
	var week struct {
		Period    string
		Standings []struct {
			User        string
			Rank, Score int64
		}
	}
	rest(t, "GET", p.URL+"/v1/leaderboards/othello?period=week&around=me", white.Token, nil, &week)
	if got, want := fmt.Sprint(week.Standings), fmt.Sprintf("[{%s 1 3} {%s 2 0}]", black.User.ID, white.User.ID); got != want || !strings.HasPrefix(week.Period, "week:") {
		t.Errorf("leaderboard of %s: got %s, want %s", week.Period, got, want)
	}
	var skill struct{ Skills []struct{ Rating float64 } }
	rest(t, "GET", p.URL+"/v1/user/skill", white.Token, nil, &skill)
	if len(skill.Skills) != 1 || skill.Skills[0].Rating >= 1500 {
		t.Errorf("the loser's skill: got %+v", skill)
	}
}

// member cuts a string member out of a JSON object.
func member(object, name string) string {
	_, rest, _ := strings.Cut(object, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestStartsBeforeItsServersAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	database, err := testDatabase(t)
	if err != nil {
		t.Fatal(err)
	}
	dir := tempDir(t)
	node, err := testservers.NewNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Remove() })

	p := start(t, "--broker", node.URL, "--store", database.URL)
	eventually(t, "healthz", func() error {
		response, err := http.Get(p.URL + "/healthz")
		if err != nil {
			return err
		}
		response.Body.Close()
		return nil
	})
	response, err := http.Get(p.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("readyz without servers: got %s %s, want 503", response.Status, text)
	}
	if err := database.Start(); err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	p.ready()
	playRelay(t, p.URL)
	if said := p.out.String(); !strings.Contains(said, "level=WARN") {
		t.Errorf("no line said what was missing:\n%s", said)
	}

	// The broker goes and comes back: the same process serves again.
	if err := node.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "readyz without a broker", func() error {
		response, err := http.Get(p.URL + "/readyz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("got %s, want 503", response.Status)
		}
		return nil
	})
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	p.ready()
	playRelay(t, p.URL)
	p.interrupt()
}

// playRelay makes a room and sees one message go round.
func playRelay(t *testing.T, base string) {
	t.Helper()
	player := guest(t, base)
	var room joined
	rest(t, "POST", base+"/v1/rooms", player.Token, map[string]string{"game": "relay"}, &room)
	c := dialSTOMP(t, room.Stomp.URL, player.Token)
	sub := c.subscribe(t, room.Stomp.Topic)
	sub.next(t, "$snapshot")
	c.send(t, room.Stomp.Queue, "say", `"hello"`)
	if got := sub.next(t, "say"); string(got.Body) != `"hello"` {
		t.Errorf("relay: got %s", got.Body)
	}
}

func testDatabase(t *testing.T) (*testservers.Database, error) {
	d, err := testservers.NewDatabase(tempDir(t))
	if err == nil {
		t.Cleanup(func() { d.Remove() })
	}
	return d, err
}

// tempDir is a folder that other users may enter, which t.TempDir's are not.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "madang-servers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
