package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

var (
	unreachable = entry(403, "unreachable", "The player can't be reached", "This player can't be reached by you.")
	notAsked    = entry(404, "not_asked", "There is no request", "This player has not asked to be friends.")
	tooMany     = entry(409, "too_many", "There are too many", "One of the two has as many of these as may be.")
)

// noteFriend tells of a request, and of a friendship.
const noteFriend = "$friend"

// Requests to be friends and direct messages are limited together, by player.
const (
	turnEvery   = time.Second
	turnsAtOnce = 20
)

// friendJSON is another player as one sees it.
type friendJSON struct {
	User     string          `json:"user"`
	Name     string          `json:"name"`
	State    store.Relation  `json:"state"`
	Since    time.Time       `json:"since"`
	Presence *broker.Present `json:"presence,omitempty"` // of friends
}

func friendOf(r store.Related) friendJSON {
	return friendJSON{User: r.User, Name: r.Name, State: r.Relation, Since: r.Since}
}

// turn counts one more thing that the player does to others. The error is rate_limited.
func (s *Service) turn(ctx context.Context, user string) error {
	wait, err := s.config.Store.TakeTurn(ctx, user, s.config.Now(), turnEvery, turnsAtOnce)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notSignedIn
	case err == nil && wait > 0:
		return rateLimited.after(wait).because("Too many requests and messages to others.")
	}
	return err
}

// reach does something to another player, in one transaction with the player's turn. That is counted also when the other
// can't be reached.
func (s *Service) reach(c *Context, do func(ctx context.Context) error) error {
	var refused error
	err := s.transact(c.ctx, func(ctx context.Context) error {
		refused = nil
		if err := s.turn(ctx, c.session.User); err != nil {
			return err
		}
		if err := s.transact(ctx, do); errors.As(err, new(*problem)) {
			refused = err
		} else {
			return err
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return err
}

// otherOf is the player whom the path names, who is not the one who asks.
func (c *Context) otherOf() (string, error) {
	other := c.Param("user")
	switch {
	case !goodID.MatchString(other):
		return "", userNotFound
	case other == c.session.User:
		return "", badRequest.because("That is the player itself.")
	}
	return other, nil
}

// relationProblem is what a player sees of a change that was refused.
func relationProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return userNotFound
	case errors.Is(err, store.ErrBlocked):
		return unreachable
	case errors.Is(err, store.ErrTooMany):
		return tooMany
	}
	return err
}

// listFriends is GET /user/friends.
func (s *Service) listFriends(c *Context) error {
	cursor, limit, err := c.page()
	if err != nil {
		return err
	}
	state := store.Relation(c.Query("state"))
	switch state {
	case store.Stranger, store.Asked, store.Asking, store.Friend, store.Blocking:
	default:
		return badRequest.because("The state is \"friends\", \"asked\", \"asking\" or \"blocked\".")
	}
	found, next, err := s.config.Store.Relations(c.ctx, c.session.User, state, cursor, limit)
	if errors.Is(err, store.ErrNotFound) {
		return badCursor
	}
	if err != nil {
		return err
	}
	var friends []string
	for _, r := range found {
		if r.Relation == store.Friend {
			friends = append(friends, r.User)
		}
	}
	present, err := s.presentOf(c.ctx, friends)
	if err != nil {
		return err
	}
	out := make([]friendJSON, len(found))
	for i, r := range found {
		if out[i] = friendOf(r); r.Relation == store.Friend {
			p := present[r.User]
			out[i].Presence = &p
		}
	}
	return c.JSON(http.StatusOK, struct {
		Friends []friendJSON `json:"friends"`
		Next    string       `json:"next"` // the cursor of the next page; "" after the last
	}{out, next})
}

// askFriend is POST /user/friends: by id, or by name.
func (s *Service) askFriend(c *Context) error {
	var in struct {
		User string `json:"user"`
		Name string `json:"name"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if (in.User == "") == (in.Name == "") {
		return badRequest.because("Give the user or the name.")
	}
	if len(in.Name) > 8*maxName {
		return userNotFound
	}
	return s.befriend(c, func(ctx context.Context) (string, error) {
		if in.Name == "" {
			return in.User, nil
		}
		id, err := s.config.Store.UserNamed(ctx, in.Name)
		if errors.Is(err, store.ErrNotFound) {
			err = userNotFound
		}
		return id, err
	}, false)
}

// acceptFriend is POST /user/friends/:user/accept.
func (s *Service) acceptFriend(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	other, err := c.otherOf()
	if err != nil {
		return err
	}
	return s.befriend(c, func(context.Context) (string, error) { return other, nil }, true)
}

// befriend asks the other, or agrees, tells it, and answers with how the two stand.
func (s *Service) befriend(c *Context, find func(context.Context) (string, error), agree bool) error {
	var r store.Related
	err := s.reach(c, func(ctx context.Context) error {
		other, err := find(ctx)
		switch {
		case err != nil:
			return err
		case !goodID.MatchString(other):
			return userNotFound
		case other == c.session.User:
			return badRequest.because("That is the player itself.")
		}
		var changed bool
		r, changed, err = s.config.Store.Befriend(ctx, c.session.User, other, agree, s.config.Now())
		switch {
		case agree && errors.Is(err, store.ErrNotFound):
			return notAsked
		case err != nil:
			return relationProblem(err)
		case !changed:
			return nil
		}
		state := store.Friend
		if r.Relation == store.Asked {
			state = store.Asking
		}
		body, err := json.Marshal(struct {
			State store.Relation `json:"state"`
			User  string         `json:"user"`
			Name  string         `json:"name"`
		}{state, c.session.User, c.session.Name})
		if err != nil {
			return err
		}
		return s.notify(ctx, store.Note{User: other, Type: noteFriend, Body: body})
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Friend friendJSON `json:"friend"`
	}{friendOf(r)})
}

// endFriend is DELETE /user/friends/:user: a friendship, a request of one's own, or one of the other's.
func (s *Service) endFriend(c *Context) error {
	return s.settle(c, func(ctx context.Context, other string) error {
		_, err := s.config.Store.Unfriend(ctx, c.session.User, other)
		return err
	})
}

// block is PUT /user/blocks/:user. The other is told nothing.
func (s *Service) block(c *Context) error {
	return s.settle(c, func(ctx context.Context, other string) error {
		_, err := s.config.Store.Block(ctx, c.session.User, other, s.config.Now())
		return err
	})
}

// unblock is DELETE /user/blocks/:user.
func (s *Service) unblock(c *Context) error {
	return s.settle(c, func(ctx context.Context, other string) error {
		return s.config.Store.Unblock(ctx, c.session.User, other)
	})
}

// settle does what is between the player and the one whom the path names, which that one is not told.
func (s *Service) settle(c *Context, do func(ctx context.Context, other string) error) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	other, err := c.otherOf()
	if err != nil {
		return err
	}
	if err := do(c.ctx, other); err != nil {
		return relationProblem(err)
	}
	return c.NoContent()
}
