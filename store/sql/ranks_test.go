package sql_test

import (
	stdsql "database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// checkRanges holds what the ranges of all boards count against the scores in them, and returns how many ranges there are.
func checkRanges(t *testing.T, db *stdsql.DB) (ranges, fullest int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT r.n + COALESCE((SELECT SUM(n) FROM rank_changes c WHERE c.board = r.board
				AND (c.key, c.since, c.score) >= (r.key, r.since, r.score) AND (r.last OR (c.key, c.since, c.score) < (r.k2, r.s2, r.i2))), 0),
			(SELECT count(*) FROM scores s WHERE s.board = r.board
				AND (s.key, s.since, s.id) >= (r.key, r.since, r.score) AND (r.last OR (s.key, s.since, s.id) < (r.k2, r.s2, r.i2)))
		FROM (SELECT board, key, since, score, n, LEAD(key) OVER w AS k2, LEAD(since) OVER w AS s2, LEAD(score) OVER w AS i2,
			LEAD(id) OVER w IS NULL AS last FROM rank_ranges WINDOW w AS (PARTITION BY board ORDER BY key, since, score)) r`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var counted, there int
		if err := rows.Scan(&counted, &there); err != nil {
			t.Fatal(err)
		}
		if counted != there {
			t.Errorf("range %d: counted %d, there are %d", ranges, counted, there)
		}
		ranges, fullest = ranges+1, max(fullest, there)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ranges, fullest
}

// A board is filled, and then all its players move away to where nobody was: ranges are split there, and joined where they were.
func TestRangesFollowTheScores(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		db := raw(t, dsn)
		const players = 6000
		board := store.Board{Game: "g", Period: "all"}
		if err := s.FillBoard(t.Context(), board, players); err != nil {
			t.Fatal(err)
		}
		for range 10 { // a fold splits a few ranges
			if err := s.Fold(t.Context(), board); err != nil {
				t.Fatal(err)
			}
		}
		ranges, fullest := checkRanges(t, db)
		if ranges < players/512 || fullest > 512 {
			t.Errorf("got %d ranges, %d in the fullest", ranges, fullest)
		}
		for from := 0; from < players; from += 500 {
			var scores []store.Score
			for i := range 500 {
				scores = append(scores, store.Score{Board: board, User: fmt.Sprint("p", 1000000+from+i), Value: 10_000_000 + int64(from), Counts: store.Last, At: noon.Add(time.Duration(from+i) * time.Second)})
			}
			if err := s.PutRanks(t.Context(), scores, nil); err != nil {
				t.Fatal(err)
			}
			checkRanges(t, db)
			if err := s.Fold(t.Context(), board); err != nil {
				t.Fatal(err)
			}
			checkRanges(t, db)
		}
		for range 10 {
			if err := s.Fold(t.Context(), board); err != nil {
				t.Fatal(err)
			}
		}
		again, fullest := checkRanges(t, db)
		if again > 2*players/256+2 || fullest > 512 {
			t.Errorf("after all have moved: got %d ranges, %d in the fullest", again, fullest)
		}
	})
}

// The benchmarks have a board of a million players. Filling it takes a minute or two.
func BenchmarkRanksSQLite(b *testing.B) {
	benchmarkRanks(b, "sqlite:"+filepath.Join(b.TempDir(), "madang.db"))
}

func BenchmarkRanksPostgreSQL(b *testing.B) { benchmarkRanks(b, testservers.Postgres(b)) }

func benchmarkRanks(b *testing.B, dsn string) {
	s, err := sql.Open(b.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	check := func(b *testing.B, err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	const players = 1_000_000
	board := store.Board{Game: "g", Period: "all"}
	check(b, s.FillBoard(b.Context(), board, players))
	check(b, s.Fold(b.Context(), board))
	random := rand.New(rand.NewPCG(1, 2))
	user := func() string { return fmt.Sprint("p", 1_000_000+random.IntN(players)) }
	b.Run("RankOfOne", func(b *testing.B) {
		var worst time.Duration
		for b.Loop() {
			who, began := user(), time.Now()
			_, _, err := s.Standing(b.Context(), board, who)
			worst = max(worst, time.Since(began))
			check(b, err)
		}
		b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
	})
	b.Run("Around21", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Around(b.Context(), board, user(), 21)
			check(b, err)
		}
	})
	b.Run("FirstPage100", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Top(b.Context(), board, "", 100)
			check(b, err)
		}
	})
	b.Run("Friends50", func(b *testing.B) {
		var friends []string
		for range 50 {
			friends = append(friends, user())
		}
		for b.Loop() {
			_, err := s.StandingsOf(b.Context(), board, friends)
			check(b, err)
		}
	})
	at := noon
	put := func(who string) error {
		return s.PutRanks(b.Context(), []store.Score{{Board: board, User: who, Value: 1, Counts: store.Sum, At: at}}, nil)
	}
	b.Run("PutOne", func(b *testing.B) {
		for b.Loop() {
			at = at.Add(time.Second)
			check(b, put(user()))
		}
	})
	b.Run("PutHundredAtOnce", func(b *testing.B) {
		b.SetParallelism(50)
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := put(fmt.Sprint("p", 1_000_000+n.Add(1)*7919%players)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("RankOfOneAfterPuts", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.Standing(b.Context(), board, user())
			check(b, err)
		}
	})
}
