package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// versioned is a game in the versions that the environment names.
const versioned = `package main

import (
	"os"
	"strings"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type state struct{ N int }

func main() {
	var games []handlers.Definition
	for _, v := range strings.Split(os.Getenv("VERSIONS"), ",") {
		g := handlers.New("tally", func() *state { return &state{} }).WithVersion(v).WithPolicy(handlers.Policy{Capacity: 10})
		handlers.On(g, "add", func(room *handlers.Room, s *state, _ struct{}) error {
			s.N++
			return room.Send("added", map[string]any{"n": s.N, "version": v})
		})
		handlers.On(g, "end", func(room *handlers.Room, _ *state, _ struct{}) error { room.End(); return nil })
		games = append(games, g)
	}
	server.Main(lobby.New(), games...)
}
`

// foreign builds a program in a module of its own and returns its path.
func foreign(t *testing.T, name, source string) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for file, text := range map[string]string{
		"main.go": source, "go.sum": string(sums),
		"go.mod": "module example.org/" + name + "\n\ngo 1.26\n\nrequire github.com/madang-games/madang v0.0.0\n\nreplace github.com/madang-games/madang => " + root + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", name, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return filepath.Join(dir, name)
}

// terminate is what a deployment does to a process that it replaces.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// ended waits until the process has ended by itself, in order.
func (p *process) ended() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		p.t.Fatalf("%s does not end: %s", p.URL, p.out.tail(3000))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("exit code: got %d, want 0: %s", code, p.out.tail(3000))
	}
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func TestOldRoomsFinishOnTheirVersionAndNewOnesGetTheNext(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	program := foreign(t, "tally", versioned)
	var lobbies, gateways []*process
	base := oneAddress(t, func() []*process { return lobbies }, func() []*process { return gateways })
	begin := func(role, versions string, more ...string) *process {
		args := append([]string{"--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base}, more...)
		return startWith(t, program, []string{"VERSIONS=" + versions}, args...).ready()
	}
	lobbies = append(lobbies, begin("lobby", "1,2"))
	gateways = append(gateways, begin("web", "1"))
	old := begin("worker", "1", "--drain", "5m")

	type made struct {
		Room  struct{ ID, Version string }
		Stomp struct{ URL, Topic, Queue string }
	}
	player := guest(t, base)
	create := func(want string) (room made) {
		t.Helper()
		eventually(t, "a room of version "+want, func() error {
			rest(t, "POST", base+"/v1/rooms", player.Token, map[string]string{"game": "tally"}, &room)
			if room.Room.Version != want {
				rest(t, "POST", base+"/v1/rooms/"+room.Room.ID+"/leave", player.Token, nil, nil) // so that it ends
				return fmt.Errorf("version %s", room.Room.Version)
			}
			return nil
		})
		return room
	}
	conn := dialSTOMP(t, "ws"+base[len("http"):]+"/stomp", player.Token)
	says := func(room made, sub *subscription, n int, version string) {
		t.Helper()
		conn.send(t, room.Stomp.Queue, "add", `{}`)
		if got, want := string(sub.next(t, "added").Body), fmt.Sprintf(`{"n":%d,"version":%q}`, n, version); got != want {
			t.Errorf("added: got %s, want %s", got, want)
		}
	}
	first := create("1")
	one := conn.subscribe(t, first.Stomp.Topic)
	one.next(t, "$snapshot")
	says(first, one, 1, "1")

	next := begin("worker", "2")
	second := create("2")
	two := conn.subscribe(t, second.Stomp.Topic)
	two.next(t, "$snapshot")
	says(second, two, 1, "2")
	says(first, one, 2, "1")

	old.terminate()
	eventually(t, "the old worker draining", func() error {
		if got := tool(t, "drain", "--broker", rabbit.URL); !contains([]byte(got), "drains") {
			return fmt.Errorf("listed: %s", got)
		}
		return nil
	})
	for n := 3; n < 6; n++ {
		says(first, one, n, "1")
		says(second, two, n-1, "2")
	}
	if !old.alive() {
		t.Fatal("the old worker ended with a room that nobody else plays")
	}
	conn.send(t, first.Stomp.Queue, "end", `{}`)
	one.next(t, "$closed")
	old.ended()
	says(second, two, 5, "2")

	if out := tool(t, "drain", "--broker", rabbit.URL, "--game", "tally", "--version", "2"); !contains([]byte(out), "told to drain") {
		t.Errorf("drain: %s", out)
	}
	conn.send(t, second.Stomp.Queue, "end", `{}`)
	two.next(t, "$closed")
	next.ended()
}

func TestWorkersAreReplacedUnderLoadAndNobodyNotices(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	var lobbies, gateways []*process
	base := oneAddress(t, func() []*process { return lobbies }, func() []*process { return gateways })
	of := func(role string) *process {
		return start(t, "--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base).ready()
	}
	lobbies = append(lobbies, of("lobby"))
	gateways = append(gateways, of("web"))
	workers := []*process{of("worker"), of("worker")}
	var loading sync.WaitGroup
	loading.Go(func() { // it fails when anything is lost, doubled, out of order, or a connection breaks
		measure(t, base, "--rooms", "10", "--clients", "4", "--time", "12s", "--warmup", "500ms")
	})
	for i := range workers {
		time.Sleep(2 * time.Second) // it is the load that takes this time
		fresh := of("worker")
		workers[i].terminate()
		workers[i].ended()
		workers[i] = fresh
	}
	loading.Wait()
}

// talker is a player who numbers what it says in a room that all hear.
type talker struct {
	room *client.Room
	said int
}

// speak says numbers until over is closed, and then a last one, which is negative.
func (k *talker) speak(ctx context.Context, over <-chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-over:
			last = true
		}
		k.said++
		n := k.said
		if last {
			n = -n
		}
		if _, err := k.room.Send(ctx, "say", n); err != nil {
			return fmt.Errorf("say %d: %w", n, err)
		}
	}
	return nil
}

// hear returns nil when all players have said their last number, and an error when one is missing, doubled or out of order.
func (k *talker) hear(ctx context.Context, players int) error {
	for heard := map[string]int{}; players > 0; {
		m, err := k.room.Next(ctx)
		if err != nil {
			return fmt.Errorf("hear: %w, after %v", err, heard)
		}
		switch m.Type {
		case "error":
			return fmt.Errorf("refused: %s", m.Code)
		case "say":
			var n int
			if err := m.Decode(&n); err != nil {
				return err
			}
			heard[m.From]++
			switch n {
			case heard[m.From]:
			case -heard[m.From]:
				players--
			default:
				return fmt.Errorf("of %s: got number %d, want %d", m.From, n, heard[m.From])
			}
		}
	}
	return nil
}

// talkers take seats in one room of the relay and wait until all hear it.
func talkers(ctx context.Context, t *testing.T, base string, n int) (all []*talker) {
	t.Helper()
	var id string
	for range n {
		player, err := client.New(client.Config{URL: base})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := player.SignInGuest(ctx, "", ""); err != nil {
			t.Fatal(err)
		}
		take := player.JoinRoom
		if id == "" {
			take = func(ctx context.Context, _ string) (client.Place, error) { return player.CreateRoom(ctx, "relay", nil) }
		}
		place, err := take(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		id = place.Room.ID
		conn, err := player.Connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		room, err := conn.Join(ctx, place)
		if err != nil {
			t.Fatal(err)
		}
		for typ := ""; typ != "$snapshot"; {
			m, err := room.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			typ = m.Type
		}
		all = append(all, &talker{room: room})
	}
	return all
}

func TestGatewaysAreReplacedAndEveryClientResumes(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	var lobbies []*process
	var gateways atomic.Pointer[[]*process]
	base := oneAddress(t, func() []*process { return lobbies }, func() []*process { return *gateways.Load() })
	of := func(role string) *process {
		return start(t, "--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base).ready()
	}
	lobbies = append(lobbies, of("lobby"))
	of("worker")
	old := []*process{of("web"), of("web")}
	gateways.Store(&old)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := talkers(ctx, t, base, 8)
	over, results := make(chan struct{}), make(chan error, 2*len(all))
	for _, k := range all {
		go func() { results <- k.hear(ctx, len(all)) }()
		go func() { results <- k.speak(ctx, over) }()
	}
	serving := old
	for _, leaving := range old {
		serving = []*process{serving[1], of("web")}
		gateways.Store(&serving) // the balancer's probe of /readyz does that
		leaving.terminate()
		leaving.ended()
	}
	close(over)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	said := 0
	for _, k := range all {
		said += k.said
	}
	t.Logf("%d messages said to %d players each", said, len(all))
}

func TestProcessThatNobodyCanRelieveDoesNotWaitOnSIGTERM(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]func() []string{
		"embedded": func() []string { return []string{"--data", t.TempDir()} },
		"RabbitMQ": func() []string {
			return []string{"--broker", testservers.RabbitMQ(t).URL, "--store", testservers.Postgres(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(args(), "--drain", "1h")...).ready()
			playRelay(t, p.URL)
			p.terminate()
			p.ended()
		})
	}
}

func TestSecondSIGTERMEndsTheWait(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	p := start(t, "--broker", rabbit.URL, "--store", database, "--drain", "1h").ready()
	start(t, "--broker", rabbit.URL, "--store", database, "--role", "web").ready() // its players could go there
	playRelay(t, p.URL)
	p.terminate()
	eventually(t, "draining", func() error {
		if got := tool(t, "drain", "--broker", rabbit.URL); !contains([]byte(got), "drains") {
			return fmt.Errorf("listed: %s", got)
		}
		return nil
	})
	if !p.alive() {
		t.Fatal("it ended with a room that nobody else plays")
	}
	p.terminate()
	p.ended()
}
