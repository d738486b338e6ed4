package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/client"
)

// LobbyConfig says how a lobby is loaded. URL must be given; every other zero value works.
type LobbyConfig struct {
	// URL of the deployment, such as http://localhost:8080; several lobbies, with commas, are used in turn.
	URL     string
	Game    string        // a game that relays what it does not know; default relay
	Players int           // who come all at once; default 2,000
	Room    int           // players of a room; default 10
	Reads   float64       // calls that read, a second; default 2,000
	Churn   float64       // players a second who come, speak once and leave while it is read; default 10
	Time    time.Duration // of the reading; default 30 s
	// Progress takes a line each 10 s; default none.
	Progress io.Writer
}

func (c LobbyConfig) filled() (LobbyConfig, error) {
	if c.Game == "" {
		c.Game = "relay"
	}
	if c.Players == 0 {
		c.Players = 2000
	}
	if c.Room == 0 {
		c.Room = 10
	}
	if c.Reads == 0 {
		c.Reads = 2000
	}
	if c.Churn == 0 {
		c.Churn = 10
	}
	if c.Time == 0 {
		c.Time = 30 * time.Second
	}
	switch {
	case c.URL == "":
		return c, errors.New("load: no URL of a deployment")
	case c.Players < 1 || c.Room < 1 || c.Room > 1000 || c.Reads <= 0 || c.Churn < 0 || c.Time < 0:
		return c, errors.New("load: players, room (at most 1,000), reads, churn and time must be positive")
	}
	return c, nil
}

// LobbyReport is what was seen. Durations are in milliseconds where the name does not say otherwise.
type LobbyReport struct {
	Players    int     `json:"players"`
	Failed     int64   `json:"players_failed"`
	Arrival    float64 `json:"arrival_seconds"` // until the last of them had heard its first message
	ArriveP50  float64 `json:"arrive_p50_ms"`   // of one: sign-in, seat, connection, first message heard
	ArriveP99  float64 `json:"arrive_p99_ms"`
	Seconds    float64 `json:"seconds"` // of reading
	Reads      int64   `json:"reads"`
	ReadFailed int64   `json:"reads_failed"`
	Rate       float64 `json:"reads_per_second"`
	P50        float64 `json:"p50_ms"` // from when a read was due to its whole answer
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	Came       int64   `json:"came_and_left"`
	CameFailed int64   `json:"came_and_left_failed"`
	// Memory is what the processes at the URLs have resident, in MiB, each 10 s of the reading.
	Memory []float64 `json:"memory_mib"`
	// Cause is the first failure.
	Cause string `json:"cause,omitempty"`
}

// OK reports whether nothing failed.
func (r *LobbyReport) OK() bool { return r.Failed == 0 && r.ReadFailed == 0 && r.CameFailed == 0 }

func (r *LobbyReport) String() string {
	text := fmt.Sprintf(`%d players came at once: all in a room and heard after %.2f s, %d failed
  each        p50 %.0f ms   p99 %.0f ms
%.0f s of reading
  reads       %10.0f /s   (%d in all, %d failed)
  latency     p50 %.2f ms   p95 %.2f ms   p99 %.2f ms   max %.2f ms
  came, spoke and left: %d, %d failed
  memory MiB `,
		r.Players, r.Arrival, r.Failed, r.ArriveP50, r.ArriveP99, r.Seconds,
		r.Rate, r.Reads, r.ReadFailed, r.P50, r.P95, r.P99, r.Max, r.Came, r.CameFailed)
	for _, m := range r.Memory {
		text += fmt.Sprintf(" %.0f", m)
	}
	if r.Cause != "" {
		text += "\n  first failure: " + r.Cause
	}
	return text
}

