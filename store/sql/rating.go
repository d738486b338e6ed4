package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"time"

	"github.com/madang-games/madang/skill"
	"github.com/madang-games/madang/store"
)

const (
	selectRating  = `SELECT value, deviation, volatility, matches, at FROM ratings WHERE account = $1 AND game = $2 AND mode = $3`
	selectRatings = `SELECT game, mode, value, deviation, volatility, matches, at FROM ratings WHERE account = $1 ORDER BY game, mode`
	setRating     = `INSERT INTO ratings (account, game, mode, value, deviation, volatility, matches, at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
		ON CONFLICT (account, game, mode) DO UPDATE SET value = excluded.value, deviation = excluded.deviation,
			volatility = excluded.volatility, matches = ratings.matches + 1, at = excluded.at`
)

// rate changes the ratings of those who have played a match, are there, and are locked.
func (s *Store) rate(ctx context.Context, q querier, o *store.Outcome, there map[string]bool) error {
	if !text(o.Game) || !text(o.Mode) {
		return nil
	}
	var sides []skill.Side
	var users [][]string
	var ats []time.Time
	seen := map[string]bool{}
	for _, side := range o.Sides {
		to := skill.Side{Place: side.Place}
		var known []string
		for _, user := range side.Users {
			if !there[user] || seen[user] {
				continue
			}
			seen[user] = true
			r, at, err := ratingAt(ctx, q, user, o)
			if err != nil {
				return err
			}
			to.Players, known, ats = append(to.Players, r), append(known, user), append(ats, at)
		}
		if len(known) > 0 {
			sides, users = append(sides, to), append(users, known)
		}
	}
	if len(sides) < 2 {
		return nil
	}
	i := 0
	for side, after := range skill.Match(sides) {
		for n, r := range after {
			if _, err := q.exec(ctx, setRating, users[side][n], o.Game, o.Mode, r.Value, r.Deviation, r.Volatility, ats[i].UnixMicro()); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

// ratingAt is a player's rating when a match has ended, or at its newest match if that was later.
func ratingAt(ctx context.Context, q querier, user string, o *store.Outcome) (r skill.Rating, at time.Time, err error) {
	var matches, since int64
	err = one(ctx, q, selectRating, []any{user, o.Game, o.Mode}, &r.Value, &r.Deviation, &r.Volatility, &matches, &since)
	if errors.Is(err, stdsql.ErrNoRows) {
		return skill.New(), o.At, nil
	}
	if err != nil {
		return r, at, err
	}
	if at = fromMicros(since); o.At.After(at) {
		r, at = r.Rested(o.At.Sub(at)), o.At
	}
	return r, at, nil
}

// Ratings implements [store.Ranks].
func (s *Store) Ratings(ctx context.Context, user string) (ratings []store.Rating, err error) {
	if !text(user) {
		return nil, nil
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		ratings = nil
		return all(ctx, q, selectRatings, []any{user}, func(rows *stdsql.Rows) error {
			var r store.Rating
			var at int64
			err := rows.Scan(&r.Game, &r.Mode, &r.Value, &r.Deviation, &r.Volatility, &r.Matches, &at)
			r.At = fromMicros(at)
			ratings = append(ratings, r)
			return err
		})
	})
	return ratings, s.failed(ctx, "read ratings", err)
}
