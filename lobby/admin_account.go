package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// accountJSON is an account as operators see it.
type accountJSON struct {
	User       userJSON         `json:"user"`
	Ban        *accountBanJSON  `json:"ban" doc:"null: it is not banned."`
	Session    *sessionJSON     `json:"session" doc:"null: nobody is signed in."`
	Identities []linkedJSON     `json:"identities"`
	Seats      []sitsJSON       `json:"seats" doc:"In rooms that are not closed; at most 100, the oldest first."`
	Balance    map[string]int64 `json:"balance" doc:"What it has, by item, and of gold."`
	Ratings    []ratingJSON     `json:"ratings"`
}

type sessionJSON struct {
	ExpiresAt time.Time `json:"expires_at"`
}

// sitsJSON is a seat of an account.
type sitsJSON struct {
	Room      string          `json:"room"`
	State     store.SeatState `json:"state"`
	Since     time.Time       `json:"since"`
	Spectator bool            `json:"spectator"`
}

type findAccountJSON struct {
	Name     string `json:"name" check:"max=256" doc:"The whole name, without regard to case."`
	Platform string `json:"platform" check:"max=32" doc:"With subject: the identity."`
	Subject  string `json:"subject" check:"max=255" doc:"What the platform calls the player: a device id, a login name."`
}

type foundAccountsJSON struct {
	Accounts []userJSON `json:"accounts"`
}

func (a *Admin) addAccounts() {
	adminGet(a, "/accounts", "Find an account by its name, or by platform and subject", a.findAccounts)
	adminGet(a, "/accounts/:id", "An account, and what hangs on it", a.account)
	adminDo(a, "PATCH", "/accounts/:id", "account.rename", "Give an account another name", a.renameAccount, nil)
	adminDo(a, "DELETE", "/accounts/:id", "account.delete", "Delete an account and all its data. The audit trail keeps its id, and this call's reason: put nothing personal there.", a.deleteAccount, nil)
	adminDo(a, "DELETE", "/accounts/:id/session", "account.sign_out", "End an account's session everywhere", a.endSession, nil)
}

func (a *Admin) findAccounts(c *Context, in findAccountJSON) (out foundAccountsJSON, err error) {
	var found store.Account
	switch {
	case in.Name != "" && in.Platform == "" && in.Subject == "":
		found, err = a.store.AccountByName(c.ctx, in.Name)
	case in.Name == "" && in.Platform != "" && in.Subject != "":
		if in.Platform == platformPassword {
			in.Subject = foldLogin(in.Subject)
		}
		found, err = a.store.AccountByIdentity(c.ctx, store.Identity{Platform: in.Platform, Subject: in.Subject})
	default:
		return out, badRequest.because("Give a name, or a platform and a subject.")
	}
	out.Accounts = []userJSON{}
	if err == nil {
		out.Accounts = append(out.Accounts, userOf(found))
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return out, err
}

func (a *Admin) account(c *Context, _ struct{}) (out accountJSON, err error) {
	user, err := pathID(c, userNotFound)
	if err != nil {
		return out, err
	}
	account, err := a.store.Account(c.ctx, user)
	if err != nil {
		return out, orNotFound(err, userNotFound)
	}
	out.User = userOf(account)
	// What is not there is not there: no session, no ban; the account may go while it is looked at.
	if b, err := a.store.AccountBan(c.ctx, user); err == nil {
		out.Ban = accountBanOf(b)
	} else if !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	if n, err := a.store.SessionOf(c.ctx, user); err == nil && n.ExpiresAt.After(c.now()) {
		out.Session = &sessionJSON{n.ExpiresAt.UTC()}
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	linked, err := a.store.IdentitiesOf(c.ctx, user)
	if err != nil {
		return out, err
	}
	out.Identities = make([]linkedJSON, len(linked))
	for i, l := range linked {
		out.Identities[i] = linkedJSON{l.Platform, l.LinkedAt.UTC()}
	}
	seats, err := a.store.SeatsOf(c.ctx, user)
	if err != nil {
		return out, err
	}
	seats = seats[:min(len(seats), maxUserRooms)]
	out.Seats = make([]sitsJSON, len(seats))
	for i, seat := range seats {
		out.Seats[i] = sitsJSON{seat.Room, seat.State, seat.Since.UTC(), seat.Spectator}
	}
	if out.Balance, err = c.Wallet(user).Balance(); err != nil {
		return out, err
	}
	out.Ratings, err = a.service.ratings(c, user)
	return out, err
}

type renameJSON struct {
	Name string `json:"name" check:"required,min=1,max=256"`
	because
}

type renamedJSON struct {
	User userJSON `json:"user"`
}

func (a *Admin) renameAccount(c *Context, in renameJSON) (out renamedJSON, _ deed, err error) {
	user, err := pathID(c, userNotFound)
	if err != nil {
		return out, deed{}, err
	}
	name, err := cleanName(in.Name)
	if err != nil {
		return out, deed{}, err
	}
	looks := look(name)
	account, err := a.store.ChangeProfile(c.ctx, user, store.Profile{Name: &name, Look: &looks})
	if err != nil {
		return out, deed{}, orNotFound(err, userNotFound)
	}
	return renamedJSON{userOf(account)}, deed{user: user}, nil
}

func (a *Admin) deleteAccount(c *Context, _ because) (_ struct{}, _ deed, err error) {
	user, err := pathID(c, userNotFound)
	if err == nil {
		err = orNotFound(a.service.deleteAccount(c, user), userNotFound)
	}
	return struct{}{}, deed{user: user}, err
}

var noSession = adminEntry(404, "no_session", "Nobody is signed in", "The account has no session.")

func (a *Admin) endSession(c *Context, _ because) (_ struct{}, _ deed, err error) {
	user, err := a.findUser(c)
	if err != nil {
		return struct{}{}, deed{}, err
	}
	n, err := a.store.SessionOf(c.ctx, user)
	if err != nil {
		return struct{}{}, deed{}, orNotFound(err, noSession)
	}
	if err := a.store.EndSession(c.ctx, user, n.ID); err != nil {
		return struct{}{}, deed{}, err
	}
	c.After(func(ctx context.Context) { a.service.moved(ctx, broker.SessionMoved{User: user}) })
	return struct{}{}, deed{user: user}, nil
}
