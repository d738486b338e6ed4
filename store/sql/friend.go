package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// Both are locked, so that what is between them, and how many each has, stays while it is decided on.
	lockTwo         = `SELECT id, name FROM accounts WHERE id IN ($1, $2) AND deleted_at IS NULL ORDER BY id`
	selectRelations = `SELECT account, state, since FROM relations WHERE account = $1 AND other = $2 OR account = $2 AND other = $1`
	countRelations  = `SELECT count(*) FROM relations WHERE account = $1 AND state = $2`
	setRelation     = `INSERT INTO relations (account, other, state, since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account, other) DO UPDATE SET state = excluded.state, since = excluded.since`
	dropRelation  = `DELETE FROM relations WHERE account = $1 AND other = $2`
	listRelations = `SELECT r.other, a.name, r.state, r.since FROM relations r JOIN accounts a ON a.id = r.other
		WHERE r.account = $1 AND r.other > $2 AND ($3 = '' OR r.state = $3) ORDER BY r.other LIMIT $4`
	selectBlocked = `SELECT count(*) FROM relations WHERE (account = $1 AND other = $2 OR account = $2 AND other = $1) AND state = 'blocked'`
	selectNamed   = `SELECT id FROM accounts WHERE folded = $1 AND deleted_at IS NULL`
)

// two is what is between two accounts, which are locked.
type two struct {
	q            querier
	user, other  string
	name         string // the other's
	mine, theirs store.Relation
	since        time.Time // of mine
}

// between locks two accounts. ErrNotFound.
func (s *Store) between(ctx context.Context, q querier, user, other string) (*two, error) {
	t := &two{q: q, user: user, other: other}
	found := 0
	err := all(ctx, q, lockTwo+s.db.lockRow(false), []any{user, other}, func(rows *stdsql.Rows) error {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		if found++; id == other {
			t.name = name
		}
		return nil
	})
	if err == nil && found != 2 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return t, all(ctx, q, selectRelations, []any{user, other}, func(rows *stdsql.Rows) error {
		var account string
		var state store.Relation
		var since int64
		if err := rows.Scan(&account, &state, &since); err != nil {
			return err
		}
		if account == user {
			t.mine, t.since = state, fromMicros(since)
		} else {
			t.theirs = state
		}
		return nil
	})
}

// room makes sure that account may have one more of r.
func (t *two) room(ctx context.Context, account string, r store.Relation, most int) error {
	var n int
	if err := one(ctx, t.q, countRelations, []any{account, r}, &n); err != nil {
		return err
	}
	if n >= most {
		return store.ErrTooMany
	}
	return nil
}

// set makes what each is to the other.
func (t *two) set(ctx context.Context, mine, theirs store.Relation, now time.Time) error {
	for _, side := range []struct {
		account, other string
		was, is        store.Relation
	}{{t.user, t.other, t.mine, mine}, {t.other, t.user, t.theirs, theirs}} {
		var err error
		switch {
		case side.was == side.is:
		case side.is == store.Stranger:
			_, err = t.q.exec(ctx, dropRelation, side.account, side.other)
		default:
			_, err = t.q.exec(ctx, setRelation, side.account, side.other, side.is, now.UnixMicro())
		}
		if err != nil {
			return err
		}
	}
	if t.mine != mine {
		t.mine, t.since = mine, now.UTC().Truncate(time.Microsecond)
	}
	return nil
}

// change does what decide says about two accounts, in one transaction.
func (s *Store) change(ctx context.Context, doing, user, other string, decide func(ctx context.Context, t *two) error) error {
	if !text(user) || !text(other) {
		return s.failed(ctx, doing, store.ErrNotFound)
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		t, err := s.between(ctx, q, user, other)
		if err != nil {
			return err
		}
		return decide(ctx, t)
	})
	return s.failed(ctx, doing, err)
}

