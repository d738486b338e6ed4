package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectSecret     = `SELECT account, secret FROM identities WHERE platform = $1 AND subject = $2`
	selectLiving     = `SELECT id FROM accounts WHERE id = $1 AND deleted_at IS NULL`
	linkIdentity     = `INSERT INTO identities (platform, subject, account, secret, linked_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	selectOwner      = `SELECT account FROM identities WHERE platform = $1 AND subject = $2`
	unlinkIdentity   = `DELETE FROM identities WHERE account = $1 AND platform = $2`
	countIdentities  = `SELECT count(*) FROM identities WHERE account = $1`
	selectIdentities = `SELECT i.platform, CASE i.linked_at WHEN 0 THEN a.created_at ELSE i.linked_at END
		FROM identities i JOIN accounts a ON a.id = i.account WHERE i.account = $1 AND a.deleted_at IS NULL ORDER BY i.platform`
	updateSecret = `UPDATE identities SET secret = $3 WHERE platform = $1 AND subject = $2 AND secret = $4`
	// A guest is who has no sign-in of a platform.
	updateGuest = `UPDATE accounts SET guest = NOT EXISTS
		(SELECT 1 FROM identities WHERE account = $1 AND platform <> 'guest') WHERE id = $1`
)

// Credentials implements [store.Identities].
func (s *Store) Credentials(ctx context.Context, id store.Identity) (a store.Account, secret string, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		var user string
		if err := one(ctx, q, selectSecret, []any{id.Platform, id.Subject}, &user, &secret); err != nil {
			return err
		}
		a, err = account(ctx, q, selectAccount, user)
		return err
	})
	if err != nil {
		return store.Account{}, "", s.failed(ctx, "find identity", err)
	}
	return a, secret, nil
}

// lockAccount keeps others from changing the account's identities until the transaction ends. stdsql.ErrNoRows when there is
// no such account, or it was deleted.
func (s *Store) lockAccount(ctx context.Context, q querier, user string) error {
	var id string
	return one(ctx, q, selectLiving+s.db.lockRow(false), []any{user}, &id)
}

// LinkIdentity implements [store.Identities].
func (s *Store) LinkIdentity(ctx context.Context, user string, id store.Identity, now time.Time) (a store.Account, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockAccount(ctx, q, user); err != nil {
			return err
		}
		n, err := q.exec(ctx, linkIdentity, id.Platform, id.Subject, user, id.Secret, now.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			var owner string
			err := one(ctx, q, selectOwner, []any{id.Platform, id.Subject}, &owner)
			switch {
			case errors.Is(err, stdsql.ErrNoRows):
				return store.ErrPlatformLinked
			case err != nil:
				return err
			case owner != user:
				return store.ErrIdentityTaken
			}
		}
		a, err = guestOrNot(ctx, q, user)
		return err
	})
	return a, s.failed(ctx, "link identity", err)
}

// UnlinkIdentity implements [store.Identities].
func (s *Store) UnlinkIdentity(ctx context.Context, user, platform string) (a store.Account, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockAccount(ctx, q, user); err != nil {
			return err
		}
		n, err := q.exec(ctx, unlinkIdentity, user, platform)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		var left int
		if err := one(ctx, q, countIdentities, []any{user}, &left); err != nil {
			return err
		}
		if left == 0 {
			return store.ErrLastIdentity
		}
		a, err = guestOrNot(ctx, q, user)
		return err
	})
	return a, s.failed(ctx, "unlink identity", err)
}

// guestOrNot sets whether the account is a guest's, and returns it.
func guestOrNot(ctx context.Context, q querier, user string) (store.Account, error) {
	if _, err := q.exec(ctx, updateGuest, user); err != nil {
		return store.Account{}, err
	}
	return account(ctx, q, selectAccount, user)
}

// IdentitiesOf implements [store.Identities].
func (s *Store) IdentitiesOf(ctx context.Context, user string) (linked []store.Linked, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		linked = nil
		return all(ctx, q, selectIdentities, []any{user}, func(rows *stdsql.Rows) error {
			var l store.Linked
			var at int64
			err := rows.Scan(&l.Platform, &at)
			l.LinkedAt = fromMicros(at)
			linked = append(linked, l)
			return err
		})
	})
	return linked, s.failed(ctx, "list identities", err)
}

// SetSecret implements [store.Identities].
func (s *Store) SetSecret(ctx context.Context, id store.Identity, old string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, updateSecret, id.Platform, id.Subject, id.Secret, old)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "change secret", err)
}
