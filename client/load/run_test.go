package load

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/games/arena"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

// deployment is a whole one in this process; it returns its address.
func deployment(t *testing.T) string {
	t.Helper()
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Drain: time.Second},
		slog.New(slog.DiscardHandler), lobby.New(), relay.Game(), arena.Game(), matchGame("match", 0), matchGame("forgetful", 5))
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

func TestEverythingArrivesOnceAndInOrder(t *testing.T) {
	t.Parallel()
	var progress bytes.Buffer
	r, err := Run(t.Context(), Config{URL: deployment(t), Rooms: 3, Clients: 4, Rate: 20, Time: 1200 * time.Millisecond, Warmup: 200 * time.Millisecond, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Sent == 0 || r.Delivered != 4*r.Sent || r.Rooms != 3 || r.Clients != 12 {
		t.Errorf("got %v, want every message at each of 4 members", r)
	}
	if r.P50 <= 0 || r.P50 > r.P95 || r.P95 > r.P99 || r.P99 > r.Max || r.Rate <= 0 {
		t.Errorf("got %v, want latencies that rise and a rate", r)
	}
	if got := progress.String(); !strings.Contains(got, "12 clients in 3 rooms have seats") || !strings.Contains(got, "deliveries/s") {
		t.Errorf("got progress %q", got)
	}
}

func TestWhatGoesWrongIsSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrives                   []int64 // numbers of the one sender, of whom 4 were sent
		lost, doubled, disordered int64
	}{
		"all well":     {[]int64{0, 1, 2, 3}, 0, 0, 0},
		"one lost":     {[]int64{0, 2, 3}, 1, 0, 0},
		"last lost":    {[]int64{0, 1, 2}, 1, 0, 0},
		"one doubled":  {[]int64{0, 1, 1, 2, 3}, 0, 1, 0},
		"two swapped":  {[]int64{0, 2, 1, 3}, 0, 0, 1},
		"nothing came": {nil, 4, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crowd := &crowd{}
			r := &room{crowd: crowd}
			m := &member{room: r, next: make([]int64, 1)}
			r.members = []*member{m}
			crowd.rooms, crowd.clients = []*room{r}, r.members
			r.tally.sent.Store(4)
			for i, number := range c.arrives {
				if err := m.count(appendBody(nil, MinSize, 0, number, 1), fmt.Append(nil, "1-", i)); err != nil {
					t.Fatal(err)
				}
			}
			m.publish()
			report := crowd.report(time.Second)
			if report.Lost != c.lost || report.Doubled != c.doubled || report.Disordered != c.disordered {
				t.Errorf("got lost %d, doubled %d, out of order %d, want %d, %d, %d",
					report.Lost, report.Doubled, report.Disordered, c.lost, c.doubled, c.disordered)
			}
			if want := c.lost+c.doubled+c.disordered == 0; report.OK() != want {
				t.Errorf("got OK %v, want %v", report.OK(), want)
			}
		})
	}
}

func TestMembersThatSawDifferentOrdersDisagree(t *testing.T) {
	t.Parallel()
	crowd := &crowd{}
	r := &room{crowd: crowd}
	for range 2 {
		r.members = append(r.members, &member{room: r, next: make([]int64, 2)})
	}
	crowd.rooms, crowd.clients = []*room{r}, r.members
	r.tally.sent.Store(2)
	for i, m := range r.members {
		for k := range 2 { // each sender's messages are in order, but the second member sees the second sender first
			sender := (i + k) % 2
			if err := m.count(appendBody(nil, MinSize, sender, 0, 1), fmt.Append(nil, "1-", sender)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, m := range r.members {
		m.publish()
	}
	if report := crowd.report(time.Second); report.Disagree != 1 || report.OK() {
		t.Errorf("got %v, want a room that disagrees", report)
	}
}

func TestBodyIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	const due = 1732300000123456789
	for _, size := range []int{MinSize, 100, 60 << 10} {
		body := appendBody(nil, size, 999, 123456789, due)
		sender, number, at, ok := parse(body)
		if !ok || sender != 999 || number != 123456789 || at != due || len(body) != max(size, whole) {
			t.Errorf("size %d: got %d, %d, %v, %d bytes, %v", size, sender, number, at, len(body), ok)
		}
	}
	if _, _, _, ok := parse([]byte(`{"text":"hello"}`)); ok {
		t.Error("a body of others was taken")
	}
}

func TestALobbyThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"token":"t"}`)
	}))
	defer busy.Close()
	c := &crowd{urls: []string{busy.URL}, http: busy.Client()}
	var out struct{ Token string }
	if err := c.call(t.Context(), "/v1/login", "", struct{}{}, &out); err != nil || out.Token != "t" || calls != 2 {
		t.Errorf("got token %q, %v after %d calls, want it from the second", out.Token, err, calls)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"no URL":            {},
		"too small":         {URL: "http://localhost", Size: 10},
		"too large":         {URL: "http://localhost", Size: 1 << 20},
		"too many in rooms": {URL: "http://localhost", Clients: 1001},
		"negative rate":     {URL: "http://localhost", Rate: -1},
	} {
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestALobbyServesEverybody(t *testing.T) {
	t.Parallel()
	var progress bytes.Buffer
	r, err := RunLobby(t.Context(), LobbyConfig{URL: deployment(t), Players: 25, Room: 4, Reads: 100, Churn: 20, Time: time.Second, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Cause != "" || r.Players != 25 || r.Reads == 0 || r.Came == 0 {
		t.Errorf("got %v, want 25 players served, reads, and some who came and left", r)
	}
	if r.ArriveP50 <= 0 || r.ArriveP50 > r.ArriveP99 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Arrival <= 0 {
		t.Errorf("got %v, want times that rise", r)
	}
	if len(r.Memory) == 0 || r.Memory[0] <= 0 {
		t.Errorf("got memory %v, want what the process has", r.Memory)
	}
	if got := progress.String(); !strings.Contains(got, "25 players were heard") {
		t.Errorf("got progress %q", got)
	}
}

func TestALobbyThatRefusesIsReported(t *testing.T) {
	t.Parallel()
	r, err := RunLobby(t.Context(), LobbyConfig{URL: deployment(t), Game: "nothing", Players: 6, Room: 3, Reads: 10, Time: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Failed != 6 || !strings.Contains(r.Cause, "game") {
		t.Errorf("got %d failed because of %q, want all 6 because of the game", r.Failed, r.Cause)
	}
}
