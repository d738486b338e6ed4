// Package load measures a running deployment over the real protocol: rooms of players who all talk at a steady rate.
//
// Each message carries its sender, its number and when it was due, so that every receiver can tell whether it is lost,
// doubled or out of order, and how long it took.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Config says what to play. URL must be given; every other zero value works.
type Config struct {
	// URL of the deployment, such as http://localhost:8080; several, with commas, are used in turn.
	URL     string
	Game    string        // a game that relays what it does not know; default relay
	Rooms   int           // default 20
	Clients int           // of each room; default 10
	Rate    float64       // messages a second of each client; default 10
	Size    int           // bytes of a message's body, at least MinSize; default 100
	Time    time.Duration // of the measuring; default 30 s
	Warmup  time.Duration // before it, not measured, but checked all the same; default 2 s
	// Patience is how long the end waits for messages that are still under way when nothing arrives any more.
	// Default 5 s.
	Patience time.Duration
	// Connecting is how many connections are being opened at a time; default 32. As many as there are clients is a storm.
	Connecting int
	// Sources are addresses of this machine to connect from, in turn: one has about 28,000 ports for one gateway.
	Sources []string
	// Idle: nobody talks. They have heart-beats, each 25 s.
	Idle bool
	// Match: every other message of each is a note, which the room only counts, and at the end it says how many it has heard. The game is one such as
	// match of bench/echo, which is the default, and the default Rate 2.
	Match bool
	// Collect: with Match, what is said waits for the room's next tick, 10 a second.
	Collect bool
	// Metrics are the processes that are measured, by their addresses, with commas; default URL.
	Metrics string
	// Progress takes a line each second; default none.
	Progress io.Writer
}

// MinSize is the least size of a message: sender, number and time must fit.
const MinSize = 72

