package sql

import (
	"context"
	stdsql "database/sql"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectTokenKeys = `SELECT id, seed, begins FROM token_keys ORDER BY begins DESC, id DESC`
	insertTokenKey  = `INSERT INTO token_keys (id, seed, begins) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`
	dropTokenKeys   = `DELETE FROM token_keys WHERE begins < $1`
)

// TokenKeys implements [store.TokenKeys]. It writes only where there is something to change.
func (s *Store) TokenKeys(ctx context.Context, fresh []store.TokenKey, oldest time.Time) (keys []store.TokenKey, err error) {
	list := func(ctx context.Context, q querier) error {
		keys = nil
		return all(ctx, q, selectTokenKeys, nil, func(rows *stdsql.Rows) error {
			var k store.TokenKey
			var begins int64
			err := rows.Scan(&k.ID, &k.Seed, &begins)
			k.From = fromMicros(begins)
			keys = append(keys, k)
			return err
		})
	}
	err = s.db.read(ctx, list)
	missing := slices.DeleteFunc(slices.Clone(fresh), func(k store.TokenKey) bool {
		return slices.ContainsFunc(keys, func(there store.TokenKey) bool { return there.ID == k.ID })
	})
	old := slices.ContainsFunc(keys, func(k store.TokenKey) bool { return k.From.UnixMicro() < oldest.UnixMicro() })
	if err != nil || len(missing) == 0 && !old {
		return keys, s.failed(ctx, "list token keys", err)
	}
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		for _, k := range missing {
			if _, err := q.exec(ctx, insertTokenKey, k.ID, k.Seed, k.From.UnixMicro()); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, dropTokenKeys, oldest.UnixMicro()); err != nil {
			return err
		}
		return list(ctx, q)
	})
	return keys, s.failed(ctx, "keep token keys", err)
}
