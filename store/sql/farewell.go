package sql

import (
	"context"
	stdsql "database/sql"
	"math"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	insertFarewells = `INSERT INTO farewells (room, account, until)
		SELECT room, account, $2 FROM seats WHERE room = $1 AND state <> 'leaving'`
	selectFarewell = `SELECT c.epoch, c.n FROM farewells f JOIN records c ON c.room = f.room
		WHERE f.room = $1 AND f.account = $2 AND f.until > $3`
	// All of a room have one time. In one order everywhere, so that two who forget at once don't lock each other out.
	selectOver    = `SELECT DISTINCT until, room FROM farewells WHERE until <= $1 ORDER BY until, room LIMIT $2`
	dropFarewells = `DELETE FROM farewells WHERE room = $1`
)

// remember keeps who sits in a room that closes; false: nobody, or nothing is to be kept. While a room has
// farewells it has its log, and no longer.
func remember(ctx context.Context, q querier, c *store.Commit) (bool, error) {
	if c.Farewell.IsZero() {
		return false, nil
	}
	n, err := q.exec(ctx, insertFarewells, c.Room, c.Farewell.UnixMicro())
	return n > 0, err
}

// Farewell implements [store.Farewells].
func (s *Store) Farewell(ctx context.Context, room, user string, after uint64, now time.Time) (f store.Farewell, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		f = store.Farewell{}
		if err = one(ctx, q, selectFarewell, []any{room, user, now.UnixMicro()}, &f.Epoch, &f.N); err != nil {
			return err
		}
		f.Log, err = runs(ctx, q, room, f.Epoch, min(after, math.MaxInt64))
		return err
	})
	if err != nil {
		return store.Farewell{}, s.failed(ctx, "read farewell", err)
	}
	return f, nil
}

// ForgetFarewells implements [store.Farewells].
func (s *Store) ForgetFarewells(ctx context.Context, now time.Time, limit int) (int, error) {
	var over []string
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		over = nil
		return all(ctx, q, selectOver, []any{now.UnixMicro(), max(limit, 0)}, func(rows *stdsql.Rows) error {
			var until int64
			var room string
			err := rows.Scan(&until, &room)
			over = append(over, room)
			return err
		})
	})
	if err == nil && len(over) > 0 {
		err = s.db.write(ctx, func(ctx context.Context, q querier) error {
			for _, room := range over {
				for _, statement := range []string{dropFarewells, dropRoomsLog} {
					if _, err := q.exec(ctx, statement, room); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err != nil {
		return 0, s.failed(ctx, "forget farewells", err)
	}
	return len(over), nil
}
