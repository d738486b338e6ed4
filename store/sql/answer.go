package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// Whoever claims what another transaction has just claimed waits for its end here.
	insertAnswer = `INSERT INTO answers (key, request, until) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING`
	selectAnswer = `SELECT request, answer, until FROM answers WHERE key = $1`
	renewAnswer  = `UPDATE answers SET request = $2, until = $3, answer = NULL WHERE key = $1`
	keepAnswer   = `UPDATE answers SET answer = $2 WHERE key = $1 AND answer IS NULL`
	// %s keeps rows from others.
	deleteStale = `DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE until <= $1 ORDER BY until, key LIMIT $2%s)`
)

// ClaimAnswer implements [store.Answers].
func (s *Store) ClaimAnswer(ctx context.Context, key store.CallKey, request [32]byte, now, until time.Time) (kept store.Answer, claimed bool, err error) {
	claim := func(ctx context.Context, q querier) error {
		kept, claimed = store.Answer{}, false
		n, err := q.exec(ctx, insertAnswer, key[:], request[:], until.UnixMicro())
		if err != nil || n == 1 {
			claimed = n == 1
			return err
		}
		var asked, body []byte
		var end int64
		if err := one(ctx, q, selectAnswer+s.db.lockRow(false), []any{key[:]}, &asked, &body, &end); err != nil {
			return err
		}
		if end > now.UnixMicro() && body != nil {
			copy(kept.Request[:], asked)
			kept.Body = body
			return nil
		}
		claimed = true
		_, err = q.exec(ctx, renewAnswer, key[:], request[:], until.UnixMicro())
		return err
	}
	t := s.within(ctx)
	if t == nil {
		return kept, false, errors.New("claim answer: not in a transaction")
	}
	for range answerTries {
		if err = t.bare(ctx, claim); !errors.Is(err, stdsql.ErrNoRows) {
			break // else it was forgotten between two statements
		}
	}
	if err != nil {
		return store.Answer{}, false, s.failed(ctx, "claim answer", err)
	}
	return kept, claimed, nil
}

const answerTries = 3

// KeepAnswer implements [store.Answers].
func (s *Store) KeepAnswer(ctx context.Context, key store.CallKey, body []byte) error {
	keep := func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, keepAnswer, key[:], body)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	}
	var err error
	if t := s.within(ctx); t != nil {
		err = t.bare(ctx, keep)
	} else {
		err = s.db.write(ctx, keep)
	}
	return s.failed(ctx, "keep answer", err)
}

// ForgetAnswers implements [store.Answers]. What somebody else is at is left to them.
func (s *Store) ForgetAnswers(ctx context.Context, now time.Time, limit int) (int, error) {
	var gone int64
	query := fmt.Sprintf(deleteStale, s.db.lockRow(true))
	err := s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		gone, err = q.exec(ctx, query, now.UnixMicro(), max(limit, 0))
		return err
	})
	if err != nil {
		return 0, s.failed(ctx, "forget answers", err)
	}
	return int(gone), nil
}
