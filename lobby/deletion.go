package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// deleteUser is DELETE /user: the account is nobody's any more at once, and gone when the rooms where it sits have let it
// go. Connections end, and the name is free.
func (s *Service) deleteUser(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	err := s.deleteAccount(c, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return err
	}
	return c.NoContent()
}

// deleteAccount does the first step of an account's deletion, and then tells those who have to know. store.ErrNotFound.
func (s *Service) deleteAccount(c *Context, user string) error {
	if err := s.leaveSearches(c, user); err != nil {
		return err
	}
	left, err := s.config.Store.DeleteAccount(c.ctx, user, s.config.Now())
	if err != nil {
		return err
	}
	c.After(func(ctx context.Context) {
		s.moved(ctx, broker.SessionMoved{User: user})
		ctx, cancel := context.WithTimeout(ctx, tellTimeout) // for all: the rest is told by Run
		defer cancel()
		for _, seat := range left {
			room, err := s.config.Store.Room(ctx, seat.Room)
			if ctx.Err() != nil {
				break
			}
			if err == nil && room.State != store.Closed {
				s.tell(ctx, room, seat, false)
			}
		}
		s.config.Log.Info("an account was deleted", "user", user, "rooms", len(left))
	})
	return nil
}

const (
	deletionsEvery = 10 * time.Second
	maxDeletions   = 200 // accounts in one round
)

// finishDeletions takes away what is left of accounts whose rooms have let them go.
func (s *Service) finishDeletions(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	gone, err := s.config.Store.FinishDeletions(ctx, s.config.Now(), maxDeletions)
	if err != nil {
		s.config.Log.Debug("deletions can't be finished yet", "error", err)
	}
	if gone > 0 {
		s.config.Log.Info("deleted accounts are gone", "accounts", gone)
	}
}
