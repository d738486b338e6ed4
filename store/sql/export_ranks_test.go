package sql

import (
	"context"
	"math"

	"github.com/madang-games/madang/store"
)

// FillBoard makes n accounts, p1000000 and so on, with a score on a fresh board each: ten have the same, whoever has the lower
// number had it first. All are in one range: [Store.Fold] splits it.
func (s *Store) FillBoard(ctx context.Context, name store.Board, n int) error {
	const numbers = `WITH RECURSIVE g (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM g WHERE i + 1 < CAST($1 AS BIGINT)) `
	return s.db.write(ctx, func(ctx context.Context, q querier) error {
		b, err := boardFor(ctx, q, &store.Score{Board: name}, 0)
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `INSERT INTO accounts (id, name, folded, guest, exp, gold, win, lose, draw, created_at) `+numbers+
			`SELECT 'p' || CAST(1000000 + i AS TEXT), 'Player ' || CAST(i AS TEXT), 'player ' || CAST(i AS TEXT), TRUE, 0, 0, 0, 0, 0, 0 FROM g`, n)
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `INSERT INTO scores (account, board, key, since) `+numbers+
			`SELECT 'p' || CAST(1000000 + i AS TEXT), $2, -(i * 7919 % (CAST($1 AS BIGINT) / 10)), i FROM g`, n, b.id)
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, `UPDATE rank_ranges SET n = n + $2 WHERE board = $1 AND key = $3`, b.id, n, int64(math.MinInt64))
		return err
	})
}

// Fold counts what has changed on a board, and splits and joins ranges.
func (s *Store) Fold(ctx context.Context, name store.Board) error {
	return s.db.write(ctx, func(ctx context.Context, q querier) error {
		b, err := findBoard(ctx, q, name)
		if err != nil {
			return err
		}
		return s.fold(ctx, q, b.id)
	})
}
