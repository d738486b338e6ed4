package lobby

import (
	"context"
	"time"

	"github.com/madang-games/madang/store"
)

// noDoors is a store whose rooms are open to all and nobody's.
type noDoors struct{}

func (noDoors) TakeSeatByCode(context.Context, string, string, time.Time) (store.Seat, error) {
	return store.Seat{}, store.ErrNotFound
}

func (noDoors) TakeSpectatorSeat(context.Context, string, string, time.Time) (store.Seat, error) {
	return store.Seat{}, store.ErrRoomFull
}

func (noDoors) MoveSeat(context.Context, string, string, string, time.Time) (taken, left store.Seat, err error) {
	return taken, left, store.ErrNotSeated
}

func (noDoors) Invite(context.Context, store.Invitation, time.Time) error { return store.ErrNotSeated }

func (noDoors) Invited(context.Context, string, string, time.Time) (bool, error) { return false, nil }

func (noDoors) Kick(context.Context, string, string, string, bool, time.Time) (store.Seat, error) {
	return store.Seat{}, store.ErrNotOwner
}

func (noDoors) Unban(context.Context, string, string, string) error { return store.ErrNotOwner }

func (noDoors) Bans(context.Context, string, string) ([]store.Ban, error) {
	return nil, store.ErrNotOwner
}

func (noDoors) PassRoom(context.Context, string, string, string) error { return store.ErrNotOwner }

func (noDoors) RenewCode(context.Context, string, string, string) error { return store.ErrNotOwner }
