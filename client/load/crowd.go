package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is everybody.
type crowd struct {
	urls    []string // used in turn
	turn    atomic.Uint64
	http    *http.Client
	rooms   []*room
	clients []*member
	beats   bool // they have heart-beats
	match   bool // every other message is a note
	collect bool // the rest waits for the tick
	latency histogram
	// beyond is, where what is said waits for the tick, the latency without that.
	beyond histogram
	// connected is how long each took from the opening of its socket until it was live.
	connected histogram
	leaving   atomic.Bool

	failing sync.Once
	failed  chan struct{}
	because error
}

// room is one room and who talks in it.
type room struct {
	crowd   *crowd
	members []*member
	tally   tally
}

type tally struct {
	sent, delivered atomic.Int64
	measured        atomic.Int64 // delivered while it was measured
	said            atomic.Int64 // sent meanwhile
	gaps            atomic.Int64 // numbers jumped over
	late            atomic.Int64 // numbers that came again, or after a higher one
}

// seat is an answer of the lobby to who joins.
type seat struct {
	token string
	Room  struct{ ID string }
	Stomp struct{ URL, Topic, Queue string }
}

const (
	gatherers = 32 // joins at a time
	callTime  = 30 * time.Second
)

func (c *crowd) fail(err error) {
	c.failing.Do(func() { c.because = err; close(c.failed) })
}

func (c *crowd) why() error { <-c.failed; return c.because }

// gather signs everybody in and gives everybody a seat. The crowd it returns may have to leave even on an error.
func gather(ctx context.Context, config Config) (*crowd, error) {
	c := &crowd{
		urls: strings.Split(config.URL, ","), beats: config.Idle, match: config.Match, collect: config.Collect, failed: make(chan struct{}),
		http: &http.Client{
			Timeout:   callTime,
			Transport: &http.Transport{MaxIdleConns: gatherers, MaxIdleConnsPerHost: gatherers, MaxConnsPerHost: gatherers},
		},
	}
	for range config.Rooms {
		r := &room{crowd: c, members: make([]*member, config.Clients)}
		for i := range r.members {
			r.members[i] = &member{room: r, index: i, live: make(chan struct{}), next: make([]int64, config.Clients), counted: make(chan int64, 1)}
		}
		c.rooms = append(c.rooms, r)
	}
	sit := func(m *member, id string) error {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		s, err := c.take(ctx, config, id)
		m.seat = s
		return err
	}
	err := each(config.Rooms, gatherers, func(i int) error { return sit(c.rooms[i].members[0], "") })
	if err == nil {
		err = each(config.Rooms*(config.Clients-1), gatherers, func(k int) error {
			r := c.rooms[k%config.Rooms]
			return sit(r.members[1+k/config.Rooms], r.members[0].seat.Room.ID)
		})
	}
	for k := range config.Rooms * config.Clients {
		if m := c.rooms[k%config.Rooms].members[k/config.Rooms]; m.seat.Room.ID != "" {
			c.clients = append(c.clients, m)
		}
	}
	return c, err
}

// Heart-beats: each client has one after beatAfter, spread evenly.
const (
	beatAfter = 20 * time.Second
	beatSteps = 200
)

// beat sends heart-beats for all who are live, until living ends.
func (c *crowd) beat(living context.Context) {
	tick := time.NewTicker(beatAfter / beatSteps)
	defer tick.Stop()
	for step := 0; ; step = (step + 1) % beatSteps {
		select {
		case <-tick.C:
		case <-living.Done():
			return
		}
		for i := step; i < len(c.clients); i += beatSteps {
			m := c.clients[i]
			select {
			case <-m.live:
				_ = m.socket.write([]byte{'\n'}) // its reader finds out what is wrong
			default:
			}
		}
	}
}

// connect connects everybody, so many at a time, and returns when all are live.
func (c *crowd) connect(ctx, living context.Context, config Config) error {
	if c.beats {
		go c.beat(living)
	}
	return each(len(c.clients), config.Connecting, func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		from := ""
		if n := len(config.Sources); n > 0 {
			from = config.Sources[i%n]
		}
		began := time.Now()
		err := c.clients[i].connect(ctx, living, from)
		c.connected.add(time.Since(began))
		return err
	})
}

