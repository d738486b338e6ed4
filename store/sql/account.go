package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/madang-games/madang/store"
)

// expPerLevel is how much experience lifts a player by one level.
const expPerLevel = 100

const accountColumns = `a.id, a.name, a.guest, a.exp, a.gold, a.win, a.lose, a.draw, a.created_at, COALESCE(a.look, ''), a.about, a.picture`

const (
	selectAccount    = `SELECT ` + accountColumns + ` FROM accounts a WHERE a.id = $1 AND a.deleted_at IS NULL`
	selectByIdentity = `SELECT ` + accountColumns + ` FROM identities i JOIN accounts a ON a.id = i.account
		WHERE i.platform = $1 AND i.subject = $2 AND a.deleted_at IS NULL`
	insertAccount = `INSERT INTO accounts (id, name, folded, guest, exp, gold, win, lose, draw, created_at, look, about, picture)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`
	insertIdentity = `INSERT INTO identities (platform, subject, account, secret) VALUES ($1, $2, $3, $4)
		ON CONFLICT (platform, subject) DO NOTHING`
)

// fold is the form of a name in which names that differ in case, or in how their letters are composed, are the same
// (Unicode 3.13, default caseless matching of compatibility-equivalent text).
func fold(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
}

func level(exp int64) int64 { return 1 + max(exp, 0)/expPerLevel }

func account(ctx context.Context, q querier, query string, args ...any) (store.Account, error) {
	var a store.Account
	var created int64
	err := one(ctx, q, query, args, &a.ID, &a.Name, &a.Guest, &a.Exp, &a.Gold, &a.Win, &a.Lose, &a.Draw, &created,
		&a.Look, &a.About, &a.Picture)
	if err != nil {
		return store.Account{}, err
	}
	a.Level, a.CreatedAt = level(a.Exp), fromMicros(created)
	return a, nil
}

// CreateAccount implements [store.Accounts]. The level is derived from a.Exp.
func (s *Store) CreateAccount(ctx context.Context, a store.Account, id store.Identity) (store.Account, bool, error) {
	var kept store.Account
	var created bool
	look := stdsql.NullString{String: a.Look, Valid: a.Look != ""}
	again := errors.New("the identity has just been made by somebody else")
	create := func(ctx context.Context, q querier) (err error) {
		created = false
		if id.Subject != "" {
			kept, err = account(ctx, q, selectByIdentity, id.Platform, id.Subject)
			if !errors.Is(err, stdsql.ErrNoRows) {
				return err
			}
		}
		n, err := q.exec(ctx, insertAccount,
			a.ID, a.Name, fold(a.Name), a.Guest, a.Exp, a.Gold, a.Win, a.Lose, a.Draw, a.CreatedAt.UnixMicro(),
			look, a.About, a.Picture)
		if err != nil {
			return err
		}
		if n == 0 {
			// Perhaps the same player has got it a moment ago, by the same identity.
			if id.Subject != "" {
				kept, err = account(ctx, q, selectByIdentity, id.Platform, id.Subject)
				if !errors.Is(err, stdsql.ErrNoRows) {
					return err
				}
			}
			return store.ErrNameTaken
		}
		if id.Subject != "" {
			n, err := q.exec(ctx, insertIdentity, id.Platform, id.Subject, a.ID, id.Secret)
			if err != nil {
				return err
			}
			if n == 0 {
				return again
			}
		}
		if a.Gold != 0 {
			opening := []store.LedgerLine{{Account: a.ID, Item: store.Gold, Amount: a.Gold, Asked: a.Gold, Balance: a.Gold}}
			if err := book(ctx, q, "account/"+a.ID, "opening", a.CreatedAt, opening); err != nil {
				return err
			}
		}
		kept, created = a, true
		kept.Level, kept.CreatedAt = level(a.Exp), a.CreatedAt.UTC().Truncate(time.Microsecond)
		return nil
	}
	err := s.db.write(ctx, create)
	if errors.Is(err, again) {
		err = s.db.write(ctx, create) // this one finds it
	}
	if err != nil {
		return store.Account{}, false, s.failed(ctx, "create account", err)
	}
	return kept, created, nil
}

// AccountByIdentity implements [store.Accounts].
func (s *Store) AccountByIdentity(ctx context.Context, id store.Identity) (a store.Account, err error) {
	if id.Subject == "" {
		return a, s.failed(ctx, "find account", store.ErrNotFound)
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		a, err = account(ctx, q, selectByIdentity, id.Platform, id.Subject)
		return err
	})
	return a, s.failed(ctx, "find account", err)
}

// Account implements [store.Accounts].
func (s *Store) Account(ctx context.Context, id string) (a store.Account, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		a, err = account(ctx, q, selectAccount, id)
		return err
	})
	return a, s.failed(ctx, "find account", err)
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
