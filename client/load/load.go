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
	if c.Game == "" {
		c.Game = "relay"
	}
	if c.Rate == 0 {
		c.Rate = 10
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
	case c.Rooms < 1 || c.Clients < 1 || c.Clients > 1000 || c.Rate <= 0 || c.Time < 0 || c.Warmup < 0:
		return c, errors.New("load: rooms, clients (at most 1,000 a room), rate and times must be positive")
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
	Sent       int64   `json:"sent"`    // with the warm-up
	Delivered  int64   `json:"delivered"`
	SendRate   float64 `json:"sends_per_second"` // while it was measured
	Rate       float64 `json:"deliveries_per_second"`
	P50        float64 `json:"p50_ms"` // from when a message was due to each of its deliveries
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	Lost       int64   `json:"lost"`
	Doubled    int64   `json:"doubled"`
	Disordered int64   `json:"out_of_order"`
	Disagree   int     `json:"rooms_that_disagree"` // whose members saw different orders
	Dropped    int     `json:"connections_lost"`
	JoinTime   float64 `json:"join_seconds"` // until everybody was in a room and live
}

// OK reports whether everything arrived once and in order.
func (r *Report) OK() bool {
	return r.Lost == 0 && r.Doubled == 0 && r.Disordered == 0 && r.Disagree == 0 && r.Dropped == 0
}

func (r *Report) String() string {
	return fmt.Sprintf(`%d rooms, %d clients, %.0f s measured, all live after %.2f s
  sends       %10.0f /s   (%d in all)
  deliveries  %10.0f /s   (%d in all)
  latency     p50 %.2f ms   p95 %.2f ms   p99 %.2f ms   max %.2f ms
  lost %d, doubled %d, out of order %d, rooms that disagree %d, connections lost %d`,
		r.Rooms, r.Clients, r.Seconds, r.JoinTime, r.SendRate, r.Sent, r.Rate, r.Delivered,
		r.P50, r.P95, r.P99, r.Max, r.Lost, r.Doubled, r.Disordered, r.Disagree, r.Dropped)
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
	started := time.Now()
	crowd, err := gather(ctx, living, c)
	defer crowd.leave(living)
	if err != nil {
		return nil, err
	}
	joined := time.Since(started)
	say(c.Progress, "%d clients in %d rooms are live after %.2f s\n", len(crowd.clients), len(crowd.rooms), joined.Seconds())

	window := newWindow(time.Now(), c)
	for _, m := range crowd.clients {
		m.window.Store(window)
	}
	talking, hush := context.WithDeadline(ctx, window.end)
	defer hush()
	var talkers sync.WaitGroup
	for _, r := range crowd.rooms {
		talkers.Go(func() { r.talk(talking, c) })
	}
	watched := make(chan struct{})
	watching, unwatch := context.WithCancel(ctx)
	go func() { defer close(watched); crowd.watch(watching, c.Progress) }()
	talkers.Wait()
	measured := min(max(time.Since(window.begin), 0), c.Time)
	crowd.settle(ctx, c.Patience)
	unwatch()
	<-watched

	report := crowd.report(measured)
	report.JoinTime = joined.Seconds()
	return report, nil
}

// window is when deliveries are measured.
type window struct{ begin, end time.Time }

func newWindow(now time.Time, c Config) *window {
	begin := now.Add(c.Warmup)
	return &window{begin, begin.Add(c.Time)}
}

func say(w io.Writer, format string, args ...any) {
	if w != nil {
		fmt.Fprintf(w, format, args...)
	}
}
