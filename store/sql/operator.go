package sql

import (
	"context"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectByName    = `SELECT ` + accountColumns + ` FROM accounts a WHERE a.folded = $1 AND a.deleted_at IS NULL`
	selectSessionOf = `SELECT s.id, a.name, s.expires_at FROM sessions s JOIN accounts a ON a.id = s.account
		WHERE s.account = $1 AND a.deleted_at IS NULL`
	selectSeatsIn = `SELECT ` + seatColumns + ` WHERE s.room = $1 AND s.state <> 'leaving' ORDER BY s.taken, s.account`
)

// AccountByName implements [store.Operators].
func (s *Store) AccountByName(ctx context.Context, name string) (a store.Account, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		a, err = account(ctx, q, selectByName, fold(name))
		return err
	})
	return a, s.failed(ctx, "find account by name", err)
}

// SessionOf implements [store.Operators].
func (s *Store) SessionOf(ctx context.Context, user string) (store.Session, error) {
	n := store.Session{User: user}
	var expires int64
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, selectSessionOf, []any{user}, &n.ID, &n.Name, &expires)
	})
	if err != nil {
		return store.Session{}, s.failed(ctx, "find a user's session", err)
	}
	n.ExpiresAt = fromMicros(expires)
	return n, nil
}

// SeatsIn implements [store.Operators].
func (s *Store) SeatsIn(ctx context.Context, room string) ([]store.Seat, error) {
	seats, err := s.seats(ctx, selectSeatsIn, room)
	return seats, s.failed(ctx, "list the seats in a room", err)
}

// PutOut implements [store.Operators].
func (s *Store) PutOut(ctx context.Context, room, user, reason string, now time.Time) (seat store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.open(ctx, q, room); err != nil {
			return err
		}
		if _, err := q.exec(ctx, deleteRoomInvite, room, user); err != nil {
			return err
		}
		n, err := q.exec(ctx, giveUpSeat, room, user, now.UnixMicro(), reason)
		if err == nil && n == 0 {
			err = store.ErrNotSeated
		}
		if err != nil {
			return err
		}
		seat, err = seatIn(ctx, q, room, user)
		return err
	})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "put out", err)
	}
	return seat, nil
}
