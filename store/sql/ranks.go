package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectBoard = `SELECT id, lower, until FROM boards WHERE game = $1 AND mode = $2 AND period = $3`
	insertBoard = `INSERT INTO boards (game, mode, period, lower, until) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (game, mode, period) DO NOTHING RETURNING id`
	selectScore = `SELECT id, key, since FROM scores WHERE account = $1 AND board = $2`
	insertScore = `INSERT INTO scores (account, board, key, since) VALUES ($1, $2, $3, $4) RETURNING id`
	updateScore = `UPDATE scores SET key = $2, since = $3 WHERE id = $1`
)

// place is where a score stands on its board: the lower one is nearer to the top.
type place struct{ key, since, id int64 }

// board is a row of boards.
type board struct {
	id    int64
	lower bool
	until int64 // 0: never
}

// PutRanks implements [store.Ranks].
func (s *Store) PutRanks(ctx context.Context, scores []store.Score, outcomes []store.Outcome) error {
	if len(scores) > store.MaxScores || len(outcomes) > store.MaxScores {
		return fmt.Errorf("put ranks: %d scores and %d outcomes: want at most %d of each", len(scores), len(outcomes), store.MaxScores)
	}
	if len(scores)+len(outcomes) == 0 {
		return nil
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		return s.rank(ctx, q, &store.Commit{Scores: scores, Outcomes: outcomes})
	})
	return s.failed(ctx, "put ranks", err)
}

// rank puts a commit's scores and outcomes.
func (s *Store) rank(ctx context.Context, q querier, c *store.Commit) error {
	if len(c.Scores)+len(c.Outcomes) == 0 {
		return nil
	}
	there, err := s.lockPlayers(ctx, q, c)
	if err != nil {
		return err
	}
	for i := range c.Outcomes {
		if err := s.rate(ctx, q, &c.Outcomes[i], there); err != nil {
			return err
		}
	}
	return s.putScores(ctx, q, c.Scores, there)
}

// lockPlayers locks all accounts that c changes, in the order in which its other effects lock them, so that nobody else
// changes their scores and ratings meanwhile. It gives those that are there.
func (s *Store) lockPlayers(ctx context.Context, q querier, c *store.Commit) (there map[string]bool, err error) {
	there = map[string]bool{}
	for _, a := range c.Scores {
		there[a.User] = true
	}
	for _, o := range c.Outcomes {
		for _, side := range o.Sides {
			for _, user := range side.Users {
				there[user] = true
			}
		}
	}
	for _, a := range c.Awards {
		there[a.User] = true
	}
	for _, g := range c.Grants {
		there[g.User] = true
	}
	for _, user := range slices.Sorted(maps.Keys(there)) {
		err := error(stdsql.ErrNoRows)
		if text(user) {
			err = s.lockAccount(ctx, q, user)
		}
		if errors.Is(err, stdsql.ErrNoRows) {
			delete(there, user)
		} else if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// putScores puts the scores of players who are there and locked.
func (s *Store) putScores(ctx context.Context, q querier, scores []store.Score, there map[string]bool) error {
	boards, changed := map[store.Board]board{}, map[int64]int{}
	now := time.Now().UnixMicro()
	for i := range scores {
		n := &scores[i]
		if !there[n.User] || !text(n.Board.Game) || !text(n.Board.Mode) || !text(n.Board.Period) {
			continue
		}
		b, known := boards[n.Board]
		if !known {
			var err error
			if b, err = boardFor(ctx, q, n, now); err != nil {
				return err
			}
			boards[n.Board] = b
		}
		if b.id == 0 || b.until != 0 && b.until <= now {
			continue
		}
		changes, err := putScore(ctx, q, b, n)
		if err != nil {
			return err
		}
		changed[b.id] += changes
	}
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		// As seldom as this, somebody counts what has gathered; nobody waits for it.
		if rand.IntN(foldEvery) < changed[id] {
			if err := s.fold(ctx, q, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// boardFor finds the board of a score, or makes it; id 0 if it would be over already.
func boardFor(ctx context.Context, q querier, n *store.Score, now int64) (board, error) {
	b, err := findBoard(ctx, q, n.Board)
	if !errors.Is(err, stdsql.ErrNoRows) {
		return b, err
	}
	b = board{lower: n.Lower}
	var until any
	if !n.Until.IsZero() {
		if b.until = n.Until.UnixMicro(); b.until <= now {
			return board{}, nil
		}
		until = b.until
	}
	err = one(ctx, q, insertBoard, []any{n.Board.Game, n.Board.Mode, n.Board.Period, b.lower, until}, &b.id)
	if errors.Is(err, stdsql.ErrNoRows) { // another transaction was faster
		return findBoard(ctx, q, n.Board)
	}
	if err == nil {
		_, err = q.exec(ctx, insertRange, b.id, int64(math.MinInt64), int64(math.MinInt64), int64(math.MinInt64), 0)
	}
	return b, err
}

// findBoard reads a board; stdsql.ErrNoRows.
func findBoard(ctx context.Context, q querier, name store.Board) (b board, err error) {
	var until stdsql.NullInt64
	err = one(ctx, q, selectBoard, []any{name.Game, name.Mode, name.Period}, &b.id, &b.lower, &until)
	b.until = until.Int64
	return b, err
}

// putScore puts one score, and tells how many changes of places it has left to be counted.
func putScore(ctx context.Context, q querier, b board, n *store.Score) (changes int, err error) {
	var old place
	err = one(ctx, q, selectScore, []any{n.User, b.id}, &old.id, &old.key, &old.since)
	fresh := errors.Is(err, stdsql.ErrNoRows)
	if err != nil && !fresh {
		return 0, err
	}
	next := place{key: b.turn(cutScore(n.Value)), since: n.At.UnixMicro(), id: old.id}
	if fresh {
		if err := one(ctx, q, insertScore, []any{n.User, b.id, next.key, next.since}, &next.id); err != nil {
			return 0, err
		}
		return 1, change(ctx, q, b.id, next, 1)
	}
	switch n.Counts {
	case store.Sum:
		next.key = cutScore(old.key + next.key)
	case store.Last:
	default:
		next.key = min(old.key, next.key)
	}
	if next.key == old.key {
		return 0, nil
	}
	if _, err := q.exec(ctx, updateScore, next.id, next.key, next.since); err != nil {
		return 0, err
	}
	if err := change(ctx, q, b.id, old, -1); err != nil {
		return 0, err
	}
	return 2, change(ctx, q, b.id, next, 1)
}

// turn makes a score the key that orders it, and back: the best has the lowest.
func (b board) turn(value int64) int64 {
	if b.lower {
		return value
	}
	return -value
}

func cutScore(v int64) int64 { return max(-store.MaxScore, min(v, store.MaxScore)) }

func change(ctx context.Context, q querier, board int64, at place, n int64) error {
	_, err := q.exec(ctx, insertChange, board, at.key, at.since, at.id, n)
	return err
}
