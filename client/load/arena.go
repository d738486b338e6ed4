package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/web/stomp"
)

// ArenaConfig says how many play in the arena. URL must be given; every other zero value works.
type ArenaConfig struct {
	URL     string        // of the deployment; several, with commas, are used in turn
	Rooms   int           // default 1
	Players int           // of each room, at most 200, which is the default
	Rate    float64       // how often each changes its direction, a second; default 2
	Time    time.Duration // of the measuring; default 30 s
	Warmup  time.Duration // before it; default 2 s
	Metrics string        // the processes that are measured, by their addresses, with commas; default URL
}

func (c ArenaConfig) filled() (ArenaConfig, error) {
	if c.Rooms == 0 {
		c.Rooms = 1
	}
	if c.Players == 0 {
		c.Players = 200
	}
	if c.Rate == 0 {
		c.Rate = 2
	}
	if c.Time == 0 {
		c.Time = 30 * time.Second
	}
	if c.Warmup == 0 {
		c.Warmup = 2 * time.Second
	}
	if c.Metrics == "" {
		c.Metrics = c.URL
	}
	if c.URL == "" || c.Rooms < 0 || c.Players < 0 || c.Players > 200 || c.Rate < 0 || c.Time < 0 || c.Warmup < 0 {
		return c, errors.New("load: the arena needs a URL, at most 200 players a room, and a rate and times that are positive")
	}
	return c, nil
}

// ArenaReport is what players saw. Durations are in milliseconds.
type ArenaReport struct {
	Rooms   int     `json:"rooms"`
	Players int     `json:"players"` // of all rooms
	Seconds float64 `json:"seconds"`
	Frames  float64 `json:"frames_per_second"` // of all
	Each    float64 `json:"frames_per_second_each"`
	Size    float64 `json:"bytes"` // of a frame's body
	Steers  float64 `json:"steers_per_second"`
	// How late frames are: from when their tick was due, in whole milliseconds, until they were read here. The clocks must be one.
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
	Late int64   `json:"later_than_50_ms"`
	// Far counts what a player was told of and that is out of its view, in a sixteenth of all frames; Back frames that came after a later one.
	Far     int64   `json:"out_of_view"`
	Back    int64   `json:"out_of_order"`
	Skipped int64   `json:"ticks_skipped"` // between two frames of a player: nothing changed, or a newer one took its place
	Lost    int     `json:"connections_lost"`
	CPU     float64 `json:"cpu_percent"` // of one core, of the processes
	Cause   string  `json:"cause,omitempty"`
}

// OK reports whether everybody saw what is near to the end, in order, and nothing else. Lateness is for the reader to judge.
func (r *ArenaReport) OK() bool { return r.Far == 0 && r.Back == 0 && r.Lost == 0 && r.Frames > 0 }

func (r *ArenaReport) String() string {
	text := fmt.Sprintf(`%d rooms, %d players, %.0f s measured
  frames      %10.0f /s   (%.1f each; %.0f bytes)
  steers      %10.0f /s
  late        p50 %.1f ms   p99 %.1f ms   max %.1f ms; %d later than 50 ms
  processes   %10.1f %% of a core
  out of view %d, out of order %d, ticks skipped %d, connections lost %d`,
		r.Rooms, r.Players, r.Seconds, r.Frames, r.Each, r.Size, r.Steers, r.P50, r.P99, r.Max, r.Late, r.CPU, r.Far, r.Back, r.Skipped, r.Lost)
	if r.Cause != "" {
		text += "\n  first failure: " + r.Cause
	}
	return text
}

// runners is everybody who plays in the arena.
type runners struct {
	config  ArenaConfig
	crowd   *crowd
	players []*runner // room by room
	window  atomic.Pointer[window]
	late    histogram
	steers  atomic.Int64
}

// runner is one player. Its reader owns what is not atomic.
type runner struct {
	all    *runners
	seat   seat
	socket *socket
	stream stream
	live   chan struct{}
	lost   atomic.Bool

	isLive bool
	now    int64
	tick   uint64 // of the latest frame
	seen   int    // frames
	frames, bytes, delayed,
	far, back, skipped int64 // while it was measured
	done chan struct{} // closed when it reads no more
}

