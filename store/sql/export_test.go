package sql

import (
	"context"
	"log/slog"
)

// OpenSQLite opens a file with another setting of synchronous than the one we have chosen, to measure it.
func OpenSQLite(ctx context.Context, file, synchronous string) (*Store, error) {
	s := &Store{log: slog.New(slog.DiscardHandler)}
	_, err := s.openSQLite(ctx, file, synchronous)
	return s, err
}