// Befriend implements [store.Friends].
func (s *Store) Befriend(ctx context.Context, user, other string, agree bool, now time.Time) (r store.Related, changed bool, err error) {
	err = s.change(ctx, "befriend", user, other, func(ctx context.Context, t *two) (err error) {
		changed = false
		switch {
		case t.mine == store.Blocking || t.theirs == store.Blocking:
			return store.ErrBlocked
		case t.mine == store.Friend:
		case t.mine == store.Asking:
			changed = true
			for _, account := range []string{user, other} {
				if err := t.room(ctx, account, store.Friend, store.MaxFriends); err != nil {
					return err
				}
			}
			err = t.set(ctx, store.Friend, store.Friend, now)
		case agree:
			return store.ErrNotFound
		case t.mine == store.Stranger:
			changed = true
			if err := t.room(ctx, user, store.Asked, store.MaxAsked); err != nil {
				return err
			}
			if err := t.room(ctx, other, store.Asking, store.MaxAsking); err != nil {
				return err
			}
			err = t.set(ctx, store.Asked, store.Asking, now)
		}
		r = store.Related{User: other, Name: t.name, Relation: t.mine, Since: t.since}
		return err
	})
	if err != nil {
		return store.Related{}, false, err
	}
	return r, changed, nil
}

// Unfriend implements [store.Friends].
func (s *Store) Unfriend(ctx context.Context, user, other string) (was store.Relation, err error) {
	err = s.change(ctx, "unfriend", user, other, func(ctx context.Context, t *two) error {
		was = t.mine
		if was == store.Stranger || was == store.Blocking {
			was = store.Stranger
			return nil
		}
		return t.set(ctx, store.Stranger, store.Stranger, time.Time{})
	})
	return was, err
}

// Block implements [store.Friends].
func (s *Store) Block(ctx context.Context, user, other string, now time.Time) (was store.Relation, err error) {
	err = s.change(ctx, "block", user, other, func(ctx context.Context, t *two) error {
		if was = t.mine; was == store.Blocking {
			return nil
		}
		if err := t.room(ctx, user, store.Blocking, store.MaxBlocked); err != nil {
			return err
		}
		theirs := store.Stranger
		if t.theirs == store.Blocking {
			theirs = store.Blocking
		}
		return t.set(ctx, store.Blocking, theirs, now)
	})
	return was, err
}

// Unblock implements [store.Friends].
func (s *Store) Unblock(ctx context.Context, user, other string) error {
	return s.change(ctx, "unblock", user, other, func(ctx context.Context, t *two) error {
		if t.mine != store.Blocking {
			return nil
		}
		return t.set(ctx, store.Stranger, t.theirs, time.Time{})
	})
}

// Relations implements [store.Friends]. The cursor is the last one's id.
func (s *Store) Relations(ctx context.Context, user string, r store.Relation, cursor string, limit int) (some []store.Related, next string, err error) {
	limit = min(max(limit, 1), 100)
	if !text(cursor) {
		return nil, "", s.failed(ctx, "list relations", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
	}
	if !text(user) {
		return nil, "", nil
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		some = nil
		return all(ctx, q, listRelations, []any{user, cursor, r, limit + 1}, func(rows *stdsql.Rows) error {
			var o store.Related
			var since int64
			err := rows.Scan(&o.User, &o.Name, &o.Relation, &since)
			o.Since = fromMicros(since)
			some = append(some, o)
			return err
		})
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list relations", err)
	}
	if len(some) > limit {
		some = some[:limit]
		next = some[limit-1].User
	}
	return some, next, nil
}

// Blocked implements [store.Friends].
func (s *Store) Blocked(ctx context.Context, user, other string) (bool, error) {
	if !text(user) || !text(other) {
		return false, nil
	}
	var n int
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, selectBlocked, []any{user, other}, &n)
	})
	return n > 0, s.failed(ctx, "look for blocks", err)
}

// UserNamed implements [store.Friends].
func (s *Store) UserNamed(ctx context.Context, name string) (id string, err error) {
	if !text(name) {
		return "", s.failed(ctx, "find name", store.ErrNotFound)
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, selectNamed, []any{fold(name)}, &id)
	})
	return id, s.failed(ctx, "find name", err)
}