// RunArena lets everybody in, has them run about, and leaves. When ctx ends early it measures what there was. An error says that the load could not
// be made.
func RunArena(ctx context.Context, c ArenaConfig) (*ArenaReport, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	a := &runners{config: c, crowd: &crowd{
		urls: strings.Split(c.URL, ","), failed: make(chan struct{}),
		http: &http.Client{Timeout: callTime, Transport: &http.Transport{
			MaxIdleConns: gatherers, MaxIdleConnsPerHost: gatherers, MaxConnsPerHost: gatherers}},
	}}
	for range c.Rooms * c.Players {
		a.players = append(a.players, &runner{all: a, live: make(chan struct{}), done: make(chan struct{})})
	}
	living, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer a.leave()
	if err := a.enter(ctx, living); err != nil {
		return nil, err
	}
	begin := time.Now().Add(c.Warmup)
	w := &window{begin: begin.UnixNano(), end: begin.Add(c.Time).UnixNano()}
	a.window.Store(w)
	running, stop := context.WithDeadline(ctx, begin.Add(c.Time))
	defer stop()
	used := watchUsage(ctx, Config{Metrics: c.Metrics}, w)
	for room := range c.Rooms {
		go a.run(running, a.players[room*c.Players:(room+1)*c.Players])
	}
	<-running.Done()
	spent := <-used
	a.crowd.leaving.Store(true)
	for _, p := range a.players {
		p.socket.conn.Close()
	}
	return a.report(min(c.Time, max(time.Since(begin), 0)), spent), nil
}

// enter gives everybody a seat and connects them.
func (a *runners) enter(ctx, living context.Context) error {
	n := a.config.Players
	sit := func(p *runner, path string, body any) error {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		var session struct{ Token string }
		if err := a.crowd.call(ctx, "/v1/login", "", map[string]any{"platform": "guest"}, &session); err != nil {
			return err
		}
		p.seat.token = session.Token
		return a.crowd.call(ctx, path, session.Token, body, &p.seat)
	}
	err := each(a.config.Rooms, gatherers, func(i int) error {
		return sit(a.players[i*n], "/v1/rooms", map[string]any{"game": "arena"})
	})
	if err == nil {
		err = each(len(a.players), gatherers, func(i int) error {
			if i%n == 0 {
				return nil
			}
			return sit(a.players[i], "/v1/rooms/"+a.players[i-i%n].seat.Room.ID+"/join", nil)
		})
	}
	if err == nil {
		err = each(len(a.players), gatherers, func(i int) error { return a.players[i].connect(ctx, living) })
	}
	return err
}

// leave gives up all seats.
func (a *runners) leave() {
	a.crowd.leaving.Store(true)
	_ = each(len(a.players), gatherers, func(i int) error {
		p := a.players[i]
		if p.socket != nil {
			p.socket.conn.Close()
		}
		if p.seat.Room.ID != "" {
			ctx, cancel := context.WithTimeout(context.Background(), callTime)
			defer cancel()
			_ = a.crowd.call(ctx, "/v1/rooms/"+p.seat.Room.ID+"/leave", p.seat.token, nil, nil)
		}
		return nil
	})
	a.crowd.http.CloseIdleConnections()
}

