package sql_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
	"github.com/madang-games/madang/store/storetest"
)

func opener(dsn string) storetest.Opener {
	return func(ctx context.Context) (store.Store, error) {
		return sql.Open(ctx, sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	}
}

func onSQLite(t testing.TB) storetest.Opener {
	return opener("sqlite:" + filepath.Join(t.TempDir(), "data", "madang.db"))
}

func onPostgres(t testing.TB) storetest.Opener { return opener(testservers.Postgres(t)) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Test(t, onSQLite)
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Test(t, onPostgres)
}

func BenchmarkSQLite(b *testing.B) { storetest.Benchmark(b, onSQLite) }

// What the safe setting costs.
func BenchmarkSQLiteNormal(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) storetest.Opener {
		file := filepath.Join(t.TempDir(), "madang.db")
		return func(ctx context.Context) (store.Store, error) { return sql.OpenSQLite(ctx, file, "NORMAL") }
	})
}

func BenchmarkPostgreSQL(b *testing.B) { storetest.Benchmark(b, onPostgres) }
