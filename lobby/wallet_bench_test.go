package lobby

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
)

// BenchmarkPurchase is purchases through the lobby, of 100 players at once.
func BenchmarkPurchase(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		benchmarkPurchase(b, database(b, "sqlite:"+filepath.Join(b.TempDir(), "madang.db")), false)
	})
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkPurchase(b, database(b, testservers.Postgres(b)), false) })
}

// BenchmarkPurchaseWithKey is the same, each with an Idempotency-Key of its own.
func BenchmarkPurchaseWithKey(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		benchmarkPurchase(b, database(b, "sqlite:"+filepath.Join(b.TempDir(), "madang.db")), true)
	})
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkPurchase(b, database(b, testservers.Postgres(b)), true) })
}

func benchmarkPurchase(b *testing.B, s store.Store, key bool) {
	app := New()
	app.Item(Item{ID: "potion", Price: 30, PerPlayer: MaxCount})
	service, err := app.Serve(Config{Store: s, Broker: newLogBroker(), LoginRate: -1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	post := func(path, token, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		if key && token != "" {
			r.Header.Set("Idempotency-Key", uuid.NewString())
		}
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		return w
	}
	var tokens [100]string
	for i := range tokens {
		var in signedIn
		if err := json.Unmarshal(post("/v1/login", "", `{"platform":"guest"}`).Body.Bytes(), &in); err != nil {
			b.Fatal(err)
		}
		_, err := s.Post(b.Context(), store.Posting{Reference: fmt.Sprint("begin/", i), Reason: "begin", Entries: []store.Entry{
			{Account: in.User.ID, Item: Gold, Amount: store.MaxBalance}, {Item: Gold, Amount: -store.MaxBalance},
		}})
		if err != nil {
			b.Fatal(err)
		}
		tokens[i] = in.Token
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	begun := time.Now()
	for _, token := range tokens {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if w := post("/v1/items/potion/purchase", token, ""); w.Code != http.StatusOK {
					b.Errorf("got %d %s", w.Code, w.Body)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "op/s")
}
