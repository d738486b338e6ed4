package lobby

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

// userJSON is an account on the wire.
type userJSON struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Guest     bool      `json:"guest"`
	Level     int64     `json:"level"`
	Exp       int64     `json:"exp"`
	Win       int64     `json:"win"`
	Lose      int64     `json:"lose"`
	Draw      int64     `json:"draw"`
	Gold      int64     `json:"gold"`
	CreatedAt time.Time `json:"created_at"`
}

func userOf(a store.Account) userJSON {
	return userJSON{
		ID: a.ID, Name: a.Name, Guest: a.Guest, Level: a.Level, Exp: a.Exp,
		Win: a.Win, Lose: a.Lose, Draw: a.Draw, Gold: a.Gold, CreatedAt: a.CreatedAt.UTC(),
	}
}

// guest is the account of this identity. If there is none it makes one, called name, or a made-up name if that is "".
func (s *Service) guest(ctx context.Context, identity store.Identity, name string) (store.Account, error) {
	if identity.Subject != "" {
		account, err := s.config.Store.AccountByIdentity(ctx, identity)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return account, err
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return store.Account{}, fmt.Errorf("make an account id: %w", err)
	}
	fresh := store.Account{ID: id.String(), Name: name, Guest: true, Level: 1, CreatedAt: s.config.Now()}
	if name != "" {
		account, _, err := s.config.Store.CreateAccount(ctx, fresh, identity)
		return account, err
	}
	for try := range madeUpTries {
		fresh.Name = madeUpName(try)
		account, _, err := s.config.Store.CreateAccount(ctx, fresh, identity)
		if !errors.Is(err, store.ErrNameTaken) {
			return account, err
		}
	}
	return store.Account{}, fmt.Errorf("%d made-up names were all taken", madeUpTries)
}

// user is GET /user: the player's account, and the rooms where it sits.
func (s *Service) user(c *Context) error {
	account, err := s.config.Store.Account(c.ctx, c.session.User)
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return err
	}
	seats, err := s.config.Store.SeatsOf(c.ctx, account.ID)
	if err != nil {
		return err
	}
	rooms := []satJSON{}
	for _, seat := range seats[:min(len(seats), maxUserRooms)] {
		room, err := s.config.Store.Room(c.ctx, seat.Room)
		if errors.Is(err, store.ErrNotFound) || err == nil && room.State == store.Closed {
			continue
		}
		if err != nil {
			return err
		}
		at := c.place(room, &seat)
		rooms = append(rooms, satJSON{at.Room, *at.Seat, at.Stomp})
	}
	return c.JSON(http.StatusOK, struct {
		User  userJSON  `json:"user"`
		Rooms []satJSON `json:"rooms"`
	}{userOf(account), rooms})
}

// maxUserRooms is how many of a player's rooms GET /user shows, the oldest seats first.
const maxUserRooms = 100
