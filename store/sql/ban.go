package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"

	"github.com/madang-games/madang/store"
)

const (
	upsertAccountBan = `INSERT INTO account_bans (account, at, until, reason) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account) DO UPDATE SET at = excluded.at, until = excluded.until, reason = excluded.reason`
	endSessions = `DELETE FROM sessions WHERE account = $1`
	// %s is the database's time.
	dropAccountBan   = `DELETE FROM account_bans WHERE account = $1 AND (until IS NULL OR until > %s)`
	selectAccountBan = `SELECT at, until, reason FROM account_bans WHERE account = $1`
	selectLivingBan  = selectAccountBan + ` AND (until IS NULL OR until > %s)`
)

// BanAccount implements [store.AccountBans].
func (s *Store) BanAccount(ctx context.Context, b store.AccountBan) error {
	if len(b.Reason) > store.MaxBanReason || !text(b.Reason) {
		return s.failed(ctx, "ban account", fmt.Errorf("reason of %d bytes: want at most %d of text", len(b.Reason), store.MaxBanReason))
	}
	until := stdsql.NullInt64{Int64: b.Until.UnixMicro(), Valid: !b.Until.IsZero()}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockAccount(ctx, q, b.User); err != nil {
			return err
		}
		if _, err := q.exec(ctx, upsertAccountBan, b.User, b.At.UnixMicro(), until, b.Reason); err != nil {
			return err
		}
		_, err := q.exec(ctx, endSessions, b.User)
		return err
	})
	return s.failed(ctx, "ban account", err)
}

// UnbanAccount implements [store.AccountBans].
func (s *Store) UnbanAccount(ctx context.Context, user string) error {
	clock, args := s.db.clock(2)
	query, args := fmt.Sprintf(dropAccountBan, clock), append([]any{user}, args...)
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, query, args...)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "unban account", err)
}

// AccountBan implements [store.AccountBans].
func (s *Store) AccountBan(ctx context.Context, user string) (b store.AccountBan, err error) {
	clock, args := s.db.clock(2)
	query, args := fmt.Sprintf(selectLivingBan, clock), append([]any{user}, args...)
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		b, err = accountBan(ctx, q, query, args...)
		return err
	})
	return b, s.failed(ctx, "find ban", err)
}

func accountBan(ctx context.Context, q querier, query string, args ...any) (store.AccountBan, error) {
	var at int64
	var until stdsql.NullInt64
	b := store.AccountBan{User: args[0].(string)}
	if err := one(ctx, q, query, args, &at, &until, &b.Reason); err != nil {
		return store.AccountBan{}, err
	}
	b.At = fromMicros(at)
	if until.Valid {
		b.Until = fromMicros(until.Int64)
	}
	return b, nil
}
