package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// A commit holds its record: the numbers of a room's postings have no doubles.
	countPosting = `UPDATE records SET postings = postings + 1 WHERE room = $1 RETURNING postings`
)

// addResult keeps what accounts count within bounds that all may add up: an overflow would fail the room's commit for ever.
var addResult = func() string {
	var set []string
	for i, column := range []string{"exp", "win", "lose", "draw"} {
		sum := fmt.Sprintf("%s + $%d", column, i+2)
		set = append(set, fmt.Sprintf("%s = CASE WHEN %s > %d THEN %d WHEN %s < -%d THEN -%d ELSE %s END",
			column, sum, store.MaxBalance, store.MaxBalance, sum, store.MaxBalance, store.MaxBalance, sum))
	}
	return "UPDATE accounts SET " + strings.Join(set, ", ") + " WHERE id = $1"
}()

// roomReason is the reason of what a room's commit has posted.
const roomReason = "room"

// gain is all that one commit does to one account.
type gain struct {
	award store.Award            // without Gold
	items map[string]store.Grant // by item
}

// gains gathers what c does, by user.
func gains(c *store.Commit) map[string]*gain {
	by := map[string]*gain{}
	of := func(user string) *gain {
		if by[user] == nil {
			by[user] = &gain{items: map[string]store.Grant{}}
		}
		return by[user]
	}
	for _, a := range c.Awards {
		sum := &of(a.User).award
		sum.Exp = cutAmount(sum.Exp + cutAmount(a.Exp))
		sum.Win = cutAmount(sum.Win + cutAmount(a.Win))
		sum.Lose = cutAmount(sum.Lose + cutAmount(a.Lose))
		sum.Draw = cutAmount(sum.Draw + cutAmount(a.Draw))
		add(of(a.User).items, store.Grant{Item: store.Gold, Count: a.Gold})
	}
	for _, g := range c.Grants {
		add(of(g.User).items, g)
	}
	return by
}

// add adds g to what was given before; of several limits the lowest counts.
func add(items map[string]store.Grant, g store.Grant) {
	before := items[g.Item]
	items[g.Item] = store.Grant{
		Count: cutAmount(before.Count + cutAmount(g.Count)),
		Limit: min(limit(before.Limit), limit(g.Limit)),
	}
}

// cutAmount is n within what one entry, or one award, may be.
func cutAmount(n int64) int64 { return min(max(n, -store.MaxBalance), store.MaxBalance) }

// effect does a commit's awards and grants, and posts what they have changed of gold and items. Nothing of it can be
// refused, as the room could then never get past the message: what can't be is cut, what makes no sense is told and left.
func (s *Store) effect(ctx context.Context, q querier, c *store.Commit) error {
	if len(c.Awards) == 0 && len(c.Grants) == 0 {
		return nil
	}
	all := gains(c)
	var lines []store.LedgerLine
	// In one order everywhere, so that two rooms with the same players can't lock each other out.
	for _, user := range slices.Sorted(maps.Keys(all)) {
		some, err := s.give(ctx, q, c, user, all[user])
		if err != nil {
			return err
		}
		lines = append(lines, some...)
	}
	if len(lines) == 0 {
		return nil
	}
	var number int64
	if err := one(ctx, q, countPosting, []any{c.Room}, &number); err != nil {
		return err
	}
	reference := fmt.Sprintf("room/%s/%d-%d/%d", c.Room, c.Epoch, c.N, number)
	return book(ctx, q, reference, roomReason, time.Now(), lines)
}

// give does what a commit does to one account.
func (s *Store) give(ctx context.Context, q querier, c *store.Commit, user string, g *gain) (lines []store.LedgerLine, err error) {
	unknown := func() { s.log.Warn("award to an unknown user skipped", "room", c.Room, "user", user) }
	if user == store.House || !text(user) {
		unknown()
		return nil, nil
	}
	a := &g.award
	if g.items[store.Gold].Count == 0 {
		delete(g.items, store.Gold) // most awards have none
	}
	var gold int64
	if len(g.items) > 0 {
		if gold, err = s.lockGold(ctx, q, user); errors.Is(err, stdsql.ErrNoRows) {
			unknown()
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if a.Exp != 0 || a.Win != 0 || a.Lose != 0 || a.Draw != 0 {
		n, err := q.exec(ctx, addResult, user, a.Exp, a.Win, a.Lose, a.Draw)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			unknown()
			return nil, nil
		}
	}
	for _, item := range slices.Sorted(maps.Keys(g.items)) {
		asked := g.items[item]
		if asked.Count == 0 {
			continue
		}
		if !word(item) {
			s.log.Error("grant of what is no item skipped", "room", c.Room, "user", user, "item", item)
			continue
		}
		have, err := held(ctx, q, user, item, gold)
		if err != nil {
			return nil, err
		}
		after := within(have, asked.Count, limit(asked.Limit))
		l := store.LedgerLine{Account: user, Item: item, Amount: after - have, Asked: asked.Count, Balance: after}
		if err := keepBalance(ctx, q, &l); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// within is have changed by what is asked for, as far as it may be: not below zero, and not raised above most.
func within(have, asked, most int64) int64 {
	if asked < 0 {
		return max(have+asked, 0)
	}
	return max(have, min(have+asked, most))
}

// book posts lines whose balances are kept already, and the house's side of them.
func book(ctx context.Context, q querier, reference, reason string, at time.Time, lines []store.LedgerLine) error {
	sums := map[string]int64{}
	for _, l := range lines {
		sums[l.Item] -= l.Amount
	}
	for _, item := range slices.Sorted(maps.Keys(sums)) {
		if sum := sums[item]; sum != 0 {
			lines = append(lines, store.LedgerLine{Account: store.House, Item: item, Amount: sum, Asked: sum})
		}
	}
	var id int64
	if err := one(ctx, q, insertPosting, []any{reference, reason, at.UnixMicro()}, &id); err != nil {
		return fmt.Errorf("post %s: %w", reference, err)
	}
	for i := range lines {
		lines[i].Posting = id
	}
	return insertEntries(ctx, q, lines)
}