// each calls do for 0 to n-1, so many at a time, and returns the first error.
func each(n, atOnce int, do func(int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, min(n, atOnce))
	var stop atomic.Bool
	for g := range errs {
		wg.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[g] = do(i); errs[g] != nil {
					stop.Store(true)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// take signs a guest in and gives it a seat: in room id, or in a new one when that is "".
func (c *crowd) take(ctx context.Context, config Config, id string) (seat, error) {
	var session struct{ Token string }
	if err := c.call(ctx, "/v1/login", "", map[string]any{"platform": "guest"}, &session); err != nil {
		return seat{}, err
	}
	s := seat{token: session.Token}
	path, body := "/v1/rooms/"+id+"/join", any(nil)
	if id == "" {
		path = "/v1/rooms"
		options := map[string]any{"capacity": max(config.Clients, 2)}
		if config.Collect {
			options["collect"] = true
		}
		body = map[string]any{"game": config.Game, "options": options}
	}
	return s, c.call(ctx, path, s.token, body, &s)
}

// call makes one call to the lobby, and makes it again when the lobby asks to come back later.
func (c *crowd) call(ctx context.Context, path, token string, body, out any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	for {
		wait, err := c.try(ctx, path, token, text, out)
		if wait == 0 {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// try makes one call once; wait is after how long the lobby wants it again, 0 when it does not.
func (c *crowd) try(ctx context.Context, path, token string, body []byte, out any) (wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.urls[c.turn.Add(1)%uint64(len(c.urls))]+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if response.StatusCode >= 300 {
		if again := response.StatusCode; again == http.StatusTooManyRequests || again == http.StatusServiceUnavailable {
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // none, or a date: a second
			wait = time.Duration(max(seconds, 1)) * time.Second
		}
		return wait, fmt.Errorf("POST %s: %s: %.200s", path, response.Status, answer)
	}
	if out == nil {
		return 0, nil
	}
	return 0, json.Unmarshal(answer, out)
}

// talk sends what the room's members have to say, each at its own moments, until ctx ends.
func (r *room) talk(ctx context.Context, c Config) {
	pause := time.Duration(float64(time.Second) / c.Rate)
	start := time.Now().Add(time.Duration(rand.Int64N(int64(pause))))
	step := pause / time.Duration(len(r.members))
	timer := time.NewTimer(time.Until(start))
	defer timer.Stop()
	var body, out []byte
	queue := r.members[0].seat.Stomp.Queue
	for k := 0; ; k++ {
		m := r.members[k%len(r.members)]
		turn := k / len(r.members)
		due := start.Add(time.Duration(turn)*pause + time.Duration(m.index)*step)
		// Who is late because the one before could not be written at once counts from when it was due: no stall is hidden. Who is
		// late because a timer is, some tenths of a millisecond, counts from when it fired.
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
			due = time.Now()
		}
		if ctx.Err() != nil {
			return
		}
		if m.lost.Load() {
			continue
		}
		kind, number := kindSay, m.sent
		if m.isNote(turn) {
			kind, number = kindNote, m.noted
		}
		body = appendBody(body[:0], c.Size, m.index, number, due.UnixNano())
		out = sendFrame(out[:0], queue, kind, body)
		if err := m.socket.write(out); err != nil {
			m.lost.Store(true)
			continue
		}
		if kind == kindNote {
			m.noted++
		} else {
			m.sent++
			r.tally.sent.Add(1)
		}
		if w := m.window.Load(); w != nil && w.holds(due.UnixNano()) {
			r.tally.said.Add(1)
		}
	}
}

func (c *crowd) totals() (sent, delivered, expected int64) {
	for _, r := range c.rooms {
		s := r.tally.sent.Load()
		sent += s
		expected += s * int64(len(r.members))
		delivered += r.tally.delivered.Load()
	}
	return sent, delivered, expected
}

// settle waits until all that was sent has arrived, or nothing more arrives for as long as patience.
func (c *crowd) settle(ctx context.Context, patience time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		_, delivered, expected := c.totals()
		if delivered != last {
			last, since = delivered, time.Now()
		}
		if delivered >= expected || time.Since(since) > patience {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch writes a line each second.
func (c *crowd) watch(ctx context.Context, w io.Writer) {
	if w == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	wasSent, wasDelivered, was := int64(0), int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			sent, delivered, _ := c.totals()
			passed := now.Sub(was).Seconds()
			say(w, "%7.0f sends/s %9.0f deliveries/s   p50 %.2f ms  p99 %.2f ms\n", float64(sent-wasSent)/passed,
				float64(delivered-wasDelivered)/passed, c.latency.quantile(0.5), c.latency.quantile(0.99))
			wasSent, wasDelivered, was = sent, delivered, now
		}
	}
}

func (c *crowd) report(measured time.Duration) *Report {
	sent, delivered, _ := c.totals()
	r := &Report{
		Rooms: len(c.rooms), Clients: len(c.clients), Seconds: measured.Seconds(), Sent: sent, Delivered: delivered,
		P50: c.latency.quantile(0.5), P95: c.latency.quantile(0.95), P99: c.latency.quantile(0.99), Max: c.latency.quantile(1),
		BeyondP50: c.beyond.quantile(0.5), BeyondP99: c.beyond.quantile(0.99),
	}
	if s := measured.Seconds(); s > 0 {
		for _, room := range c.rooms {
			r.Rate += float64(room.tally.measured.Load()) / s
			r.SendRate += float64(room.tally.said.Load()) / s
		}
	}
	for _, room := range c.rooms {
		gaps, late := room.tally.gaps.Load(), room.tally.late.Load()
		missing := room.tally.sent.Load()*int64(len(room.members)) - room.tally.delivered.Load()
		// A number that came late fills a gap; what is beyond the gaps has come twice.
		r.Disordered += min(gaps, late)
		r.Doubled += max(late-gaps, 0)
		r.Lost += max(missing, gaps-late, 0)
		for _, m := range room.members {
			if m.lost.Load() {
				r.Dropped++
			}
		}
		for _, m := range room.members[1:] {
			if m.order.Load() != room.members[0].order.Load() {
				r.Disagree++
				break
			}
		}
	}
	return r
}

// leave gives all seats up, so that the rooms end, and closes the sockets.
func (c *crowd) leave(ctx context.Context) {
	c.leaving.Store(true)
	_ = each(len(c.clients), gatherers, func(i int) error {
		s := &c.clients[i].seat
		_ = c.call(ctx, "/v1/rooms/"+s.Room.ID+"/leave", s.token, nil, nil)
		return nil
	})
	for _, m := range c.clients {
		if m.socket != nil {
			_ = m.socket.conn.Close()
		}
	}
	c.http.CloseIdleConnections()
}