func (c Config) filled() (Config, error) {
	set := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	set(&c.Rooms, 20)
	set(&c.Clients, 10)
	set(&c.Size, 100)
	set(&c.Connecting, 32)
	if c.Metrics == "" {
		c.Metrics = c.URL
	}
	game, rate := "relay", 10.0
	if c.Match {
		game, rate = "match", 2
	}
	if c.Game == "" {
		c.Game = game
	}
	if c.Rate == 0 {
		c.Rate = rate
	}
	if c.Time == 0 {
		c.Time = 30 * time.Second
	}
	if c.Warmup == 0 {
		c.Warmup = 2 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	switch {
	case c.URL == "":
		return c, errors.New("load: no URL of a deployment")
	case c.Rooms < 1 || c.Clients < 1 || c.Clients > 1000 || c.Rate <= 0 || c.Time < 0 || c.Warmup < 0 || c.Connecting < 1:
		return c, errors.New("load: rooms, clients (at most 1,000 a room), rate, times and connections at a time must be positive")
	case c.Collect && !c.Match:
		return c, errors.New("load: only a match collects")
	case c.Size < MinSize || c.Size > 60<<10:
		return c, fmt.Errorf("load: a message has %d to %d bytes", MinSize, 60<<10)
	}
	return c, nil
}

// Report is what was seen. Durations are in milliseconds.
type Report struct {
	Rooms      int     `json:"rooms"`
	Clients    int     `json:"clients"`
	Seconds    float64 `json:"seconds"` // measured
	Sent       int64   `json:"sent"`    // with the warm-up, without notes
	Delivered  int64   `json:"delivered"`
	SendRate   float64 `json:"sends_per_second"` // while it was measured, as the next
	Rate       float64 `json:"deliveries_per_second"`
	P50        float64 `json:"p50_ms"` // of the messages sent meanwhile: from when one was due to each of its deliveries
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	BeyondP50  float64 `json:"beyond_tick_p50_ms,omitempty"` // of a match that collects: later than at the first tick after it was due
	BeyondP99  float64 `json:"beyond_tick_p99_ms,omitempty"`
	Notes      int64   `json:"notes,omitempty"`      // of a match, with the warm-up
	Miscounted int64   `json:"miscounted,omitempty"` // notes by which the rooms' counts are wrong
	Lost       int64   `json:"lost"`
	Doubled    int64   `json:"doubled"`
	Disordered int64   `json:"out_of_order"`
	Disagree   int     `json:"rooms_that_disagree"` // whose members saw different orders
	Dropped    int     `json:"connections_lost"`
	SeatTime   float64 `json:"seat_seconds"`    // until everybody was signed in and had a seat
	JoinTime   float64 `json:"join_seconds"`    // from then until everybody was connected and live
	JoinP50    float64 `json:"join_p50_ms"`     // of one: socket, sign-in, subscription, snapshot
	JoinP99    float64 `json:"join_p99_ms"`     //
	Memory     float64 `json:"memory_kib"`      // a client: what the processes have more than before it was connected
	CPU        float64 `json:"cpu_percent"`     // of one core, of the processes while it was measured
	Cost       float64 `json:"cpu_ms_per_1000"` // deliveries
}

// OK reports whether everything arrived once and in order.
func (r *Report) OK() bool {
	return r.Lost == 0 && r.Doubled == 0 && r.Disordered == 0 && r.Disagree == 0 && r.Dropped == 0 && r.Miscounted == 0
}

func (r *Report) String() string {
	joins := 0.0
	if r.JoinTime > 0 {
		joins = float64(r.Clients) / r.JoinTime
	}
	text := fmt.Sprintf(`%d rooms, %d clients, %.0f s measured
  seats       %10.2f s    (sign-in and join over REST)
  joins       %10.0f /s   (in %.2f s; p50 %.1f ms, p99 %.1f ms from socket to snapshot)
  sends       %10.0f /s   (%d in all)
  deliveries  %10.0f /s   (%d in all)
  latency     p50 %.2f ms   p95 %.2f ms   p99 %.2f ms   max %.2f ms
  processes   %10.1f %% of a core, %.2f ms for 1,000 deliveries, %.1f KiB a client
  lost %d, doubled %d, out of order %d, rooms that disagree %d, connections lost %d`,
		r.Rooms, r.Clients, r.Seconds, r.SeatTime, joins, r.JoinTime, r.JoinP50, r.JoinP99, r.SendRate, r.Sent, r.Rate, r.Delivered,
		r.P50, r.P95, r.P99, r.Max, r.CPU, r.Cost, r.Memory, r.Lost, r.Doubled, r.Disordered, r.Disagree, r.Dropped)
	if r.BeyondP99 > 0 {
		text += fmt.Sprintf("\n  beyond the tick  p50 %.2f ms   p99 %.2f ms", r.BeyondP50, r.BeyondP99)
	}
	if r.Notes > 0 {
		text += fmt.Sprintf("\n  notes %d, miscounted by %d", r.Notes, r.Miscounted)
	}
	return text
}

// Run joins everybody, lets them talk, waits for what is under way, and leaves. When ctx ends early it measures what
// there was. An error says that the load could not be made; what the deployment did wrong is in the Report.
func Run(ctx context.Context, c Config) (*Report, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	// Connections outlive ctx: a cancelled context would cut the sockets before the last messages are counted.
	living, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	began := time.Now()
	crowd, err := gather(ctx, c)
	defer crowd.leave(living)
	if err != nil {
		return nil, err
	}
	seated := time.Since(began)
	before := look(ctx, c.Metrics)
	began = time.Now()
	if err := crowd.connect(ctx, living, c); err != nil {
		return nil, err
	}
	joined := time.Since(began)
	say(c.Progress, "%d clients in %d rooms have seats after %.2f s, and are live %.2f s later\n", len(crowd.clients), len(crowd.rooms),
		seated.Seconds(), joined.Seconds())

	window := newWindow(time.Now(), c)
	for _, m := range crowd.clients {
		m.window.Store(window)
	}
	usage := watchUsage(ctx, c, window)
	talking, hush := context.WithDeadline(ctx, time.Unix(0, window.end))
	defer hush()
	watched := make(chan struct{})
	watching, unwatch := context.WithCancel(ctx)
	go func() { defer close(watched); crowd.watch(watching, c.Progress) }()
	if c.Idle {
		<-talking.Done()
	} else {
		var talkers sync.WaitGroup
		for _, r := range crowd.rooms {
			talkers.Go(func() { r.talk(talking, c) })
		}
		talkers.Wait()
	}
	measured := min(max(time.Duration(time.Now().UnixNano()-window.begin), 0), c.Time)
	used := <-usage
	crowd.settle(ctx, c.Patience)
	unwatch()
	<-watched

	report := crowd.report(measured)
	if c.Match {
		report.Notes, report.Miscounted = crowd.recount(living, c.Connecting, c.Patience)
	}
	report.SeatTime, report.JoinTime = seated.Seconds(), joined.Seconds()
	report.JoinP50, report.JoinP99 = crowd.connected.quantile(0.5), crowd.connected.quantile(0.99)
	used.tell(report, before)
	return report, nil
}

// window is when deliveries are measured: nanoseconds since 1970.
type window struct{ begin, end int64 }

func (w *window) holds(at int64) bool { return at >= w.begin && at < w.end }

func newWindow(now time.Time, c Config) *window {
	begin := now.Add(c.Warmup)
	return &window{begin.UnixNano(), begin.Add(c.Time).UnixNano()}
}

func say(w io.Writer, format string, args ...any) {
	if w != nil {
		fmt.Fprintf(w, format, args...)
	}
}
