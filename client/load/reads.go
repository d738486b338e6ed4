package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/client"
)

const (
	readers    = 128 // reads under way at a time
	sampleTime = 10 * time.Second
)

// read reads at the steady rate, lets others come and go, and looks at the processes' memory.
func (v *visitors) read(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, v.config.Time)
	defer stop()
	var here []*visitor
	for _, p := range v.players {
		if p != nil {
			here = append(here, p)
		}
	}
	if len(here) == 0 {
		return
	}
	paths := []string{"/v1/user", "/v1/user/items", "/v1/games", "/v1/rooms?game=" + url.QueryEscape(v.config.Game)}
	games, err := here[0].client.Games(ctx)
	if err != nil {
		v.fail(&v.report.ReadFailed, err)
	}
	for _, g := range games {
		if board := "/v1/leaderboards/" + url.PathEscape(g.Name) + "?around=me"; v.get(here[0], board) == nil { // it has one
			paths = append(paths, board)
		}
	}
	var took histogram
	var done atomic.Int64
	var at sync.WaitGroup
	due := make(chan time.Time, readers)
	for range readers {
		at.Go(func() {
			for when := range due {
				p, path := here[rand.N(len(here))], paths[rand.N(len(paths))]
				if err := v.get(p, path); err != nil {
					v.fail(&v.report.ReadFailed, err)
				}
				took.add(time.Since(when))
				done.Add(1)
			}
		})
	}
	at.Go(func() { v.churn(ctx) })
	at.Go(func() { v.sample(ctx, &took, &done) })
	began := time.Now()
	beat(ctx, v.config.Reads, func(when time.Time) { due <- when })
	close(due)
	at.Wait()
	r := v.report
	r.Seconds, r.Reads = time.Since(began).Seconds(), done.Load()
	r.Rate = float64(r.Reads) / r.Seconds
	r.P50, r.P95, r.P99, r.Max = took.quantile(0.5), took.quantile(0.95), took.quantile(0.99), took.quantile(1)
}

// beat calls do, which gets when it was due, so often a second until ctx ends. What it could not do in time it does late, so
// that a slow answer is not measured as a smaller load.
func beat(ctx context.Context, rate float64, do func(when time.Time)) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for now := time.Now(); ; n++ {
			when := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			if when.After(now) || ctx.Err() != nil {
				break
			}
			do(when)
		}
	}
}

func (v *visitors) get(p *visitor, path string) error {
	request, err := http.NewRequest(http.MethodGet, strings.TrimRight(v.urls[rand.N(len(v.urls))], "/")+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+p.client.Token())
	answer, err := v.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.200s", path, answer.Status, body)
	}
	return err
}

// churn lets players come, speak once, leave their room and sign out.
func (v *visitors) churn(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, comingAtOnce)
	beat(ctx, v.config.Churn, func(time.Time) {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if err := v.visit(context.WithoutCancel(ctx)); err != nil {
				v.fail(&v.report.CameFailed, err)
				return
			}
			v.mu.Lock()
			v.report.Came++
			v.mu.Unlock()
		})
	})
}

func (v *visitors) visit(ctx context.Context) error {
	var room string
	p, err := v.come(ctx, func(c *client.Client) (client.Place, error) {
		place, err := c.CreateRoom(ctx, v.config.Game, nil)
		room = place.Room.ID
		return place, err
	})
	if err != nil {
		return err
	}
	defer p.leave()
	if err := p.client.LeaveRoom(ctx, room); err != nil {
		return err
	}
	return p.client.SignOut(ctx)
}

// sample notes the memory, now and then.
func (v *visitors) sample(ctx context.Context, took *histogram, done *atomic.Int64) {
	tick := time.NewTicker(sampleTime)
	defer tick.Stop()
	for {
		mib := look(ctx, v.config.URL).resident / (1 << 20)
		v.report.Memory = append(v.report.Memory, mib)
		say(v.config.Progress, "%d reads, p99 %.2f ms, %.0f MiB\n", done.Load(), took.quantile(0.99), mib)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
