package bot

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/client"
)

// ArenaConfig says who runs about in the arena. URL must be given; every other zero value works.
type ArenaConfig struct {
	URL  string       // of the deployment
	N    int          // bots, at most 10,000; default 20
	Room string       // where; default: any room that takes them
	Log  *slog.Logger // default: nothing is logged
	HTTP *http.Client // default: one for all bots
}

// ArenaSummary is what bots have done in the arena.
type ArenaSummary struct {
	Bots   int           `json:"bots"`
	Frames int64         `json:"frames"`
	Coins  int64         `json:"coins"`
	Took   time.Duration `json:"took_ns"`
}

func (s *ArenaSummary) String() string {
	return fmt.Sprintf("%d bots in the arena for %.1f s: %d frames seen, %d coins collected", s.Bots, s.Took.Seconds(), s.Frames, s.Coins)
}

// RunArena lets bots collect coins until ctx ends, and gives up their seats then. It outlives restarts of the deployment. An error says what is
// wrong with the ArenaConfig.
func RunArena(ctx context.Context, c ArenaConfig) (*ArenaSummary, error) {
	if c.N == 0 {
		c.N = 20
	}
	all, err := Config{URL: c.URL, N: c.N, Log: c.Log, HTTP: c.HTTP}.filled()
	if err != nil {
		return nil, err
	}
	s := &ArenaSummary{Bots: c.N}
	began := time.Now()
	var running sync.WaitGroup
	for range c.N {
		running.Go(func() { collect(ctx, all, c.Room, s) })
	}
	running.Wait()
	all.HTTP.CloseIdleConnections()
	s.Took = time.Since(began)
	return s, nil
}

// collect is one bot, until ctx ends.
func collect(ctx context.Context, c Config, room string, s *ArenaSummary) {
	p, err := newPlayer(c)
	if err != nil { // the Config has been checked
		panic(err)
	}
	defer p.close()
	for ctx.Err() == nil {
		if err := p.collect(ctx, room, s); err != nil && ctx.Err() == nil {
			c.Log.Warn("out of the arena; trying again", "bot", p.client.Me().Name, "err", err)
			rest(ctx, err)
		}
	}
}

func (p *player) collect(ctx context.Context, id string, s *ArenaSummary) error {
	if err := p.ready(ctx); err != nil {
		return err
	}
	// Not ctx: a call that is cut short could leave a seat that nobody knows of.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	var place client.Place
	var err error
	if id != "" {
		place, err = p.client.JoinRoom(calling, id)
	} else {
		place, err = p.client.RandomRoom(calling, "arena")
	}
	if err != nil {
		return err
	}
	defer leave(ctx, p.client, place)
	room, err := p.conn.Join(ctx, place)
	if err != nil {
		return err
	}
	defer room.Close()
	r := runner{room: room}
	for {
		m, err := room.Next(ctx)
		if err != nil {
			return err
		}
		if m.Type != "frame" && m.Type != "$snapshot" {
			continue
		}
		atomic.AddInt64(&s.Frames, 1)
		if err := r.look(m, s); err != nil {
			return err
		}
	}
}

// runner is a bot in the arena, which goes for the nearest coin that it sees.
type runner struct {
	room   *client.Room
	score  int
	known  bool
	at     time.Time // when it steered last
	dx, dy float64
}

// sighted is what a bot reads of a frame.
type sighted struct {
	You   [2]float64   `json:"you"`
	Coins [][3]float64 `json:"coins"` // id, x, y
	Score int          `json:"score"`
}

const (
	steerEvery = 200 * time.Millisecond
	wanderTime = 3 * time.Second
)

func (r *runner) look(m *client.Message, s *ArenaSummary) error {
	var v sighted
	if err := m.Decode(&v); err != nil {
		return err
	}
	if r.known && v.Score > r.score {
		atomic.AddInt64(&s.Coins, int64(v.Score-r.score))
	}
	r.score, r.known = v.Score, true
	now := time.Now()
	if now.Sub(r.at) < steerEvery {
		return nil
	}
	dx, dy, some := towards(v)
	switch {
	case some && math.Hypot(dx-r.dx, dy-r.dy) < 0.1: // that is where it goes
		return nil
	case !some && now.Sub(r.at) < wanderTime:
		return nil
	case !some:
		dy, dx = math.Sincos(mathrand.Float64() * 2 * math.Pi)
	}
	r.at, r.dx, r.dy = now, dx, dy
	_, err := r.room.SendAsync("steer", map[string]float64{"dx": dx, "dy": dy})
	return err
}

// towards is the direction of the nearest coin; false: none is in sight.
func towards(v sighted) (dx, dy float64, some bool) {
	nearest := math.Inf(1)
	for _, c := range v.Coins {
		x, y := c[1]-v.You[0], c[2]-v.You[1]
		if d := math.Hypot(x, y); d > 0 && d < nearest {
			nearest, dx, dy, some = d, x/d, y/d, true
		}
	}
	return dx, dy, some
}
