package store

import (
	"context"
	"time"
)

// TokenKey is a key that signs the tokens of sessions, as package token makes it.
type TokenKey struct {
	ID   string
	Seed []byte
	From time.Time // microseconds
}

// TokenKeys keeps the keys that the processes of a deployment have in common.
type TokenKeys interface {
	// TokenKeys keeps each of fresh whose ID is not there yet, drops those whose From is before oldest, and returns all,
	// those that begin latest first. Of many callers with the same IDs all are given the same keys.
	TokenKeys(ctx context.Context, fresh []TokenKey, oldest time.Time) ([]TokenKey, error)
}
