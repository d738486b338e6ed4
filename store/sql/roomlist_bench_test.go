package sql

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
)

// Pages of 20 of 20,000 rooms of one game; a label's text is that of every fiftieth, a number that of every thousandth.
func BenchmarkRoomLists(b *testing.B) {
	for name, dsn := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(b.TempDir(), "madang.db") },
		"PostgreSQL": func() string { return testservers.Postgres(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.Context(), Config{DSN: dsn(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			err = s.db.write(b.Context(), func(ctx context.Context, q querier) error {
				for _, query := range []string{
					`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
						INSERT INTO rooms (id, game, version, state, capacity, created_at, swept) SELECT 'room-' || i, 'g', '1', 'open', 2, i, FALSE FROM n`,
					`INSERT INTO room_labels (room, name, game, created_at, text, number)
						SELECT id, 'track', game, created_at, 'track ' || (created_at % 50), NULL FROM rooms`,
					`INSERT INTO room_labels (room, name, game, created_at, text, number) SELECT id, 'laps', game, created_at, NULL, created_at % 1000 FROM rooms`,
					`ANALYZE`,
				} {
					if _, err := q.exec(ctx, query); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			for name, f := range map[string]store.RoomFilter{
				"all":    {Game: "g", State: store.Open},
				"free":   {Game: "g", Free: true},
				"text":   {Game: "g", Labels: []store.LabelFilter{{Name: "track", Text: "track 7"}}},
				"number": {Game: "g", Labels: []store.LabelFilter{{Name: "laps", Least: 7, Most: 7}}},
				"nobody": {Game: "g", Labels: []store.LabelFilter{{Name: "laps", Least: -2, Most: -1}}},
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if _, _, err := s.Rooms(b.Context(), f, "", 20); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
