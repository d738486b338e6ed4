package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
)

// probe asks one room again and again who plays it, and notes when the answers come.
type probe struct {
	room *client.Room

	mu      sync.Mutex
	answers []answer
	news    chan struct{} // closed with the next answer
}

type answer struct {
	at      time.Time
	request uint64
	pid     int // of the worker
}

// newProbe makes a ledger room, and listens to it until the test ends.
func newProbe(ctx context.Context, c *client.Client, conn *client.Conn) (*probe, error) {
	place, err := again(ctx, "make a room", func() (client.Place, error) { return c.CreateRoom(ctx, "ledger", nil) })
	if err != nil {
		return nil, err
	}
	return probeOf(ctx, conn, place)
}

// probeOf listens to a room in which there is a seat.
func probeOf(ctx context.Context, conn *client.Conn, place client.Place) (*probe, error) {
	room, err := conn.Join(ctx, place)
	if err != nil {
		return nil, err
	}
	p := &probe{room: room, news: make(chan struct{})}
	go p.listen()
	return p, nil
}

// listen ends with the room.
func (p *probe) listen() {
	for {
		m, err := p.room.Next(context.Background())
		if err != nil {
			return
		}
		var here struct{ PID string }
		if m.Type != "here" || m.Decode(&here) != nil {
			continue
		}
		pid, _ := strconv.Atoi(here.PID)
		p.mu.Lock()
		p.answers = append(p.answers, answer{time.Now(), m.Request, pid})
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
}

// ask asks once, without waiting.
func (p *probe) ask() (seq uint64, err error) { return p.room.SendAsync("who", nil) }

// answered waits for the answer to a question.
func (p *probe) answered(ctx context.Context, seq uint64) (answer, error) {
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.answers, func(a answer) bool { return a.request == seq })
		var found answer
		if i >= 0 {
			found = p.answers[i]
		}
		news := p.news
		p.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return answer{}, fmt.Errorf("room %s does not answer: %w", p.room.Place.Room.ID, context.Cause(ctx))
		}
	}
}

// player is the id of the process that plays the room now.
func (p *probe) player(ctx context.Context) (pid int, err error) {
	p.forget()
	seq, err := p.ask()
	if err != nil {
		return 0, err
	}
	a, err := p.answered(ctx, seq)
	return a.pid, err
}

func (p *probe) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = nil
}

// askEvery is below what a gateway lets one connection say.
const askEvery = 6 * time.Millisecond

// silence asks each 6 ms while something goes wrong, until until reports true of an answer that came after it and 50
// more have come, and returns the longest time between two answers.
func (p *probe) silence(ctx context.Context, goWrong func() error, until func(answer) bool) (time.Duration, error) {
	p.forget()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	const before, after = 50, 50
	var wentWrong time.Time
	failed := make(chan error, 1)
	for asked := 0; ; asked++ {
		select {
		case <-tick.C:
		case err := <-failed:
			if err != nil {
				return 0, err
			}
		case <-ctx.Done():
			return 0, fmt.Errorf("room %s: %w", p.room.Place.Room.ID, context.Cause(ctx))
		}
		if _, err := p.ask(); err != nil && err != client.ErrOutboxFull {
			return 0, err
		}
		if asked == before {
			wentWrong = time.Now()
			go func() { failed <- goWrong() }()
		}
		if asked <= before {
			continue
		}
		p.mu.Lock()
		at := slices.IndexFunc(p.answers, func(a answer) bool { return a.at.After(wentWrong) && until(a) })
		if at >= 0 && len(p.answers) > at+after {
			longest := time.Duration(0)
			for i := 1; i < len(p.answers); i++ {
				if p.answers[i].at.After(wentWrong) {
					longest = max(longest, p.answers[i].at.Sub(p.answers[i-1].at))
				}
			}
			p.mu.Unlock()
			return longest, nil
		}
		p.mu.Unlock()
	}
}

// comingAtOnce is how many players of probes come at the same time.
const comingAtOnce = 40

// probes makes rooms, up to 100 for each of as many players as that takes.
func probes(t *testing.T, url string, rooms, perPlayer int, config client.Config) []*probe {
	t.Helper()
	config.URL = url
	config.HTTP = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	all := make([]*probe, rooms)
	coming := make(chan struct{}, comingAtOnce)
	var running sync.WaitGroup
	for first := 0; first < rooms; first += perPlayer {
		coming <- struct{}{}
		running.Go(func() {
			defer func() { <-coming }()
			c, err := client.New(config)
			if err == nil {
				_, err = again(ctx, "sign in", func() (client.User, error) { return c.SignInGuest(ctx, "", "") })
			}
			if err != nil {
				t.Error(err)
				return
			}
			conn, err := c.Connect(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			for i := first; i < min(first+perPlayer, rooms); i++ {
				if all[i], err = newProbe(ctx, c, conn); err != nil {
					t.Errorf("room %d: %v", i, err)
					return
				}
			}
		})
	}
	running.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// scout takes a seat in each of the ledger's rooms, to ask there who plays it; it says no numbers. It ends with the test.
func (l *numbers) scout(t *testing.T, url string) (all []*probe) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := newClient(url, playersHTTP())
	if err == nil {
		_, err = c.SignInGuest(ctx, "", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, p := range l.players {
		if p.game != "ledger" || p.mates[0] != p {
			continue
		}
		place, err := c.JoinRoom(ctx, p.room.Place.Room.ID)
		if err != nil {
			t.Fatal(err)
		}
		probe, err := probeOf(ctx, conn, place)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, probe)
	}
	return all
}

// spread is the median, the worst and the number of figures.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("median %s, worst %s (%d times)", all[len(all)/2].Round(100*time.Microsecond), all[len(all)-1].Round(100*time.Microsecond), len(all))
}
