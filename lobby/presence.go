package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// maxWatchers is how many friends are told at most that a player shows or hides.
const maxWatchers = 200

// lives reports whether a process is there. As long as this one has not heard itself on the board, and a while longer, until
// everybody has spoken, it believes everybody to be.
func (s *Service) lives(process string) bool {
	now := s.config.Now()
	since := s.hearing.Load()
	if since == nil || now.Sub(*since) < broker.DefaultMissing || !s.roster.Has(s.config.Process, now, broker.DefaultMissing) {
		return true
	}
	return s.roster.Has(process, now, broker.DefaultMissing)
}

// presentOf is where these players are, of each the newest connection to a gateway that is there; offline is who is left out.
func (s *Service) presentOf(ctx context.Context, users []string) (map[string]broker.Present, error) {
	present := map[string]broker.Present{}
	if len(users) == 0 {
		return present, nil
	}
	found, err := s.config.Store.Presences(ctx, users)
	for _, p := range found { // the newest of each first
		if _, known := present[p.User]; !known && s.lives(p.Gateway) {
			present[p.User] = broker.Present{Online: true, Since: p.Since, Game: p.Game, Room: p.Room}
		}
	}
	return present, err
}

// contactJSON is how a player may be reached.
type contactJSON struct {
	Appear   string `json:"appear"`
	Messages string `json:"messages"`
}

func contactOf(c store.Contact) contactJSON {
	out := contactJSON{"online", "friends"}
	if c.Hidden {
		out.Appear = "offline"
	}
	if c.Strangers {
		out.Messages = "anyone"
	}
	return out
}

// contact is GET /user/contact.
func (s *Service) contact(c *Context) error {
	said, err := s.config.Store.Contact(c.ctx, c.session.User)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, contactOf(said))
}

// changeContact is PATCH /user/contact: what is given changes.
func (s *Service) changeContact(c *Context) error {
	var in struct {
		Appear   *string `json:"appear"`
		Messages *string `json:"messages"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	choose := func(word *string, yes, no string) (*bool, error) {
		if word == nil {
			return nil, nil
		}
		if *word != yes && *word != no {
			return nil, badRequest.because("It is %q or %q.", no, yes)
		}
		is := *word == yes
		return &is, nil
	}
	hidden, err := choose(in.Appear, "offline", "online")
	if err != nil {
		return err
	}
	strangers, err := choose(in.Messages, "anyone", "friends")
	if err != nil {
		return err
	}
	user := c.session.User
	err = s.transact(c.ctx, func(ctx context.Context) error {
		watchers, err := s.config.Store.Watchers(ctx, []string{user}, maxWatchers) // none, if it hides already
		if err != nil {
			return err
		}
		was, is, err := s.config.Store.SetContact(ctx, user, hidden, strangers)
		if errors.Is(err, store.ErrNotFound) {
			return notSignedIn
		}
		if err != nil {
			return err
		}
		if was.Hidden && !is.Hidden {
			if watchers, err = s.config.Store.Watchers(ctx, []string{user}, maxWatchers); err != nil {
				return err
			}
		}
		if was.Hidden != is.Hidden && len(watchers[user]) > 0 {
			afterwards(ctx, func(ctx context.Context) { s.tellWatchers(ctx, user, watchers[user]) })
		}
		return c.JSON(http.StatusOK, contactOf(is))
	})
	return err
}

// tellWatchers tells friends where a player is, as they may see it. It is of the moment: who is not told sees it in the list.
func (s *Service) tellWatchers(ctx context.Context, user string, watchers []string) {
	present, err := s.presentOf(ctx, []string{user})
	if err == nil {
		p := present[user]
		p.User = user
		var body []byte
		if body, err = json.Marshal(p); err == nil {
			told := make([]broker.Told, len(watchers))
			for i, watcher := range watchers {
				told[i] = broker.Told{User: watcher, Type: broker.TypePresence, Body: body, At: s.config.Now().UnixMilli()}
			}
			err = s.say(ctx, told)
		}
	}
	if err != nil {
		s.config.Log.Warn("friends were not told that a player shows or hides", "user", user, "error", err)
	}
}