// RunLobby lets everybody come at once, then reads at a steady rate while others come and go, and leaves. When ctx
// ends early it reports what there was. An error says that the load could not be made.
func RunLobby(ctx context.Context, c LobbyConfig) (*LobbyReport, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	v := &visitors{
		config: c, urls: strings.Split(c.URL, ","), players: make([]*visitor, c.Players), report: &LobbyReport{Players: c.Players},
		http: &http.Client{Timeout: callTime, Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, MaxConnsPerHost: 1024}},
	}
	defer v.leave()
	v.arrive(ctx)
	say(c.Progress, "%d players were heard after %.2f s\n", c.Players, v.report.Arrival)
	if ctx.Err() == nil {
		v.read(ctx)
	}
	return v.report, nil
}

// visitors is everybody who loads a lobby.
type visitors struct {
	config  LobbyConfig
	urls    []string
	http    *http.Client
	turn    atomic.Uint64
	players []*visitor

	mu     sync.Mutex
	report *LobbyReport
}

type visitor struct {
	client *client.Client
	conn   *client.Conn
	room   *client.Room
}

// fail counts one in count, and keeps the first cause.
func (v *visitors) fail(count *int64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*count++
	if v.report.Cause == "" {
		v.report.Cause = err.Error()
	}
}

// comingAtOnce is how many players are on their way in at a time: a crowd, and yet no more sockets in the making than a
// machine's backlog holds.
const comingAtOnce = 256

// arrive lets everybody come. The first of each room makes it, the others join.
func (v *visitors) arrive(ctx context.Context) {
	type made struct {
		id   string
		done chan struct{} // closed when the room has been made, or could not be
		once sync.Once
	}
	rooms := make([]made, (len(v.players)+v.config.Room-1)/v.config.Room)
	for i := range rooms {
		rooms[i].done = make(chan struct{})
	}
	var took histogram
	began := time.Now()
	var next atomic.Int64
	var coming sync.WaitGroup
	for range min(comingAtOnce, len(v.players)) {
		coming.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(v.players) {
					return
				}
				at := time.Now()
				room := &rooms[i/v.config.Room]
				first := i%v.config.Room == 0
				p, err := v.come(ctx, func(c *client.Client) (client.Place, error) {
					if !first {
						<-room.done
						return c.JoinRoom(ctx, room.id)
					}
					place, err := c.CreateRoom(ctx, v.config.Game, nil)
					room.id = place.Room.ID
					room.once.Do(func() { close(room.done) })
					return place, err
				})
				if first {
					room.once.Do(func() { close(room.done) })
				}
				if err != nil {
					v.fail(&v.report.Failed, err)
					continue
				}
				v.players[i] = p
				took.add(time.Since(at))
			}
		})
	}
	coming.Wait()
	v.report.Arrival = time.Since(began).Seconds()
	v.report.ArriveP50, v.report.ArriveP99 = took.quantile(0.5), took.quantile(0.99)
}

// come signs a new guest in, takes it to its room, connects it, and returns when it has heard its own first message. What it
// returns must leave.
func (v *visitors) come(ctx context.Context, seat func(*client.Client) (client.Place, error)) (_ *visitor, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	p := &visitor{}
	defer func() {
		if err != nil {
			p.leave()
		}
	}()
	url := v.urls[int(v.turn.Add(1))%len(v.urls)]
	if p.client, err = client.New(client.Config{URL: url, HTTP: v.http}); err != nil {
		return nil, err
	}
	if _, err = p.client.SignInGuest(ctx, "", ""); err != nil {
		return nil, err
	}
	place, err := seat(p.client)
	if err != nil {
		return nil, err
	}
	if p.conn, err = p.client.Connect(ctx); err != nil {
		return nil, err
	}
	if p.room, err = p.conn.Join(ctx, place); err != nil {
		return nil, err
	}
	if _, err = p.room.SendAsync("hello", struct{}{}); err != nil {
		return nil, err
	}
	for {
		m, err := p.room.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("hear the first message: %w", err)
		}
		if m.Type == "hello" && m.From == p.client.Me().ID {
			return p, nil
		}
	}
}

func (p *visitor) leave() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

func (v *visitors) leave() {
	var leaving sync.WaitGroup
	for _, p := range v.players {
		if p != nil {
			leaving.Go(p.leave)
		}
	}
	leaving.Wait()
	v.http.CloseIdleConnections()
}
