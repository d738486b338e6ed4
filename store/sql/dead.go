package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/store"
)

// mostCondemned is how many of a room's condemned messages its record lists.
const mostCondemned = 100

const (
	// One that is there already, by its id or by what it is condemned as, stays as it is.
	insertDead = `INSERT INTO dead (id, room, game, condemned, waiting, letter, stack, body, account)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	condemnAgain    = `UPDATE dead SET waiting = TRUE WHERE room = $1 AND condemned = $2`
	absolveDead     = `UPDATE dead SET waiting = FALSE WHERE room = $1 AND condemned = $2`
	selectCondemned = `SELECT condemned FROM dead WHERE room = $1 AND waiting ORDER BY id DESC LIMIT $2`
	selectDead      = `SELECT letter, stack, body FROM dead WHERE id = $1 AND length(letter) > 0`
	// A dropped letter goes, unless its message may still come: then it stays, empty, until that has been skipped.
	emptyDead    = `UPDATE dead SET letter = $2, stack = $2, body = $2 WHERE id = $1 AND length(letter) > 0`
	deleteDead   = `DELETE FROM dead WHERE id = $1 AND NOT waiting`
	absolveEmpty = `DELETE FROM dead WHERE room = $1 AND condemned = $2 AND length(letter) = 0`
)

// bury keeps what a commit gives up, and notes what it has skipped.
func bury(ctx context.Context, q querier, c *store.Commit) error {
	for i := range c.Dead {
		if err := insertLetter(ctx, q, &c.Dead[i]); err != nil {
			return err
		}
	}
	for _, key := range c.Absolve {
		for _, statement := range []string{absolveDead, absolveEmpty} {
			if _, err := q.exec(ctx, statement, c.Room, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertLetter(ctx context.Context, q querier, l *store.DeadLetter) error {
	short := *l
	short.Error = cut(l.Error, store.MaxDeadError)
	short.Stack, short.Body = "", nil
	short.SentAt, short.GivenUp = encodable(l.SentAt), encodable(l.GivenUp)
	letter, err := json.Marshal(short) // makes all text valid UTF-8
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	condemned := any(nil)
	if l.Condemned != "" {
		condemned = l.Condemned
	}
	stack, body := []byte(cut(l.Stack, store.MaxDeadStack)), l.Body
	if body == nil {
		body = []byte{}
	}
	n, err := q.exec(ctx, insertDead, l.ID, l.Room, l.Game, condemned, l.Condemned != "", letter, stack, body, strings.ToValidUTF8(l.User, ""))
	if err == nil && n == 0 && l.Condemned != "" {
		_, err = q.exec(ctx, condemnAgain, l.Room, l.Condemned)
	}
	return err
}

// encodable is t, or no time where JSON has none for it: a message from who knows where must not keep its letter from
// being written, as the room would then never get past it.
func encodable(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// cut is at most most bytes of s, without half a character.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

// text reports whether PostgreSQL would take s for text.
func text(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func condemned(ctx context.Context, q querier, room string) (keys []string, err error) {
	err = all(ctx, q, selectCondemned, []any{room, mostCondemned}, func(rows *stdsql.Rows) error {
		var key string
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// DeadLetters implements [store.DeadLetters]. The cursor is the id of the last letter given.
func (s *Store) DeadLetters(ctx context.Context, f store.DeadFilter, cursor string, limit int) ([]store.DeadLetter, string, error) {
	limit = min(max(limit, 1), 100)
	if !text(cursor) {
		return nil, "", s.failed(ctx, "list dead letters", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
	}
	if !text(f.Room) || !text(f.Game) {
		return nil, "", nil // nothing has such a name
	}
	query := `SELECT letter FROM dead WHERE length(letter) > 0`
	var args []any
	for _, term := range []struct{ column, value string }{
		{"room =", f.Room}, {"game =", f.Game}, {"id <", cursor},
	} {
		if term.value == "" {
			continue
		}
		args = append(args, term.value)
		query += " AND " + term.column + " $" + strconv.Itoa(len(args))
	}
	args = append(args, limit+1)
	query += ` ORDER BY id DESC LIMIT $` + strconv.Itoa(len(args))
	var letters []store.DeadLetter
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		letters = nil
		return all(ctx, q, query, args, func(rows *stdsql.Rows) error {
			var letter []byte
			if err := rows.Scan(&letter); err != nil {
				return err
			}
			var l store.DeadLetter
			err := json.Unmarshal(letter, &l)
			letters = append(letters, l)
			return err
		})
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list dead letters", err)
	}
	if len(letters) <= limit {
		return letters, "", nil
	}
	letters = letters[:limit]
	return letters, letters[limit-1].ID, nil
}

// DeadLetter implements [store.DeadLetters].
func (s *Store) DeadLetter(ctx context.Context, id string) (l store.DeadLetter, err error) {
	if !text(id) {
		return l, s.failed(ctx, "find dead letter", store.ErrNotFound)
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		var letter, stack, body []byte
		if err := one(ctx, q, selectDead, []any{id}, &letter, &stack, &body); err != nil {
			return err
		}
		l = store.DeadLetter{}
		if err := json.Unmarshal(letter, &l); err != nil {
			return fmt.Errorf("decode dead letter: %w", err)
		}
		l.Stack, l.Body = string(stack), body
		return nil
	})
	return l, s.failed(ctx, "find dead letter", err)
}

// DropDeadLetter implements [store.DeadLetters]. What is condemned stays so.
func (s *Store) DropDeadLetter(ctx context.Context, id string) error {
	if !text(id) {
		return s.failed(ctx, "drop dead letter", store.ErrNotFound)
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, emptyDead, id, []byte{})
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		if err == nil {
			_, err = q.exec(ctx, deleteDead, id)
		}
		return err
	})
	return s.failed(ctx, "drop dead letter", err)
}
