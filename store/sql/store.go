// Package sql keeps what store promises in SQLite or PostgreSQL.
//
// # What is on disk when a call returns
//
// SQLite: the change is in the write-ahead log, and the log has been fsynced (journal_mode WAL, synchronous FULL).
// It survives kill -9 of the process, a crash of the system and a power cut, as far as the disk keeps what it has
// acknowledged. Changes that come at the same time share one transaction and one fsync. The checkpoint, which moves the log
// into the database file, fsyncs both.
//
// PostgreSQL: what the server's synchronous_commit says. Its default (on) is the same promise; with off, the last
// moments before a crash of the server may be lost, but never half a change.
//
// After an error other than those of package store the change has not happened. After [store.ErrUnavailable] and a
// context's error it may have.
package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

// Config says where the database is.
type Config struct {
	// DSN is "sqlite:<file>" or "postgres://user:password@host:port/database?..." (all that pgx knows: pool_max_conns,
	// sslmode, connect_timeout, ...). The pool has 16 connections if the DSN says nothing, 4 at least, and commits have
	// 2 more. The folder of an SQLite file is made if it is not there; beside the file stand
	// <file>-wal and <file>-shm, which belong to it, and <file>-lock, which is empty.
	DSN string
	// Log: default slog.Default().
	Log *slog.Logger
	// JoinRuns makes one run of consecutive ones of a room ([store.Logged].Data), the oldest first, so that SQLite keeps them in one
	// row. Default: they stay as they were committed.
	JoinRuns func(runs [][]byte) ([]byte, error)
}

// Store keeps everything in one database. Any number of Stores, in any number of processes, may be open on it; SQLite's
// must be on one machine.
type Store struct {
	db       database
	log      *slog.Logger
	joinRuns func(runs [][]byte) ([]byte, error)
	closed   atomic.Bool

	sessions *lookups[store.TokenHash, store.Session]
	seatOf   *lookups[sitting, store.Seat]

	sessionTexts texts
}

var _ store.Store = (*Store)(nil)

// Every so often somebody is told that the database is still awaited.
const (
	firstWait = 100 * time.Millisecond
	mostWait  = 2 * time.Second
	tellEvery = 5 * time.Second
)

// Open opens the database and brings its schema up to date, with all other processes that start at the same time locked
// out meanwhile. While the database can't be reached, or is busy, it tries again until ctx ends, and says so in the log
// at once and every 5 s; so a server that opens in the background becomes ready by itself. What needs a person fails
// at once: a malformed DSN, a wrong password or database name, a file that may not be written, [store.ErrNewerSchema].
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{log: c.Log, joinRuns: c.JoinRuns}
	s.sessions, s.seatOf = newLookups(s.findSessions), newLookups(findSeats)
	if s.log == nil {
		s.log = slog.Default()
	}
	open, err := s.opener(c.DSN)
	if err != nil {
		return nil, err
	}
	var told time.Time
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		again, err := open(ctx)
		if err == nil {
			if !told.IsZero() {
				s.log.Info("the database is there")
			}
			s.sessionTexts = textsOf(s.sessionText)
			s.sessions.serve(s.db)
			s.seatOf.serve(s.db)
			return s, nil
		}
		err = failed(ctx, "open database", err)
		if ctx.Err() != nil || !again {
			return nil, err
		}
		if time.Since(told) >= tellEvery {
			s.log.Warn("waiting for the database", "err", err)
			told = time.Now()
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", err, ctx.Err())
		}
	}
}

// opener returns what opens the database once; again says that another try may succeed.
func (s *Store) opener(dsn string) (open func(context.Context) (again bool, err error), err error) {
	kind, rest, _ := strings.Cut(dsn, ":")
	switch kind {
	case "sqlite":
		if rest == "" || strings.ContainsAny(rest, "?\x00") {
			return nil, fmt.Errorf("open database: %q: want sqlite:<file>, and no question mark in the file's name", dsn)
		}
		return func(ctx context.Context) (bool, error) { return s.openSQLite(ctx, rest, "FULL") }, nil
	case "postgres", "postgresql":
		config, err := postgresConfig(dsn)
		if err != nil {
			return nil, fmt.Errorf("open database: %w", withoutPassword(err))
		}
		return func(ctx context.Context) (bool, error) { return s.openPostgres(ctx, config) }, nil
	}
	return nil, fmt.Errorf("open database: want sqlite:<file> or postgres://..., not one that begins with %q", kind)
}

// withoutPassword: net/url quotes the whole address in its errors.
func withoutPassword(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return errors.New("the address is malformed: " + u.Err.Error())
	}
	return err
}

// failed is failed, and knows that a closed store has no other faults.
func (s *Store) failed(ctx context.Context, doing string, err error) error {
	if err != nil && s.closed.Load() && !known(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = errClosed
	}
	return failed(ctx, doing, err)
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	return s.failed(ctx, "ask database", s.db.ready(ctx))
}

// Close refuses new work, waits for what has begun and closes the database. A second call does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.sessions.close()
	s.seatOf.close()
	return s.db.close()
}
