package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// How many of the two there are; whether they are friends (1) or one blocks the other (2); whether $2 lets strangers write.
	selectMayWrite = `SELECT (SELECT count(*) FROM accounts WHERE id IN ($1, $2) AND deleted_at IS NULL),
		COALESCE((SELECT max(CASE state WHEN 'blocked' THEN 2 WHEN 'friends' THEN 1 ELSE 0 END) FROM relations
			WHERE account = $1 AND other = $2 OR account = $2 AND other = $1), 0),
		COALESCE((SELECT strangers FROM contacts WHERE account = $2), FALSE)`
	// $1 is the lower id, so that all lock the two sides in one order. Both sides are made together and have one last number.
	countMessage = `INSERT INTO talks (account, other, last, seen, cleared, at) VALUES ($1, $2, 1, 0, 0, $3), ($2, $1, 1, 0, 0, $3)
		ON CONFLICT (account, other) DO UPDATE SET last = talks.last + 1, at = excluded.at RETURNING last`
	insertMessage = `INSERT INTO messages (account, other, slot, n, sender, body, at, gone) VALUES ($1, $2, $3, $4, $5, $6, $7, '')
		ON CONFLICT (account, other, slot) DO UPDATE SET n = excluded.n, sender = excluded.sender, body = excluded.body, at = excluded.at, gone = ''`
	selectTalk     = `SELECT seen, cleared FROM talks WHERE account = $1 AND other = $2`
	selectMessages = `SELECT n, sender, body, at FROM messages
		WHERE account = $1 AND other = $2 AND n > $3 AND n < $4 AND gone <> $5 ORDER BY n `
	selectTalks = `SELECT t.other, a.name, t.seen, t.at, COALESCE(m.n, 0), COALESCE(m.sender, ''), COALESCE(m.body, ''), COALESCE(m.at, 0),
			CASE WHEN t.last > t.seen THEN (SELECT count(*) FROM messages u
				WHERE u.account = CASE WHEN t.account < t.other THEN t.account ELSE t.other END
					AND u.other = CASE WHEN t.account < t.other THEN t.other ELSE t.account END
					AND u.n > t.seen AND u.n > t.cleared AND u.sender = t.other AND u.gone <> t.account) ELSE 0 END
		FROM talks t JOIN accounts a ON a.id = t.other LEFT JOIN messages m
			ON m.account = CASE WHEN t.account < t.other THEN t.account ELSE t.other END
				AND m.other = CASE WHEN t.account < t.other THEN t.other ELSE t.account END
				AND m.slot = t.last % 500 AND m.n = t.last AND m.gone <> t.account
		WHERE t.account = $1 AND (t.at, t.other) < ($2, $3) AND t.last > t.cleared ORDER BY t.at DESC, t.other DESC LIMIT $4`
	markRead = `UPDATE talks SET seen = CASE WHEN $3 > last THEN last WHEN $3 > seen THEN $3 ELSE seen END
		WHERE account = $1 AND other = $2 RETURNING seen`
	throwMessage = `UPDATE messages SET gone = $5 WHERE account = $1 AND other = $2 AND slot = $3 AND n = $4 AND gone = ''`
	dropMessage  = `DELETE FROM messages WHERE account = $1 AND other = $2 AND slot = $3 AND n = $4 AND gone <> '' AND gone <> $5`
	lockTalk     = `SELECT account, last, cleared FROM talks WHERE account = $1 AND other = $2 OR account = $2 AND other = $1 ORDER BY account`
	clearTalk    = `UPDATE talks SET cleared = last WHERE account = $1 AND other = $2`
	// Up to $3 the one of the two has thrown all away, up to $4 the other one, $5.
	dropMessages = `DELETE FROM messages WHERE account = $1 AND other = $2 AND n <= $3 AND (n <= $4 OR gone = $5)`
)

// pair is two ids, the lower one first.
func pair(user, other string) (low, high string) { return min(user, other), max(user, other) }

// SendMessage implements [store.Messages].
func (s *Store) SendMessage(ctx context.Context, from, to, body string, now time.Time) (store.Message, error) {
	m := store.Message{From: from, Text: body, At: now.UTC().Truncate(time.Microsecond)}
	if !text(from) || !text(to) || from == to {
		return store.Message{}, s.failed(ctx, "send message", store.ErrNotFound)
	}
	if !text(body) {
		return store.Message{}, s.failed(ctx, "send message", errors.New("it is no text"))
	}
	low, high := pair(from, to)
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		var there, bond int
		var strangers bool
		if err := one(ctx, q, selectMayWrite, []any{from, to}, &there, &bond, &strangers); err != nil {
			return err
		}
		switch {
		case there != 2:
			return store.ErrNotFound
		case bond == 2 || bond == 0 && !strangers:
			return store.ErrBlocked
		}
		err := all(ctx, q, countMessage, []any{low, high, now.UnixMicro()}, func(rows *stdsql.Rows) error { return rows.Scan(&m.N) })
		if foreignKey(err) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, insertMessage, low, high, slotOf(m.N), int64(m.N), from, body, now.UnixMicro())
		return err
	})
	if err != nil {
		return store.Message{}, s.failed(ctx, "send message", err)
	}
	return m, nil
}

