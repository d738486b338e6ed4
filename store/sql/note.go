package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// Whoever has counted holds the account's count until the transaction ends: so a note's number is seen only after all
	// lower ones.
	countNotes = `INSERT INTO note_counts (account, last) SELECT id, 1 FROM accounts WHERE deleted_at IS NULL AND id IN (%s) ORDER BY id
		ON CONFLICT (account) DO UPDATE SET last = note_counts.last + 1 RETURNING account, last`
	insertNotes = `INSERT INTO notes (account, slot, n, type, body, at) VALUES %s
		ON CONFLICT (account, slot) DO UPDATE SET n = excluded.n, type = excluded.type, body = excluded.body, at = excluded.at`
	// One statement, so that it is one moment.
	selectNotes = `SELECT c.last, COALESCE(m.n, 0), COALESCE(m.type, ''), m.body, COALESCE(m.at, 0) FROM note_counts c
		LEFT JOIN notes m ON m.account = c.account AND m.n > $2 AND m.at > $3
		WHERE c.account = $1 ORDER BY m.n LIMIT $4`
	// %s keeps rows from others.
	deleteNotes = `DELETE FROM notes WHERE (account, slot) IN (SELECT account, slot FROM notes WHERE at <= $1 ORDER BY at LIMIT $2%s)`
)

// notesAtOnce is for how many users one statement keeps a note.
const notesAtOnce = 16

// noteTexts are the two statements for 1, 2, 3... users.
var noteTexts = func() (texts [notesAtOnce][2]string) {
	var rows []string
	for i := range texts {
		rows = append(rows, "("+params(6*i+1, 6)+")")
		texts[i] = [2]string{fmt.Sprintf(countNotes, params(1, i+1)), fmt.Sprintf(insertNotes, strings.Join(rows, ", "))}
	}
	return texts
}()

// noteTries: a user may be deleted between two statements.
const noteTries = 3

// Notify implements [store.Notes].
func (s *Store) Notify(ctx context.Context, notes ...store.Note) (kept []store.Note, err error) {
	for i := range notes {
		n := &notes[i]
		if len(n.Type) < 1 || len(n.Type) > 64 || !text(n.Type) || len(n.Body) > store.MaxNoteBody || !json.Valid(n.Body) {
			return nil, s.failed(ctx, "notify", fmt.Errorf("type %.40q with %d bytes: want 1 to 64 bytes of text, and JSON of at most %d",
				n.Type, len(n.Body), store.MaxNoteBody))
		}
	}
	notes = slices.DeleteFunc(slices.Clone(notes), func(n store.Note) bool { return !text(n.User) }) // nobody is called so
	slices.SortStableFunc(notes, func(a, b store.Note) int { return cmp.Compare(a.User, b.User) })
	for range noteTries {
		err = s.db.write(ctx, func(ctx context.Context, q querier) error {
			kept = make([]store.Note, 0, len(notes))
			for rest := notes; len(rest) > 0; {
				n := 1 // one note of each user at a time
				for n < min(len(rest), notesAtOnce) && rest[n].User != rest[n-1].User {
					n++
				}
				some, err := keepNotes(ctx, q, rest[:n])
				if err != nil {
					return err
				}
				kept, rest = append(kept, some...), rest[n:]
			}
			return nil
		})
		if !foreignKey(err) {
			break
		}
	}
	if err != nil {
		return nil, s.failed(ctx, "notify", err)
	}
	return kept, nil
}

// keepNotes keeps one note for each of at most notesAtOnce users.
func keepNotes(ctx context.Context, q querier, notes []store.Note) (kept []store.Note, err error) {
	users := make([]any, len(notes))
	for i, n := range notes {
		users[i] = n.User
	}
	numbers := map[string]uint64{}
	err = all(ctx, q, noteTexts[len(users)-1][0], users, func(rows *stdsql.Rows) error {
		var user string
		var n uint64
		err := rows.Scan(&user, &n)
		numbers[user] = n
		return err
	})
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	var args []any
	for _, n := range notes {
		var there bool
		if n.N, there = numbers[n.User]; !there {
			continue
		}
		n.At = n.At.UTC().Truncate(time.Microsecond)
		args = append(args, n.User, int64(n.N%store.MaxNotes), int64(n.N), n.Type, []byte(n.Body), n.At.UnixMicro())
		kept = append(kept, n)
	}
	_, err = q.exec(ctx, noteTexts[len(kept)-1][1], args...)
	return kept, err
}

// Notes implements [store.Notes].
func (s *Store) Notes(ctx context.Context, user string, after uint64, now time.Time, limit int) (notes []store.Note, last uint64, err error) {
	if !text(user) {
		return nil, 0, nil
	}
	limit = min(limit, store.MaxNotes)
	if limit <= 0 {
		limit, after = 1, math.MaxInt64 // nothing but the count
	}
	args := []any{user, int64(min(after, math.MaxInt64)), now.Add(-store.NotesTime).UnixMicro(), limit}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		notes, last = nil, 0
		return all(ctx, q, selectNotes, args, func(rows *stdsql.Rows) error {
			n := store.Note{User: user}
			var at int64
			if err := rows.Scan(&last, &n.N, &n.Type, (*[]byte)(&n.Body), &at); err != nil {
				return err
			}
			if n.At = fromMicros(at); n.N > 0 {
				notes = append(notes, n)
			}
			return nil
		})
	})
	if err != nil {
		return nil, 0, s.failed(ctx, "read notes", err)
	}
	return notes, last, nil
}

// manyUsers is how many users a statement about many names.
const manyUsers = 64

// params is n parameters, the first one of them numbered from.
func params(from, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$%d", from+i)
	}
	return strings.Join(all, ", ")
}

func words[W any](all []W) []any {
	args := make([]any, len(all))
	for i, w := range all {
		args[i] = w
	}
	return args
}

// padded says the last argument again until there are n.
func padded(args []any, n int) []any {
	for last := args[len(args)-1]; len(args) < n; {
		args = append(args, last)
	}
	return args
}

// eachUsers calls do for manyUsers users at a time, padded. Users by names that nobody has are left out.
func eachUsers(users []string, do func(args []any) error) error {
	users = slices.DeleteFunc(slices.Clone(users), func(user string) bool { return !text(user) })
	for some := range slices.Chunk(users, manyUsers) {
		if err := do(padded(words(some), manyUsers)); err != nil {
			return err
		}
	}
	return nil
}

var selectCounts = `SELECT account, last FROM note_counts WHERE account IN (` + params(1, manyUsers) + `)`

// LastNotes implements [store.Notes].
func (s *Store) LastNotes(ctx context.Context, users []string) (map[string]uint64, error) {
	last := map[string]uint64{}
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return eachUsers(users, func(args []any) error {
			return all(ctx, q, selectCounts, args, func(rows *stdsql.Rows) error {
				var user string
				var n uint64
				err := rows.Scan(&user, &n)
				last[user] = n
				return err
			})
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "read last notes", err)
	}
	return last, nil
}

// ForgetNotes implements [store.Notes]. What somebody else is at is left to them.
func (s *Store) ForgetNotes(ctx context.Context, now time.Time, limit int) (int, error) {
	var gone int64
	query := fmt.Sprintf(deleteNotes, s.db.lockRow(true))
	err := s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		gone, err = q.exec(ctx, query, now.Add(-store.NotesTime).UnixMicro(), max(limit, 0))
		return err
	})
	if err != nil {
		return 0, s.failed(ctx, "forget notes", err)
	}
	return int(gone), nil
}
