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
	About     string    `json:"about"`
	Picture   int64     `json:"picture"`
}

func userOf(a store.Account) userJSON {
	return userJSON{
		ID: a.ID, Name: a.Name, Guest: a.Guest, Level: a.Level, Exp: a.Exp,
		Win: a.Win, Lose: a.Lose, Draw: a.Draw, Gold: a.Gold, CreatedAt: a.CreatedAt.UTC(),
		About: a.About, Picture: a.Picture,
	}
}

// account is the account of this identity. If there is none it makes one, called name, or a made-up name if that is "".
func (s *Service) account(ctx context.Context, identity store.Identity, name string) (_ store.Account, created bool, err error) {
	if identity.Subject != "" {
		account, err := s.config.Store.AccountByIdentity(ctx, identity)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return account, false, err
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return store.Account{}, false, fmt.Errorf("make an account id: %w", err)
	}
	fresh := store.Account{ID: id.String(), Name: name, Guest: identity.Platform == platformGuest, Level: 1, CreatedAt: s.config.Now()}
	if name != "" {
		fresh.Look = look(name)
		return s.config.Store.CreateAccount(ctx, fresh, identity)
	}
	for try := range madeUpTries {
		fresh.Name = madeUpName(try)
		fresh.Look = look(fresh.Name)
		account, created, err := s.config.Store.CreateAccount(ctx, fresh, identity)
		if !errors.Is(err, store.ErrNameTaken) {
			return account, created, err
		}
	}
	return store.Account{}, false, fmt.Errorf("%d made-up names were all taken", madeUpTries)
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
		rooms = append(rooms, satJSON{at.Room, *at.Seat, at.Stomp, at.Code})
	}
	return c.JSON(http.StatusOK, struct {
		User  userJSON  `json:"user"`
		Rooms []satJSON `json:"rooms"`
	}{userOf(account), rooms})
}

// maxUserRooms is how many of a player's rooms GET /user shows, the oldest seats first.
const maxUserRooms = 100
