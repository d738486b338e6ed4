package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	ownPlace   = `SELECT key, since, id FROM scores WHERE account = $4 AND board = $1`
	givenPlace = `SELECT CAST($4 AS BIGINT) AS key, CAST($5 AS BIGINT) AS since, CAST($6 AS BIGINT) AS id`

	// atPlace and atRange are the places of p and r below. The plus signs keep SQLite's index: it uses no more than the first
	// column to compare rows with columns of another table, but all of them to compare with expressions.
	atPlace = `(+(SELECT key FROM p), +(SELECT since FROM p), +(SELECT id FROM p))`
	atRange = `(+(SELECT key FROM r), +(SELECT since FROM r), +(SELECT score FROM r))`

	// window reads from the place %s $2 scores up and $3 down, in one statement and so at one moment, with how many come
	// before the place, and how many there are: whole ranges above the place's own, what has changed in them, and
	// the scores of its own range above it.
	window = `WITH p AS MATERIALIZED (%s),
	r AS MATERIALIZED (
		SELECT key, since, score FROM rank_ranges WHERE board = $1 AND (key, since, score) <= ` + atPlace + `
		ORDER BY key DESC, since DESC, score DESC LIMIT 1
	), b AS MATERIALIZED (
		SELECT COALESCE((SELECT CAST(SUM(n) AS BIGINT) FROM rank_ranges WHERE board = $1 AND (key, since, score) < ` + atRange + `), 0)
			+ COALESCE((SELECT CAST(SUM(n) AS BIGINT) FROM rank_changes WHERE board = $1 AND (key, since, score) < ` + atRange + `), 0)
			+ (SELECT count(*) FROM scores WHERE board = $1 AND (key, since, id) >= ` + atRange + ` AND (key, since, id) < ` + atPlace + `) AS above,
			COALESCE((SELECT CAST(SUM(n) AS BIGINT) FROM rank_ranges WHERE board = $1), 0)
			+ COALESCE((SELECT CAST(SUM(n) AS BIGINT) FROM rank_changes WHERE board = $1), 0) AS players
		FROM p
	), w AS MATERIALIZED (
		SELECT * FROM (SELECT 1 AS up, account, key, since, id FROM scores
			WHERE board = $1 AND (key, since, id) < ` + atPlace + ` ORDER BY key DESC, since DESC, id DESC LIMIT $2) u
		UNION ALL
		SELECT * FROM (SELECT 0 AS up, account, key, since, id FROM scores
			WHERE board = $1 AND (key, since, id) >= ` + atPlace + ` ORDER BY key, since, id LIMIT $3) d
	)
	SELECT b.above, b.players, COALESCE(w.up, 0), w.account, COALESCE(a.name, ''), COALESCE(w.key, 0), COALESCE(w.since, 0), COALESCE(w.id, 0)
	FROM b LEFT JOIN w ON TRUE LEFT JOIN accounts a ON a.id = w.account
	ORDER BY w.key, w.since, w.id`
)

var (
	windowAtUser  = fmt.Sprintf(window, ownPlace)
	windowAtPlace = fmt.Sprintf(window, givenPlace)
)

// view is what a window shows.
type view struct {
	players int64
	list    []store.Standing
	places  []place
	up      int // how many of the list are above the place
}

// look reads a window of a board; stdsql.ErrNoRows: its place is not there. It is around $4, a user or a place.
func look(ctx context.Context, q querier, b board, query string, up, down int, at ...any) (view, error) {
	var v view
	found, above := false, int64(0)
	err := all(ctx, q, query, append([]any{b.id, up, down}, at...), func(rows *stdsql.Rows) error {
		var user stdsql.NullString
		var st store.Standing
		var p place
		var isUp int
		if err := rows.Scan(&above, &v.players, &isUp, &user, &st.Name, &p.key, &p.since, &p.id); err != nil {
			return err
		}
		found = true
		if !user.Valid {
			return nil
		}
		st.User, st.Value, st.At = user.String, b.turn(p.key), fromMicros(p.since)
		v.list, v.places, v.up = append(v.list, st), append(v.places, p), v.up+isUp
		return nil
	})
	if err == nil && !found {
		err = stdsql.ErrNoRows
	}
	for i := range v.list {
		v.list[i].Rank = above - int64(v.up) + int64(i) + 1
	}
	return v, err
}

// onBoard runs f on a board; stdsql.ErrNoRows if it is not there.
func (s *Store) onBoard(ctx context.Context, name store.Board, f func(ctx context.Context, q querier, b board) error) error {
	return s.db.read(ctx, func(ctx context.Context, q querier) error {
		if !text(name.Game) || !text(name.Mode) || !text(name.Period) {
			return stdsql.ErrNoRows
		}
		b, err := findBoard(ctx, q, name)
		if err != nil {
			return err
		}
		if b.until != 0 && b.until <= time.Now().UnixMicro() {
			return stdsql.ErrNoRows // it may be half dropped
		}
		return f(ctx, q, b)
	})
}

