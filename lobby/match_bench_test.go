package lobby

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

// BenchmarkMatch is matches of two that are made one after the other, by two lobbies: from the call of the player who makes the
// match possible until gateways are told that both have their seats. BenchmarkMatchesAtOnce is a thousand players who come at
// once, until the last one has its seat.
func BenchmarkMatch(b *testing.B)         { onServers(b, benchmarkMatch) }
func BenchmarkMatchesAtOnce(b *testing.B) { onServers(b, benchmarkMatchesAtOnce) }

func onServers(b *testing.B, bench func(b *testing.B, dsn string, peer func() broker.Broker)) {
	quiet := slog.New(slog.DiscardHandler)
	b.Run("SQLite, memory", func(b *testing.B) {
		m := memory.New(memory.Config{Log: quiet})
		b.Cleanup(func() { _ = m.Close() })
		bench(b, "sqlite:"+filepath.Join(b.TempDir(), "madang.db"), func() broker.Broker { return m.Peer() })
	})
	b.Run("PostgreSQL, RabbitMQ", func(b *testing.B) {
		dsn, url := testservers.Postgres(b), testservers.RabbitMQ(b).URL
		bench(b, dsn, func() broker.Broker {
			r, err := rabbitmq.New(b.Context(), rabbitmq.Config{URLs: []string{url}, Log: quiet})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = r.Close() })
			return r
		})
	})
}

// stand is two lobbies, and what gateways are told of players who are placed.
type stand struct {
	b       *testing.B
	lobbies [2]*Service
	store   store.Store
	placed  chan string // users
}

func newStand(b *testing.B, dsn string, peer func() broker.Broker) *stand {
	s := &stand{b: b, store: database(b, dsn), placed: make(chan string, 1<<16)}
	tokens, err := newRing()
	if err != nil {
		b.Fatal(err)
	}
	game := &toy{name: "duo", version: "1", policy: handlers.Policy{Keep: handlers.Durable{}, Capacity: 2}}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{}, len(s.lobbies))
	for i := range s.lobbies {
		app := New()
		app.Match("duo", "", match.Rules{Teams: 2})
		s.lobbies[i], err = app.Serve(Config{Store: database(b, dsn), Broker: peer(), Tokens: tokens, LoginRate: -1, Games: []handlers.Definition{game},
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		go func() { _ = s.lobbies[i].Run(ctx); done <- struct{}{} }()
	}
	b.Cleanup(func() {
		stop()
		for range s.lobbies {
			<-done
		}
	})
	err = peer().Watch(ctx, func(n broker.Notice) {
		var notes broker.Notes
		if n.Kind != broker.NoticeNotes || json.Unmarshal(n.Body, &notes) != nil {
			return
		}
		for _, told := range notes.Notes {
			if strings.Contains(string(told.Body), `"state":"placed"`) {
				s.placed <- told.User
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *stand) post(at int, path, token, body string) []byte {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.lobbies[at].ServeHTTP(w, r)
	if w.Code >= 300 {
		s.b.Errorf("%s: got %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func (s *stand) guests(n int) []string {
	tokens := make([]string, n)
	for i := range tokens {
		var in signedIn
		if err := json.Unmarshal(s.post(i%2, "/v1/login", "", `{"platform":"guest"}`), &in); err != nil {
			s.b.Fatal(err)
		}
		tokens[i] = in.Token
	}
	return tokens
}

func benchmarkMatch(b *testing.B, dsn string, peer func() broker.Broker) {
	s := newStand(b, dsn, peer)
	tokens := s.guests(2 * b.N)
	var took []time.Duration
	b.ResetTimer()
	for i := range b.N {
		s.post(0, "/v1/match/tickets", tokens[2*i], `{"game":"duo"}`)
		begun := time.Now()
		s.post(1, "/v1/match/tickets", tokens[2*i+1], `{"game":"duo"}`)
		<-s.placed
		<-s.placed
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}

func benchmarkMatchesAtOnce(b *testing.B, dsn string, peer func() broker.Broker) {
	s := newStand(b, dsn, peer)
	const players = 1000
	for range b.N {
		b.StopTimer()
		tokens := s.guests(players)
		b.StartTimer()
		begun := time.Now()
		next := make(chan string, players)
		for _, token := range tokens {
			next <- token
		}
		close(next)
		for i := range 32 {
			go func() {
				for token := range next {
					s.post(i%2, "/v1/match/tickets", token, `{"game":"duo"}`)
				}
			}()
		}
		for range players {
			<-s.placed
		}
		b.ReportMetric(players/time.Since(begun).Seconds(), "players/s")
	}
}
