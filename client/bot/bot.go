// Package bot is players made of software, for Othello and the arena: so that nobody has to play alone, and to measure a deployment.
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/madang-games/madang/client"
)

// Config says who plays where. URL must be given; every other zero value works.
type Config struct {
	URL   string        // of the deployment, such as http://localhost:8080
	N     int           // bots; default 5. With Pair an even number; default 4
	Games int           // end after so many games of all bots together; 0: when ctx ends
	Pair  bool          // play against each other, instead of waiting for people
	Think time.Duration // before each move; default DefaultThink, with Pair none. Negative: none
	Log   *slog.Logger  // default: nothing is logged
	HTTP  *http.Client  // default: one for all bots
}

// DefaultThink is long enough to see what the bot has done, and not to wait for it.
const DefaultThink = 800 * time.Millisecond

// Summary is what bots have played.
type Summary struct {
	Games    int           `json:"games"`    // ended, one way or the other
	Finished int           `json:"finished"` // played to the end by both sides
	Equal    int           `json:"equal"`    // with Pair: both sides saw the same final board and result
	Failed   int           `json:"failed"`   // broken off by an error
	Moves    int           `json:"moves"`    // that bots made
	Took     time.Duration `json:"took_ns"`
}

func (s *Summary) String() string {
	return fmt.Sprintf("%d games in %.1f s: %d finished, %d with equal boards, %d failed; %d moves",
		s.Games, s.Took.Seconds(), s.Finished, s.Equal, s.Failed, s.Moves)
}

// OK reports, for a run with Pair, whether every game was finished with boards equal for both sides.
func (s *Summary) OK() bool { return s.Failed == 0 && s.Finished == s.Games && s.Equal == s.Games }

func (c Config) filled() (Config, error) {
	if c.N == 0 {
		c.N = 5
		if c.Pair {
			c.N = 4
		}
	}
	switch {
	case c.N < 0 || c.N > 10_000 || c.Games < 0:
		return c, errors.New("bot: the number of bots is 1 to 10,000, that of games at least 0")
	case c.Pair && c.N%2 != 0:
		return c, errors.New("bot: pairs need an even number of bots")
	}
	if c.Think == 0 && !c.Pair {
		c.Think = DefaultThink
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: min(c.N, 32), IdleConnTimeout: time.Minute},
		}
	}
	_, err := client.New(client.Config{URL: c.URL})
	return c, err
}

// Run plays until ctx ends or Config.Games are over, and gives up the seats it has then. It outlives restarts of the
// deployment, which need not even be there when it starts. The Summary is of what was played, whatever ended it; an
// error says what is wrong with the Config.
func Run(ctx context.Context, c Config) (*Summary, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &table{limit: c.Games, full: cancel}
	began := time.Now()
	var all sync.WaitGroup
	if c.Pair {
		for range c.N / 2 {
			all.Go(func() { playPairs(ctx, c, t) })
		}
	} else {
		for range c.N {
			all.Go(func() { waitForPeople(ctx, c, t) })
		}
	}
	all.Wait()
	c.HTTP.CloseIdleConnections()
	s := t.summary()
	s.Took = time.Since(began)
	return s, nil
}

// table counts the games of all bots.
type table struct {
	limit int
	full  func() // ends the run

	mu      sync.Mutex
	claimed int
	sum     Summary
}

// claim reserves one of the games that are left; without a limit there always is one.
func (t *table) claim() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit > 0 && t.claimed >= t.limit {
		return false
	}
	t.claimed++
	return true
}

// giveBack returns a claim whose game did not begin.
func (t *table) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claimed--
}

func (t *table) note(finished, equal, failed bool, moves int) {
	one := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Games++
	t.sum.Finished += one(finished)
	t.sum.Equal += one(equal)
	t.sum.Failed += one(failed)
	t.sum.Moves += moves
	if t.limit > 0 && t.sum.Games >= t.limit {
		t.full()
	}
}

func (t *table) summary() *Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sum
	return &s
}