// Top implements [store.Ranks]. The cursor is the place of the first score that is not on the page.
func (s *Store) Top(ctx context.Context, name store.Board, cursor string, limit int) (page store.Standings, err error) {
	from := place{math.MinInt64, math.MinInt64, math.MinInt64}
	if cursor != "" {
		if n, err := fmt.Sscanf(cursor, "%d.%d.%d", &from.key, &from.since, &from.id); n != 3 || err != nil {
			return page, s.failed(ctx, "list board", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
		}
	}
	limit = max(1, min(limit, store.MaxStandings))
	err = s.onBoard(ctx, name, func(ctx context.Context, q querier, b board) error {
		v, err := look(ctx, q, b, windowAtPlace, 0, limit+1, from.key, from.since, from.id)
		if err != nil {
			return err
		}
		page = store.Standings{Players: v.players, List: v.list}
		if len(v.list) > limit {
			p := v.places[limit]
			page.List, page.Next = v.list[:limit], fmt.Sprintf("%d.%d.%d", p.key, p.since, p.id)
		}
		return nil
	})
	if errors.Is(err, stdsql.ErrNoRows) {
		return store.Standings{}, nil
	}
	return page, s.failed(ctx, "list board", err)
}

// Around implements [store.Ranks].
func (s *Store) Around(ctx context.Context, name store.Board, user string, limit int) (page store.Standings, err error) {
	if !text(user) {
		return page, s.failed(ctx, "look around", store.ErrNotFound)
	}
	limit = max(1, min(limit, store.MaxStandings))
	err = s.onBoard(ctx, name, func(ctx context.Context, q querier, b board) error {
		v, err := look(ctx, q, b, windowAtUser, limit-1, limit, user)
		if err != nil {
			return err
		}
		// As many above as below, or what there is.
		above := min(v.up, max((limit-1)/2, limit-(len(v.list)-v.up)))
		list := v.list[v.up-above:]
		page = store.Standings{Players: v.players, List: list[:min(limit, len(list))]}
		return nil
	})
	return page, s.failed(ctx, "look around", err)
}

// Standing implements [store.Ranks].
func (s *Store) Standing(ctx context.Context, name store.Board, user string) (st store.Standing, players int64, err error) {
	page, err := s.Around(ctx, name, user, 1)
	if err != nil {
		return st, 0, err
	}
	return page.List[0], page.Players, nil
}

// StandingsOf implements [store.Ranks].
func (s *Store) StandingsOf(ctx context.Context, name store.Board, users []string) (page store.Standings, err error) {
	if len(users) > store.MaxStandings {
		return page, fmt.Errorf("look for %d players: want at most %d", len(users), store.MaxStandings)
	}
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	err = s.onBoard(ctx, name, func(ctx context.Context, q querier, b board) error {
		v, err := look(ctx, q, b, windowAtPlace, 0, 0, int64(math.MinInt64), int64(math.MinInt64), int64(math.MinInt64))
		if err != nil {
			return err
		}
		page = store.Standings{Players: v.players}
		for _, user := range users {
			if !text(user) {
				continue
			}
			v, err := look(ctx, q, b, windowAtUser, 0, 1, user)
			if errors.Is(err, stdsql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			page.List = append(page.List, v.list...)
		}
		return nil
	})
	if errors.Is(err, stdsql.ErrNoRows) {
		return store.Standings{}, nil
	}
	slices.SortStableFunc(page.List, func(a, b store.Standing) int { return int(a.Rank - b.Rank) })
	return page, s.failed(ctx, "look for players", err)
}

const (
	selectEnded = `SELECT id FROM boards WHERE until < $1 ORDER BY until LIMIT 1`
	dropScores  = `DELETE FROM scores WHERE id IN (SELECT id FROM scores WHERE board = $1 ORDER BY key, since, id LIMIT $2)`
	dropRanges  = `DELETE FROM rank_ranges WHERE board = $1`
	dropLeft    = `DELETE FROM rank_changes WHERE board = $1`
	dropBoard   = `DELETE FROM boards WHERE id = $1`
	// dropAfter is how long after its end a board may still get a score from a transaction that began before.
	dropAfter = time.Hour
)

// DropBoards implements [store.Ranks].
func (s *Store) DropBoards(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		more = false
		var id int64
		err := one(ctx, q, selectEnded+s.db.lockRow(true), []any{now.Add(-dropAfter).UnixMicro()}, &id)
		if errors.Is(err, stdsql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		n, err := q.exec(ctx, dropScores, id, limit)
		if err != nil || n == int64(limit) {
			return err
		}
		for _, statement := range []string{dropRanges, dropLeft, dropBoard} {
			if _, err := q.exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
	return more, s.failed(ctx, "drop boards", err)
}

var _ store.Ranks = (*Store)(nil)
