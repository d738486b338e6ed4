package sql

import (
	"context"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	upsertSession = `INSERT INTO sessions (account, id, token, expires_at)
		SELECT id, $2, $3, $4 FROM accounts WHERE id = $1 AND deleted_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM account_bans b WHERE b.account = $1 AND (b.until IS NULL OR b.until > %s))
		ON CONFLICT (account) DO UPDATE SET id = excluded.id, token = excluded.token, expires_at = excluded.expires_at`
	// %s is the database's time.
	selectSession = `SELECT s.id, s.account, a.name, s.expires_at, %s FROM sessions s JOIN accounts a ON a.id = s.account
		WHERE s.token = $1 AND s.expires_at > $2 AND a.deleted_at IS NULL`
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
func (s *Store) Session(ctx context.Context, token store.TokenHash, now time.Time) (n store.Session, err error) {
	var expires, found int64
	clock, args := s.db.clock(3)
	query, args := fmt.Sprintf(selectSession, clock), append([]any{token[:], now.UnixMicro()}, args...)
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, query, args, &n.ID, &n.User, &n.Name, &expires, &found)
	})
	if err != nil {
		return store.Session{}, s.failed(ctx, "find session", err)
	}
	n.ExpiresAt, n.FoundAt = fromMicros(expires), fromMicros(found)
	return n, nil
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
