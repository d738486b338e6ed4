package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectContact = `SELECT hidden, strangers FROM contacts WHERE account = $1`
	// Both keep the account's row until the transaction ends.
	touchContact = `INSERT INTO contacts (account) SELECT id FROM accounts WHERE id = $1 AND deleted_at IS NULL
		ON CONFLICT (account) DO UPDATE SET due = contacts.due RETURNING hidden, strangers, due`
	setContact = `UPDATE contacts SET hidden = $2, strangers = $3 WHERE account = $1`
	setDue     = `UPDATE contacts SET due = $2 WHERE account = $1`
)

// Contact implements [store.Contacts].
func (s *Store) Contact(ctx context.Context, user string) (c store.Contact, err error) {
	if !text(user) {
		return c, nil
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		err := one(ctx, q, selectContact, []any{user}, &c.Hidden, &c.Strangers)
		if errors.Is(err, stdsql.ErrNoRows) {
			c, err = store.Contact{}, nil
		}
		return err
	})
	return c, s.failed(ctx, "read contact", err)
}

// contact does something with what user says of itself, which is locked. ErrNotFound.
func (s *Store) contact(ctx context.Context, user string, do func(ctx context.Context, q querier, c store.Contact, due int64) error) error {
	if !text(user) {
		return store.ErrNotFound
	}
	return s.db.write(ctx, func(ctx context.Context, q querier) error {
		var c store.Contact
		var due int64
		err := one(ctx, q, touchContact, []any{user}, &c.Hidden, &c.Strangers, &due)
		if foreignKey(err) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		return do(ctx, q, c, due)
	})
}

// SetContact implements [store.Contacts].
func (s *Store) SetContact(ctx context.Context, user string, hidden, strangers *bool) (was, is store.Contact, err error) {
	err = s.contact(ctx, user, func(ctx context.Context, q querier, c store.Contact, _ int64) error {
		was, is = c, c
		if hidden != nil {
			is.Hidden = *hidden
		}
		if strangers != nil {
			is.Strangers = *strangers
		}
		_, err := q.exec(ctx, setContact, user, is.Hidden, is.Strangers)
		return err
	})
	if err != nil {
		return store.Contact{}, store.Contact{}, s.failed(ctx, "set contact", err)
	}
	return was, is, nil
}

// TakeTurn implements [store.Contacts]: the generic cell rate algorithm (ITU-T I.371), a token bucket kept as one time.
func (s *Store) TakeTurn(ctx context.Context, user string, now time.Time, each time.Duration, burst int) (wait time.Duration, err error) {
	err = s.contact(ctx, user, func(ctx context.Context, q querier, _ store.Contact, due int64) error {
		wait = 0
		next := now
		if at := fromMicros(due); at.After(now) {
			next = at
		}
		if ahead := next.Sub(now) - time.Duration(burst-1)*each; ahead > 0 {
			wait = ahead
			return nil
		}
		_, err := q.exec(ctx, setDue, user, next.Add(each).UnixMicro())
		return err
	})
	return wait, s.failed(ctx, "take turn", err)
}