func slotOf(n uint64) int64 { return int64(n % store.MaxMessages) }

// Messages implements [store.Messages].
func (s *Store) Messages(ctx context.Context, user, other string, before, after uint64, limit int) (some []store.Message, read uint64, err error) {
	if !text(user) || !text(other) {
		return nil, 0, nil
	}
	limit = min(max(limit, 1), 100)
	low, high := pair(user, other)
	order := "ASC"
	if after == 0 {
		order = "DESC"
	}
	if before == 0 || after > 0 {
		before = math.MaxInt64
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		some = nil
		var cleared uint64
		err := one(ctx, q, selectTalk, []any{user, other}, &read, &cleared)
		if errors.Is(err, stdsql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		above := min(max(after, cleared), math.MaxInt64)
		args := []any{low, high, int64(above), int64(min(before, math.MaxInt64)), user, limit}
		return all(ctx, q, selectMessages+order+` LIMIT $6`, args, func(rows *stdsql.Rows) error {
			var m store.Message
			var at int64
			err := rows.Scan(&m.N, &m.From, &m.Text, &at)
			m.At = fromMicros(at)
			some = append(some, m)
			return err
		})
	})
	if err != nil {
		return nil, 0, s.failed(ctx, "list messages", err)
	}
	if order == "DESC" {
		slices.Reverse(some)
	}
	return some, read, nil
}

// Talks implements [store.Messages]. The cursor is the time and the other one of the last.
func (s *Store) Talks(ctx context.Context, user, cursor string, limit int) (some []store.Talk, next string, err error) {
	limit = min(max(limit, 1), 100)
	from, other := int64(math.MaxInt64), ""
	if cursor != "" {
		number, rest, cut := strings.Cut(cursor, ".")
		if from, err = strconv.ParseInt(number, 10, 64); err != nil || !cut || !text(rest) {
			return nil, "", s.failed(ctx, "list talks", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
		}
		other = rest
	}
	if !text(user) {
		return nil, "", nil
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		some = nil
		return all(ctx, q, selectTalks, []any{user, from, other, limit + 1}, func(rows *stdsql.Rows) error {
			var t store.Talk
			var at, last int64
			err := rows.Scan(&t.User, &t.Name, &t.Read, &at, &t.Last.N, &t.Last.From, &t.Last.Text, &last, &t.Unread)
			if t.At = fromMicros(at); t.Last.N > 0 {
				t.Last.At = fromMicros(last)
			}
			some = append(some, t)
			return err
		})
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list talks", err)
	}
	if len(some) > limit {
		some = some[:limit]
		last := &some[limit-1]
		next = fmt.Sprintf("%d.%s", last.At.UnixMicro(), last.User)
	}
	return some, next, nil
}

// MarkRead implements [store.Messages].
func (s *Store) MarkRead(ctx context.Context, user, other string, n uint64) (read uint64, err error) {
	if !text(user) || !text(other) {
		return 0, s.failed(ctx, "mark read", store.ErrNotFound)
	}
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, markRead, []any{user, other, int64(min(n, math.MaxInt64))}, &read)
	})
	return read, s.failed(ctx, "mark read", err)
}

// DropMessage implements [store.Messages]. What both have thrown away is gone.
func (s *Store) DropMessage(ctx context.Context, user, other string, n uint64) error {
	if !text(user) || !text(other) || n > math.MaxInt64 {
		return s.failed(ctx, "drop message", store.ErrNotFound)
	}
	low, high := pair(user, other)
	args := []any{low, high, slotOf(n), int64(n), user}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		var seen, cleared uint64
		if err := one(ctx, q, selectTalk, []any{user, other}, &seen, &cleared); err != nil {
			return err
		}
		if n <= cleared {
			return store.ErrNotFound
		}
		changed, err := q.exec(ctx, throwMessage, args...)
		if err == nil && changed == 0 {
			changed, err = q.exec(ctx, dropMessage, args...)
		}
		if err == nil && changed == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "drop message", err)
}

// DropTalk implements [store.Messages].
func (s *Store) DropTalk(ctx context.Context, user, other string) error {
	if !text(user) || !text(other) {
		return nil
	}
	low, high := pair(user, other)
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		var mine, theirs int64 // up to where each has thrown all away
		err := all(ctx, q, lockTalk+s.db.lockRow(false), []any{low, high}, func(rows *stdsql.Rows) error {
			var account string
			var last, cleared int64
			err := rows.Scan(&account, &last, &cleared)
			if account == user {
				mine = last
			} else {
				theirs = cleared
			}
			return err
		})
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, clearTalk, user, other); err != nil {
			return err
		}
		_, err = q.exec(ctx, dropMessages, low, high, mine, theirs, other)
		return err
	})
	return s.failed(ctx, "drop talk", err)
}
