package sql

import (
	"context"
	stdsql "database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"github.com/madang-games/madang/store"
)

// The schemas differ in types, collations and storage, so each database has its own texts under the same numbers.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. The caller holds whatever keeps other processes out.
func migrate(ctx context.Context, db *stdsql.DB, dialect goose.Dialect, folder string, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, db, files,
		goose.WithTableName("schema_versions"), goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d; use a newer program", store.ErrNewerSchema, have, want)
	}
	done, err := provider.Up(ctx)
	for _, m := range done {
		log.Info("database migrated", "version", m.Source.Version, "took", m.Duration)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
