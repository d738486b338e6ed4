package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// accountBanJSON is a ban of an account on the wire.
type accountBanJSON struct {
	BannedAt time.Time  `json:"banned_at"`
	Until    *time.Time `json:"until" doc:"null: for ever."`
	Reason   string     `json:"reason"`
}

func accountBanOf(b store.AccountBan) *accountBanJSON {
	j := &accountBanJSON{BannedAt: b.At.UTC(), Reason: b.Reason}
	if until := b.Until.UTC(); !b.Until.IsZero() {
		j.Until = &until
	}
	return j
}

type banAccountJSON struct {
	Until *time.Time `json:"until" doc:"When it ends, in whole seconds; left out: never."`
	because
}

type bannedJSON struct {
	Ban *accountBanJSON `json:"ban"`
}

var notBanned = adminEntry(404, "not_banned", "The account is not banned", "The account is not banned now.")

func (a *Admin) addBans() {
	const path = "/accounts/:id/ban"
	adminDo(a, "PUT", path, "account.ban", "Ban an account: its session ends everywhere, and it can't sign in. In the place of a ban that is there.", a.banAccount, nil)
	adminDo(a, "DELETE", path, "account.unban", "End a ban before its time", a.unbanAccount, nil)
}

func (a *Admin) banAccount(c *Context, in banAccountJSON) (out bannedJSON, _ deed, err error) {
	user, err := pathID(c, userNotFound)
	if err != nil {
		return out, deed{}, err
	}
	b := store.AccountBan{User: user, At: c.now()}
	if b.Reason, err = in.why(); err != nil {
		return out, deed{}, err
	}
	if in.Until != nil {
		b.Until = in.Until.UTC().Truncate(time.Second)
		if !b.Until.After(b.At) || b.Until.Year() > 9999 {
			return out, deed{}, badRequest.because("A ban ends in the future, or never.")
		}
	}
	if err := a.service.leaveSearches(c, user); err != nil {
		return out, deed{}, err
	}
	if err := a.store.BanAccount(c.ctx, b); err != nil {
		return out, deed{}, orNotFound(err, userNotFound)
	}
	c.After(func(ctx context.Context) { a.service.moved(ctx, broker.SessionMoved{User: user}) })
	return bannedJSON{accountBanOf(b)}, deed{user: user}, nil
}

func (a *Admin) unbanAccount(c *Context, in because) (_ struct{}, _ deed, err error) {
	user, err := a.findUser(c)
	if err == nil {
		err = orNotFound(a.store.UnbanAccount(c.ctx, user), notBanned)
	}
	return struct{}{}, deed{user: user}, err
}

// findUser is the id of the account that the path names, if there is such an account.
func (a *Admin) findUser(c *Context) (string, error) {
	user, err := pathID(c, userNotFound)
	if err == nil {
		_, err = a.store.Account(c.ctx, user)
		err = orNotFound(err, userNotFound)
	}
	return user, err
}

// orNotFound is err, or p where err says that something is not there.
func orNotFound(err error, p *problem) error {
	if errors.Is(err, store.ErrNotFound) {
		return p
	}
	return err
}
