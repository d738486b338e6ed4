package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"

	"github.com/madang-games/madang/skill"
	"github.com/madang-games/madang/store"
)

// A row for each player who sits there, with its skill, and at least one.
const backfillRows = `SELECT b.room, b.game, b.mode, b.wants, b.size, b.since, r.capacity, s.account, a.name, k.value
	FROM %s b JOIN rooms r ON r.id = b.room
	LEFT JOIN seats s ON s.room = b.room AND s.state <> 'leaving' AND NOT s.watch LEFT JOIN accounts a ON a.id = s.account
	LEFT JOIN ratings k ON k.account = s.account AND k.game = b.game AND k.mode = b.mode
	WHERE r.state <> 'closed'`

var (
	selectBackfill  = fmt.Sprintf(backfillRows, `backfills`) + ` AND b.room = $1 ORDER BY s.account`
	selectBackfills = fmt.Sprintf(backfillRows, `(SELECT * FROM backfills WHERE game = $1 AND mode = $2 AND room > $3 ORDER BY room LIMIT $4)`) + ` ORDER BY b.room, s.account`
)

const (
	upsertBackfill = `INSERT INTO backfills (room, game, mode, wants, size, since) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (room) DO UPDATE SET game = excluded.game, mode = excluded.mode, wants = excluded.wants, size = excluded.size`
	dropBackfill = `DELETE FROM backfills WHERE room = $1`
)

// backfills reads what rooms ask for.
func backfills(ctx context.Context, q querier, query string, args ...any) (list []store.Backfill, err error) {
	err = all(ctx, q, query, args, func(rows *stdsql.Rows) error {
		var b store.Backfill
		var since int64
		var capacity int
		var user, name stdsql.NullString
		var rating stdsql.NullFloat64
		if err := rows.Scan(&b.Room, &b.Game, &b.Mode, &b.Wants, &b.Size, &since, &capacity, &user, &name, &rating); err != nil {
			return err
		}
		if len(list) == 0 || list[len(list)-1].Room != b.Room {
			b.Since, b.Free = fromMicros(since), min(b.Size, capacity)
			list = append(list, b)
		}
		last := &list[len(list)-1]
		if user.Valid {
			p := store.TicketPlayer{User: user.String, Name: name.String, Rating: skill.Start}
			if rating.Valid {
				p.Rating = rating.Float64
			}
			last.Players, last.Free = append(last.Players, p), max(last.Free-1, 0)
		}
		return nil
	})
	return list, err
}

func backfill(ctx context.Context, q querier, room string) (store.Backfill, error) {
	list, err := backfills(ctx, q, selectBackfill, room)
	if err == nil && len(list) == 0 {
		err = stdsql.ErrNoRows
	}
	if err != nil {
		return store.Backfill{}, err
	}
	return list[0], nil
}

// PoolBackfill implements [store.Matching].
func (s *Store) PoolBackfill(ctx context.Context, p store.Pool, room string) (b store.Backfill, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		b, err = backfill(ctx, q, room)
		if err == nil && (b.Game != p.Game || b.Mode != p.Mode) {
			err = store.ErrNotFound
		}
		return err
	})
	return b, s.failed(ctx, "find backfill of pool", err)
}

// PoolBackfills implements [store.Matching].
func (s *Store) PoolBackfills(ctx context.Context, p store.Pool, after string, limit int) (list []store.Backfill, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		list, err = backfills(ctx, q, selectBackfills, p.Game, p.Mode, after, min(max(limit, 1), store.MaxTicketsAtOnce))
		return err
	})
	return list, s.failed(ctx, "list backfills of pool", err)
}

// ask does what a commit says of the players that its room asks for. Since stays as it was when the room began to ask.
func ask(ctx context.Context, q querier, c *store.Commit) error {
	b := c.Backfill
	if b == nil {
		return nil
	}
	if b.Size <= 0 {
		_, err := q.exec(ctx, dropBackfill, c.Room)
		return err
	}
	wants := b.Wants
	if wants == nil {
		wants = []byte{}
	}
	_, err := q.exec(ctx, upsertBackfill, c.Room, b.Game, b.Mode, wants, b.Size, b.Since.UnixMicro())
	return err
}
