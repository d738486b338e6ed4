package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
)

// games is how many whole games the bots play in a test; MADANG_TEST_GAMES sets another number.
func games(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MADANG_TEST_GAMES")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MADANG_TEST_GAMES=%q", text)
	}
	return n
}

// tool runs another command of the program to its end and returns what it printed to standard output.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	errs := &lines{}
	cmd.Stderr = errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("madang %s: %v\n%s%s", strings.Join(args, " "), err, errs.tail(4000), out)
	}
	return string(out)
}

// playGames lets bots play n whole games against each other and fails when a game did not end, or ended differently
// for its two players.
func playGames(t *testing.T, base string, n int) {
	t.Helper()
	out := tool(t, "bot", "othello", "--url", base, "--pair", "--n", "8", "--games", fmt.Sprint(n), "--json")
	var summary struct {
		Games, Finished, Equal int
	}
	if err := json.Unmarshal([]byte(out), &summary); err != nil {
		t.Fatalf("summary of the bots: %v in %s", err, out)
	}
	if summary.Finished != n || summary.Equal != n {
		t.Errorf("games: got %d finished, %d with equal boards, want %d of both", summary.Finished, summary.Equal, n)
	}
	t.Logf("%s", strings.TrimSpace(out))
}

// measure runs the load generator, which fails when anything was lost, doubled or out of order.
func measure(t *testing.T, base string, args ...string) {
	t.Helper()
	out := tool(t, append([]string{"load", "--url", base, "--json", "--quiet"}, args...)...)
	t.Logf("%s", strings.TrimSpace(out))
	var report struct{ Sent, Delivered int64 }
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Sent == 0 {
		t.Errorf("report: %v in %s", err, out)
	}
}

func TestBotsPlayOnTheEmbeddedBroker(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	playGames(t, p.URL, games(t))
	measure(t, p.URL, "--rooms", "5", "--clients", "5", "--time", "3s", "--warmup", "500ms")
	eventually(t, "no room is left open", func() error { return noRooms(p.URL, guestOf(t, p.URL)) })
	p.interrupt()
}

func TestBotsPlayAcrossManyProcesses(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	var lobbies, gateways, workers []*process
	base := oneAddress(t, func() []*process { return lobbies }, func() []*process { return gateways })
	of := func(role string) []*process {
		var two []*process
		for range 2 {
			two = append(two, start(t, "--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base))
		}
		return two
	}
	lobbies, gateways, workers = of("lobby"), of("web"), of("worker")
	for _, all := range [][]*process{lobbies, gateways, workers} {
		for _, p := range all {
			p.ready()
		}
	}
	playGames(t, base, games(t))
	measure(t, base, "--rooms", "5", "--clients", "5", "--time", "3s", "--warmup", "500ms")
	token := guestOf(t, base)
	eventually(t, "no room is left open", func() error { return noRooms(base, token) })
	if rabbit.API != "" {
		eventually(t, "no queue of a room is left", func() error { return noQueues(rabbit) })
	}
	for _, all := range [][]*process{gateways, lobbies, workers} {
		for _, p := range all {
			p.interrupt()
		}
	}
}

func guestOf(t *testing.T, base string) string { return guest(t, base).Token }

// noRooms returns an error while the lobby lists rooms that are not closed.
func noRooms(base, token string) error {
	for _, state := range []string{"open", "playing"} {
		var page struct{ Rooms []struct{ ID string } }
		if err := get(base+"/v1/rooms?state="+state, token, &page); err != nil {
			return err
		}
		if len(page.Rooms) > 0 {
			return fmt.Errorf("%d rooms are %s, the first is %s", len(page.Rooms), state, page.Rooms[0].ID)
		}
	}
	return nil
}

// noQueues returns an error while the vhost has a queue of a room, or a binding of one.
func noQueues(rabbit testservers.Rabbit) error {
	var queues []struct{ Name string }
	if err := get(rabbit.API+"/api/queues/"+rabbit.VHost, "", &queues); err != nil {
		return err
	}
	for _, q := range queues {
		if strings.HasPrefix(q.Name, "room.") && !strings.HasPrefix(q.Name, "room.match:") { // who searches has queues of their own
			return fmt.Errorf("queue %s is still there", q.Name)
		}
	}
	var bindings []struct {
		Source string
		Key    string `json:"routing_key"`
	}
	if err := get(rabbit.API+"/api/bindings/"+rabbit.VHost, "", &bindings); err != nil {
		return err
	}
	for _, b := range bindings {
		if b.Source != "" && strings.HasPrefix(b.Key, "room.") {
			return fmt.Errorf("binding %s of %s is still there", b.Key, b.Source)
		}
	}
	return nil
}

func get(address, token string, out any) error {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(out)
}
