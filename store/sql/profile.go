package sql

import (
	"context"

	"github.com/madang-games/madang/store"
)

const updateProfile = `UPDATE accounts SET name = COALESCE($2, name), folded = COALESCE($3, folded), look = COALESCE($4, look),
	about = COALESCE($5, about), picture = COALESCE($6, picture) WHERE id = $1 AND deleted_at IS NULL`

// ChangeProfile implements [store.Profiles].
func (s *Store) ChangeProfile(ctx context.Context, user string, p store.Profile) (a store.Account, err error) {
	var folded *string
	if p.Name != nil {
		text := fold(*p.Name)
		folded = &text
	}
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, updateProfile, user, p.Name, folded, p.Look, p.About, p.Picture)
		switch {
		case duplicate(err):
			return store.ErrNameTaken
		case err != nil:
			return err
		case n == 0:
			return store.ErrNotFound
		}
		a, err = account(ctx, q, selectAccount, user)
		return err
	})
	return a, s.failed(ctx, "change profile", err)
}
