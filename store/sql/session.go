package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	upsertSession = `INSERT INTO sessions (account, id, token, expires_at)
		SELECT id, $2, $3, $4 FROM accounts WHERE id = $1 AND deleted_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM account_bans b WHERE b.account = $1 AND (b.until IS NULL OR b.until > %s))
		ON CONFLICT (account) DO UPDATE SET id = excluded.id, token = excluded.token, expires_at = excluded.expires_at`
	// %s are the database's time and the tokens.
	selectSessions = `SELECT s.token, s.id, s.account, a.name, s.expires_at, %s FROM sessions s JOIN accounts a ON a.id = s.account
		WHERE s.token IN (%s) AND a.deleted_at IS NULL`
	extendSession = `UPDATE sessions SET expires_at = $3 WHERE account = $1 AND id = $2`
	deleteSession = `DELETE FROM sessions WHERE account = $1 AND id = $2`
)

// StartSession implements [store.Sessions]. ErrNotFound: there is no such user. It holds the account before it looks for a ban, as
// BanAccount does, so that of the two the later one sees the other.
func (s *Store) StartSession(ctx context.Context, n store.Session, token store.TokenHash) error {
	clock, args := s.db.clock(5)
	query, args := fmt.Sprintf(upsertSession, clock), append([]any{n.User, n.ID, token[:], n.ExpiresAt.UnixMicro()}, args...)
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockAccount(ctx, q, n.User); err != nil {
			return err
		}
		changed, err := q.exec(ctx, query, args...)
		if err != nil || changed > 0 {
			return err
		}
		b, err := accountBan(ctx, q, selectAccountBan, n.User)
		if err != nil {
			return err
		}
		return &store.BannedError{Until: b.Until}
	})
	return s.failed(ctx, "start session", err)
}

// Session implements [store.Sessions].
func (s *Store) Session(ctx context.Context, token store.TokenHash, now time.Time) (store.Session, error) {
	n, err := s.sessions.get(ctx, s, token)
	if err == nil && !n.ExpiresAt.After(now) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Session{}, s.failed(ctx, "find session", err)
	}
	return n, nil
}

func (s *Store) sessionText(keys int) string {
	clock, _ := s.db.clock(keys + 1)
	return fmt.Sprintf(selectSessions, clock, params(1, keys))
}

// findSessions also finds sessions that are over.
func (s *Store) findSessions(ctx context.Context, q querier, asked []*lookup[store.TokenHash, store.Session]) error {
	by := make(map[store.TokenHash][]*lookup[store.TokenHash, store.Session], len(asked))
	for _, a := range asked {
		by[a.key] = append(by[a.key], a)
	}
	var args []any
	for _, a := range asked {
		args = append(args, a.key[:])
	}
	query, keys := s.sessionTexts.about(len(asked))
	_, clock := s.db.clock(keys + 1)
	return all(ctx, q, query, append(padded(args, keys), clock...), func(rows *stdsql.Rows) error {
		var token []byte
		var n store.Session
		var expires, found int64
		if err := rows.Scan(&token, &n.ID, &n.User, &n.Name, &expires, &found); err != nil {
			return err
		}
		n.ExpiresAt, n.FoundAt = fromMicros(expires), fromMicros(found)
		for _, a := range by[store.TokenHash(token)] {
			a.row, a.found = n, true
		}
		return nil
	})
}

// ExtendSession implements [store.Sessions].
func (s *Store) ExtendSession(ctx context.Context, user, id string, end time.Time) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, extendSession, user, id, end.UnixMicro())
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "extend session", err)
}

// EndSession implements [store.Sessions].
func (s *Store) EndSession(ctx context.Context, user, id string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, deleteSession, user, id)
		return err
	})
	return s.failed(ctx, "end session", err)
}
