package system

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
)

// counting is the reference games, and two whose state says of each player which numbers it has handled.
const counting = `package main

import (
	"time"

	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

type count struct{ Last, Doubled, Skipped int }

type counts struct{ Of map[string]count }

func game(name string, keep handlers.Keep) handlers.Definition {
	g := handlers.New(name, func() *counts { return &counts{Of: map[string]count{}} }).WithPolicy(handlers.Policy{Keep: keep, Capacity: 10})
	handlers.On(g, "n", func(room *handlers.Room, c *counts, n int) error {
		had := c.Of[room.From()]
		switch {
		case n <= had.Last:
			had.Doubled++
		case n > had.Last+1:
			had.Skipped += n - had.Last - 1
		}
		had.Last = max(had.Last, n)
		c.Of[room.From()] = had
		return room.Send("n", n)
	})
	handlers.Snapshot(g, func(_ *handlers.Room, c *counts, _ string) (any, error) { return c, nil })
	return g
}

func main() {
	server.Main(lobby.New(), othello.Game(), relay.Game(),
		game("durable", handlers.Durable{}), game("checkpointed", handlers.Checkpointed{Every: time.Second}))
}
`

func TestKillOfTheOnlyProcessLosesNothingThatWasReceipted(t *testing.T) {
	t.Parallel()
	const kills, perKill, rooms = 3, 400, 3
	program := foreign(t, "counting", counting)
	data, address := t.TempDir(), freeAddress(t)
	p := startProgram(t, program, "--listen", address, "--data", data).ready()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	var receipts atomic.Int64
	enough := make(chan struct{}, 1) // another perKill receipts have come
	receipted := func() {
		if receipts.Add(1)%perKill == 0 {
			select {
			case enough <- struct{}{}:
			default:
			}
		}
	}
	over := make(chan struct{}) // all kills have been
	var players sync.WaitGroup
	sent := map[string][]*counter{}
	for _, game := range []string{"durable", "checkpointed"} {
		for range rooms {
			c := newCounter(t, ctx, p.URL, game)
			sent[game] = append(sent[game], c)
			players.Go(func() { c.run(ctx, over, receipted) })
		}
	}
	games := make(chan *bot.Summary, 1)
	players.Go(func() {
		s, err := bot.Run(ctx, bot.Config{URL: p.URL, N: 8, Pair: true, Games: 24, Think: 20 * time.Millisecond})
		if err != nil {
			t.Errorf("bots: %v", err)
		}
		games <- s
	})
	relays := make([]*relayer, rooms)
	for i := range relays {
		relays[i] = newRelayer(t, p.URL)
		relays[i].begin(0, receipted)
	}

	for range kills {
		select {
		case <-enough: // left from before the last restart
		default:
		}
		select {
		case <-enough:
		case <-ctx.Done():
			t.Fatalf("only %d receipts came", receipts.Load())
		}
		p.kill()
		for i, r := range relays {
			if err := <-r.talk.heard; err != nil {
				t.Errorf("relay room %d: %v", i, err)
			}
		}
		p = startProgram(t, program, "--listen", address, "--data", data).ready()
		for i, r := range relays {
			handled := r.resume(t)
			if had, sent := r.talk.receipted.Load(), r.talk.sent.Load(); handled < had || handled > sent {
				t.Errorf("relay room %d: %d are handled after the restart, want %d, which were receipted, to %d, which were sent",
					i, handled, had, sent)
			}
			r.begin(handled, receipted)
		}
	}
	close(over)
	for _, r := range relays {
		r.end(t)
	}
	players.Wait()
	if s := <-games; s == nil || !s.OK() || s.Games < 24 {
		t.Errorf("games of Othello: got %v, want 24 finished with equal boards", s)
	}
	for game, counters := range sent {
		for _, c := range counters {
			got, err := c.counted(ctx)
			if want := (counted{Last: c.sent}); err != nil || got != want || c.err != nil {
				t.Errorf("%s: the room has %+v, %v; want %+v; sending ended with %v", game, got, err, want, c.err)
			}
		}
	}
	t.Logf("%d receipts, %d kills", receipts.Load(), kills)
}

// counter is a player who counts in a room of its own, over however many connections that takes.
type counter struct {
	client *client.Client
	conn   *client.Conn
	room   *client.Room
	sent   int
	err    error
}

