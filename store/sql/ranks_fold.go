package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
)

// How many come before a player is counted range by range: rank_ranges says how many scores each range of places held
// when it was last counted, and rank_changes what has come and gone since. A score leaves changes and touches no range, so
// that a thousand a second never wait for one row. Now and then whoever puts a score folds the changes into the
// ranges, if nobody else is about it, and splits and joins ranges.
//
// At any moment that one statement sees, a range's n plus its changes is the number of scores in it.

const (
	foldEvery = 64   // scores, more or less
	foldMost  = 1000 // changes
	// A range with more than rangeFull scores is split into ranges of rangePiece; one with less than rangeSmall joins a
	// neighbour, unless the two would have more than rangeJoined. A million scores are some 2,000 to 4,000 ranges.
	rangeFull, rangePiece, rangeSmall, rangeJoined = 512, 256, 64, 384
	// reshapeMost is how many ranges one fold splits or joins.
	reshapeMost = 8
)

const (
	insertChange = `INSERT INTO rank_changes (board, key, since, score, n) VALUES ($1, $2, $3, $4, $5)`
	insertRange  = `INSERT INTO rank_ranges (board, key, since, score, n) VALUES ($1, $2, $3, $4, $5)`
	setRange     = `UPDATE rank_ranges SET n = $2 WHERE id = $1`
	deleteRange  = `DELETE FROM rank_ranges WHERE id = $1`
	selectRanges = `SELECT id, key, since, score, n FROM rank_ranges WHERE board = $1 ORDER BY key, since, score`
	lockBoard    = `SELECT id FROM boards WHERE id = $1`

	// The three see the same changes: nobody else sees or sets counted.
	markChanges = `UPDATE rank_changes SET counted = (SELECT r.id FROM rank_ranges r WHERE r.board = $1
			AND (r.key, r.since, r.score) <= (+rank_changes.key, +rank_changes.since, +rank_changes.score)
			ORDER BY r.key DESC, r.since DESC, r.score DESC LIMIT 1)
		WHERE board = $1 AND id IN (SELECT id FROM rank_changes WHERE board = $1 ORDER BY id LIMIT $2)`
	countChanges = `UPDATE rank_ranges SET n = rank_ranges.n + c.n
		FROM (SELECT counted, CAST(SUM(n) AS BIGINT) AS n FROM rank_changes WHERE board = $1 AND counted IS NOT NULL GROUP BY counted) c
		WHERE rank_ranges.id = c.counted AND c.n <> 0`
	dropChanges = `DELETE FROM rank_changes WHERE board = $1 AND counted IS NOT NULL`

	// What a range from one place to another holds but for changes: that number only a fold changes, whatever others put.
	countRange = `SELECT (SELECT count(*) FROM scores WHERE board = $1 AND (key, since, id) >= ($2, $3, $4) AND (key, since, id) < ($5, $6, $7))
		- COALESCE((SELECT CAST(SUM(n) AS BIGINT) FROM rank_changes
			WHERE board = $1 AND (key, since, score) >= ($2, $3, $4) AND (key, since, score) < ($5, $6, $7)), 0)`
	// The first places of pieces of a range.
	selectPieces = `SELECT key, since, id FROM (SELECT key, since, id, ROW_NUMBER() OVER (ORDER BY key, since, id) AS i FROM scores
			WHERE board = $1 AND (key, since, id) > ($2, $3, $4) AND (key, since, id) < ($5, $6, $7)) s
		WHERE i % $8 = 0 ORDER BY key, since, id`
)

// scoreRange is a row of rank_ranges.
type scoreRange struct {
	id   int64
	from place
	n    int64
}

// fold counts the changes of a board into its ranges, unless somebody else does.
func (s *Store) fold(ctx context.Context, q querier, board int64) error {
	var id int64
	err := one(ctx, q, lockBoard+s.db.lockRow(true), []any{board}, &id)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := q.exec(ctx, markChanges, board, foldMost); err != nil {
		return err
	}
	for _, statement := range []string{countChanges, dropChanges} {
		if _, err := q.exec(ctx, statement, board); err != nil {
			return err
		}
	}
	return reshape(ctx, q, board)
}

// reshape splits and joins ranges of a board that is locked.
func reshape(ctx context.Context, q querier, board int64) error {
	var ranges []scoreRange
	err := all(ctx, q, selectRanges, []any{board}, func(rows *stdsql.Rows) error {
		var r scoreRange
		err := rows.Scan(&r.id, &r.from.key, &r.from.since, &r.from.id, &r.n)
		ranges = append(ranges, r)
		return err
	})
	if err != nil {
		return err
	}
	done := 0
	for i := 0; i < len(ranges) && done < reshapeMost; i++ {
		r := &ranges[i]
		switch {
		case r.n > rangeFull:
			end := last
			if i+1 < len(ranges) {
				end = ranges[i+1].from
			}
			if err := split(ctx, q, board, *r, end); err != nil {
				return err
			}
			done++
		case i > 0 && min(r.n, ranges[i-1].n) < rangeSmall && ranges[i-1].n+r.n <= rangeJoined:
			before := ranges[i-1]
			before.n += r.n
			if _, err := q.exec(ctx, deleteRange, r.id); err != nil {
				return err
			}
			if _, err := q.exec(ctx, setRange, before.id, before.n); err != nil {
				return err
			}
			*r = before // what follows may join it too
			done++
		}
	}
	return nil
}

// last is behind every place.
var last = place{1<<63 - 1, 1<<63 - 1, 1<<63 - 1}

// split makes pieces of a range that ends before end.
func split(ctx context.Context, q querier, board int64, r scoreRange, end place) error {
	var starts []place
	err := all(ctx, q, selectPieces, append(between(board, r.from, end), rangePiece), func(rows *stdsql.Rows) error {
		var p place
		err := rows.Scan(&p.key, &p.since, &p.id)
		starts = append(starts, p)
		return err
	})
	if err != nil {
		return err
	}
	left := r.n
	for i, from := range starts {
		to := end
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		var n int64
		if err := one(ctx, q, countRange, between(board, from, to), &n); err != nil {
			return err
		}
		if _, err := q.exec(ctx, insertRange, board, from.key, from.since, from.id, n); err != nil {
			return err
		}
		left -= n
	}
	_, err = q.exec(ctx, setRange, r.id, left)
	return err
}

func between(board int64, from, to place) []any {
	return []any{board, from.key, from.since, from.id, to.key, to.since, to.id}
}