func (p *runner) connect(ctx, living context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	socket, rest, err := dial(ctx, p.seat.Stomp.URL, "", stomp.V12.Subprotocol())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	p.socket, p.stream.socket = socket, socket
	if err := socket.write(hello(p.seat, "0,0")); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	go p.read(living, rest)
	select {
	case <-p.live:
		return nil
	case <-p.done:
		return p.all.crowd.why()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read takes everything that comes until the socket ends.
func (p *runner) read(living context.Context, rest []byte) {
	defer close(p.done)
	err := p.stream.push(rest, p.take)
	buffer := make([]byte, firstBuffer)
	for err == nil {
		var n int
		n, err = p.socket.conn.Read(buffer)
		p.now = time.Now().UnixNano()
		if wrong := p.stream.push(buffer[:n], p.take); wrong != nil {
			err = wrong
		}
	}
	if living.Err() == nil && !p.all.crowd.leaving.Load() {
		p.lost.Store(true)
		p.all.crowd.fail(fmt.Errorf("connection lost: %w", err))
	}
}

func (p *runner) take(f *frame) error {
	switch string(f.command) {
	case "ERROR":
		return fmt.Errorf("%w: %s: %s", errRefused, f.code, f.text)
	case "MESSAGE":
	default:
		return nil
	}
	switch string(f.kind) {
	case "frame":
		return p.look(f)
	case "$snapshot":
		if !p.isLive {
			p.isLive = true
			close(p.live)
		}
	case "error":
		return fmt.Errorf("%w: %s", errRefused, f.code)
	}
	return nil
}

const frameBegin = `{"tick":`

// look takes a frame.
func (p *runner) look(f *frame) error {
	if len(f.body) < len(frameBegin) || string(f.body[:len(frameBegin)]) != frameBegin {
		return fmt.Errorf("not a frame: %.80q", f.body)
	}
	tick := uint64(0)
	for _, c := range f.body[len(frameBegin):] {
		if c < '0' || c > '9' {
			break
		}
		tick = tick*10 + uint64(c-'0')
	}
	due, ok := digits(f.time)
	if !ok {
		return errFrame
	}
	p.seen++
	last := p.tick
	p.tick = tick
	w := p.all.window.Load()
	if w == nil || !w.holds(p.now) {
		return nil
	}
	p.frames++
	p.bytes += int64(len(f.body))
	switch {
	case tick <= last:
		p.back++
	case last > 0:
		p.skipped += int64(tick - last - 1)
	}
	late := max(time.Duration(p.now-due*int64(time.Millisecond)), 0)
	p.all.late.add(late)
	if late > 50*time.Millisecond {
		p.delayed++
	}
	if p.seen%16 != 0 {
		return nil
	}
	return p.check(f.body)
}

// sight is how far a player of the arena may see. Places are in tenths, which float64 has not exactly: who is at sight may seem
// to be farther by some 1e-13, and who is out of it is so by 1e-5 at least.
const (
	sight     = 300
	sightSlip = 1e-9
)

// check counts what is told of and out of view.
func (p *runner) check(body []byte) error {
	var v struct {
		You         [2]float64           `json:"you"`
		Seen, Coins [][3]json.RawMessage // who or which, x, y
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("read a frame: %w", err)
	}
	for _, list := range [][][3]json.RawMessage{v.Seen, v.Coins} {
		for _, one := range list {
			var x, y float64
			if err := errors.Join(json.Unmarshal(one[1], &x), json.Unmarshal(one[2], &y)); err != nil {
				return fmt.Errorf("read a frame: %w", err)
			}
			if math.Hypot(x-v.You[0], y-v.You[1]) > sight+sightSlip {
				p.far++
			}
		}
	}
	return nil
}

// run steers a room's players, each in its turn, until ctx ends.
func (a *runners) run(ctx context.Context, players []*runner) {
	step := time.Duration(float64(time.Second) / a.config.Rate / float64(len(players)))
	var out []byte
	begin := time.Now()
	timer := time.NewTimer(step)
	defer timer.Stop()
	for k := 0; ; k++ {
		// Timers fire some tenths of a millisecond late: what is due meanwhile goes at once.
		if wait := time.Until(begin.Add(time.Duration(k) * step)); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		p := players[k%len(players)]
		if ctx.Err() != nil {
			return
		}
		if p.lost.Load() {
			continue
		}
		sin, cos := math.Sincos(rand.Float64() * 2 * math.Pi)
		out = stomp.AppendFrame(out[:0], stomp.V12, &stomp.Frame{Command: "SEND", Fields: []stomp.Field{
			{Name: "destination", Value: p.seat.Stomp.Queue}, {Name: "type", Value: "steer"}, {Name: "content-type", Value: "application/json"},
		}, Body: fmt.Appendf(nil, `{"dx":%.3f,"dy":%.3f}`, cos, sin)})
		if p.socket.write(out) != nil {
			continue // its reader knows
		}
		if w := a.window.Load(); w.holds(time.Now().UnixNano()) {
			a.steers.Add(1)
		}
	}
}

func (a *runners) report(measured time.Duration, used spent) *ArenaReport {
	r := &ArenaReport{Rooms: a.config.Rooms, Players: len(a.players), Seconds: measured.Seconds(),
		P50: a.late.quantile(0.5), P99: a.late.quantile(0.99), Max: a.late.quantile(1)}
	var frames, bytes int64
	for _, p := range a.players {
		<-p.done
		frames += p.frames
		bytes += p.bytes
		r.Late += p.delayed
		r.Far += p.far
		r.Back += p.back
		r.Skipped += p.skipped
		if p.lost.Load() {
			r.Lost++
		}
	}
	if r.Lost > 0 {
		r.Cause = a.crowd.why().Error()
	}
	if s := measured.Seconds(); s > 0 && frames > 0 {
		r.Frames, r.Steers, r.Size = float64(frames)/s, float64(a.steers.Load())/s, float64(bytes)/float64(frames)
		r.Each = r.Frames / float64(len(a.players))
	}
	if used.seconds > 0 {
		r.CPU = 100 * used.cpu / used.seconds
	}
	return r
}