func newCounter(t *testing.T, ctx context.Context, base, game string) *counter {
	t.Helper()
	c, err := client.New(client.Config{URL: base, Backoff: client.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	place, err := c.CreateRoom(ctx, game, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	room, err := conn.Join(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	return &counter{client: c, conn: conn, room: room}
}

// run sends until over is closed; each number when the one before has its receipt.
func (c *counter) run(ctx context.Context, over <-chan struct{}, receipted func()) {
	hearing, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // what is not heard holds up the connection
		for {
			if _, err := c.room.Next(hearing); err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-over:
			return
		default:
		}
		if _, c.err = c.room.Send(ctx, "n", c.sent+1); c.err != nil {
			return
		}
		c.sent++
		receipted()
	}
}

type counted struct{ Last, Doubled, Skipped int }

// counted asks the room what it has counted, by subscribing anew: the answer comes behind all that was sent.
func (c *counter) counted(ctx context.Context) (counted, error) {
	c.room.Close()
	room, err := c.conn.Join(ctx, c.room.Place)
	if err != nil {
		return counted{}, err
	}
	for {
		m, err := room.Next(ctx)
		if err != nil {
			return counted{}, err
		}
		if m.Type != "$snapshot" {
			continue
		}
		var state struct{ Of map[string]counted }
		if err := m.Decode(&state); err != nil {
			return counted{}, err
		}
		return state.Of[c.client.Me().ID], nil
	}
}

// relayer is a player in a relay room whose client is not ours, and knows nothing of coming back.
type relayer struct {
	base   string
	player signedIn
	room   joined

	conn *stompClient
	sub  *subscription
	talk *talk
}

// talk is what a relayer does over one connection.
type talk struct {
	sent, receipted atomic.Int64  // the last seq
	stop            chan struct{} // ends sending
	stopped         chan struct{} // it has; go-stomp may notice a lost connection only after 30 s
	heard           chan error    // hearing has ended: with the connection, or with what was wrong
}

func newRelayer(t *testing.T, base string) *relayer {
	t.Helper()
	r := &relayer{base: base, player: guest(t, base)}
	rest(t, http.MethodPost, base+"/v1/rooms", r.player.Token, map[string]string{"game": "relay"}, &r.room)
	if handled := r.resume(t); handled != 0 {
		t.Errorf("a new room has handled %d", handled)
	}
	return r
}

// resume connects and returns the last seq that the room has handled.
func (r *relayer) resume(t *testing.T) int64 {
	t.Helper()
	r.conn = dialSTOMP(t, r.room.Stomp.URL, r.player.Token)
	r.sub = r.conn.subscribe(t, r.room.Stomp.Topic)
	handled, err := strconv.ParseInt(r.sub.next(t, "$snapshot").Header.Get("handled"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return handled
}

// begin goes on from a seq, and checks that each that follows is heard once and in order while the connection lasts.
func (r *relayer) begin(from int64, receipted func()) {
	k := &talk{stop: make(chan struct{}), stopped: make(chan struct{}), heard: make(chan error, 1)}
	k.sent.Store(from)
	k.receipted.Store(from)
	r.talk = k
	conn, sub, queue := r.conn, r.sub, r.room.Stomp.Queue
	go func() {
		defer close(k.stopped)
		for {
			select {
			case <-k.stop:
				return
			default:
			}
			n := k.sent.Add(1)
			err := conn.Send(queue, "text/plain", strconv.AppendInt(nil, n, 10), stomp.SendOpt.Receipt,
				stomp.SendOpt.Header("type", "say"), stomp.SendOpt.Header("seq", strconv.FormatInt(n, 10)))
			if err != nil {
				return
			}
			k.receipted.Store(n)
			receipted()
		}
	}()
	go func() { k.heard <- hear(sub, from+1) }()
}

// hear returns nil when the connection ends, and an error when a number from next on is missing, doubled or refused.
func hear(sub *subscription, next int64) error {
	for {
		m, ok := <-sub.C
		if !ok || m.Err != nil {
			return nil
		}
		switch m.Header.Get("type") {
		case "say":
			if got := string(m.Body); got != strconv.FormatInt(next, 10) {
				return fmt.Errorf("heard number %s, want %d", got, next)
			}
			next++
		case "error":
			return fmt.Errorf("refused: %s", m.Body)
		}
	}
}

// end stops sending and signs off.
func (r *relayer) end(t *testing.T) {
	t.Helper()
	close(r.talk.stop)
	<-r.talk.stopped
	if err := r.conn.Disconnect(); err != nil {
		t.Errorf("disconnect: %v", err)
	}
	if err := <-r.talk.heard; err != nil {
		t.Error(err)
	}
}
