package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const lineColumns = `p.id, e.account, e.item, e.amount, e.asked, e.balance, p.reason, p.reference, p.at`

const (
	// Whoever changes what an account has locks the account first, and of several the one with the lowest id.
	selectGold    = `SELECT gold FROM accounts WHERE id = $1 AND deleted_at IS NULL`
	selectBalance = `SELECT amount FROM balances WHERE account = $1 AND item = $2`
	setGold       = `UPDATE accounts SET gold = $2 WHERE id = $1`
	setBalance    = `INSERT INTO balances (account, item, amount) VALUES ($1, $2, $3)
		ON CONFLICT (account, item) DO UPDATE SET amount = excluded.amount`
	insertPosting = `INSERT INTO postings (reference, reason, at) VALUES ($1, $2, $3)
		ON CONFLICT (reference) DO NOTHING RETURNING id`
	selectPosting = `SELECT ` + lineColumns + ` FROM postings p JOIN entries e ON e.posting = p.id
		WHERE p.reference = $1 ORDER BY e.account, e.item`
)

// Post implements [store.Ledger].
func (s *Store) Post(ctx context.Context, p store.Posting) (store.Posted, error) {
	if err := checkPosting(&p); err != nil {
		return store.Posted{}, s.failed(ctx, "post", err)
	}
	p.Entries = slices.SortedFunc(slices.Values(p.Entries), func(a, b store.Entry) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Item, b.Item))
	})
	var posted store.Posted
	err := s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		posted, err = s.post(ctx, q, &p)
		return err
	})
	if err != nil {
		return store.Posted{}, s.failed(ctx, "post", err)
	}
	return posted, nil
}

// checkPosting refuses what can never be posted.
func checkPosting(p *store.Posting) error {
	if len(p.Reference) < 1 || len(p.Reference) > store.MaxReference || !text(p.Reference) {
		return fmt.Errorf("reference %.40q: want 1 to %d bytes of text", p.Reference, store.MaxReference)
	}
	if !word(p.Reason) {
		return fmt.Errorf("reason %.40q: want 1 to %d bytes of text", p.Reason, store.MaxWord)
	}
	if len(p.Entries) < 2 || len(p.Entries) > store.MaxEntries {
		return fmt.Errorf("%d entries: want 2 to %d", len(p.Entries), store.MaxEntries)
	}
	sums, seen := map[string]int64{}, map[[2]string]bool{}
	for _, e := range p.Entries {
		key := [2]string{e.Account, e.Item}
		switch {
		case !text(e.Account):
			return store.ErrNotFound
		case !word(e.Item):
			return fmt.Errorf("item %.40q: want 1 to %d bytes of text", e.Item, store.MaxWord)
		case e.Amount == 0 || e.Amount < -store.MaxBalance || e.Amount > store.MaxBalance:
			return fmt.Errorf("%d %s: want an amount of 1 to %d, or less than zero", e.Amount, e.Item, store.MaxBalance)
		case e.Limit < 0 || e.Limit > store.MaxBalance:
			return fmt.Errorf("limit %d of %s: want 0 to %d", e.Limit, e.Item, store.MaxBalance)
		case seen[key]:
			return fmt.Errorf("two entries of %s for account %q", e.Item, e.Account)
		}
		seen[key] = true
		sums[e.Item] += e.Amount // at most 2^59
	}
	for item, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("entries of %s sum to %d, want 0", item, sum)
		}
	}
	return nil
}

func word(s string) bool { return len(s) >= 1 && len(s) <= store.MaxWord && text(s) }

// post does p, whose entries are in order.
func (s *Store) post(ctx context.Context, q querier, p *store.Posting) (store.Posted, error) {
	gold := map[string]int64{}
	for _, e := range p.Entries {
		if _, locked := gold[e.Account]; locked || e.Account == store.House {
			continue
		}
		var err error
		if gold[e.Account], err = s.lockGold(ctx, q, e.Account); err != nil {
			return store.Posted{}, err
		}
	}
	var id int64 // taken under the locks, so that an account's postings rise
	err := one(ctx, q, insertPosting, []any{p.Reference, p.Reason, p.At.UnixMicro()}, &id)
	if errors.Is(err, stdsql.ErrNoRows) {
		lines, err := ledgerLines(ctx, q, selectPosting, p.Reference)
		return store.Posted{Repeated: true, Lines: lines}, err
	}
	if err != nil {
		return store.Posted{}, err
	}
	lines := make([]store.LedgerLine, len(p.Entries))
	for i, e := range p.Entries {
		l := store.LedgerLine{
			Posting: id, Account: e.Account, Item: e.Item, Amount: e.Amount, Asked: e.Amount,
			Reason: p.Reason, Reference: p.Reference, At: p.At.UTC().Truncate(time.Microsecond),
		}
		if e.Account != store.House {
			if l.Balance, err = balance(ctx, q, &e, gold[e.Account]); err != nil {
				return store.Posted{}, err
			}
		}
		lines[i] = l
	}
	for i := range lines {
		if err := keepBalance(ctx, q, &lines[i]); err != nil {
			return store.Posted{}, err
		}
	}
	return store.Posted{Lines: lines}, insertEntries(ctx, q, lines)
}

// lockGold reads an account's gold and keeps everything that it has from being changed by others.
func (s *Store) lockGold(ctx context.Context, q querier, account string) (gold int64, err error) {
	err = one(ctx, q, selectGold+s.db.lockRow(false), []any{account}, &gold)
	return gold, err
}

// held is how much an account that is locked has of an item.
func held(ctx context.Context, q querier, account, item string, gold int64) (amount int64, err error) {
	if item == store.Gold {
		return gold, nil
	}
	err = one(ctx, q, selectBalance, []any{account, item}, &amount)
	if errors.Is(err, stdsql.ErrNoRows) {
		return 0, nil
	}
	return amount, err
}

// balance is what e leaves an account with.
func balance(ctx context.Context, q querier, e *store.Entry, gold int64) (int64, error) {
	have, err := held(ctx, q, e.Account, e.Item, gold)
	if err != nil {
		return 0, err
	}
	after := have + e.Amount
	switch {
	case e.Amount < 0 && after < 0:
		return 0, &store.BalanceError{Err: store.ErrShort, Account: e.Account, Item: e.Item}
	case e.Amount > 0 && after > limit(e.Limit):
		return 0, &store.BalanceError{Err: store.ErrFull, Account: e.Account, Item: e.Item}
	}
	return after, nil
}

// limit is l, or MaxBalance for none.
func limit(l int64) int64 {
	if l <= 0 || l > store.MaxBalance {
		return store.MaxBalance
	}
	return l
}

// keepBalance makes what a line says what the account has.
func keepBalance(ctx context.Context, q querier, l *store.LedgerLine) (err error) {
	switch {
	case l.Account == store.House || l.Amount == 0:
	case l.Item == store.Gold:
		_, err = q.exec(ctx, setGold, l.Account, l.Balance)
	default:
		_, err = q.exec(ctx, setBalance, l.Account, l.Item, l.Balance)
	}
	return err
}

// entriesAtOnce is how many entries one statement inserts at most.
const entriesAtOnce = 16

// entryTexts are the statements for 1, 2, 3... entries.
var entryTexts = func() (texts [entriesAtOnce]string) {
	query := `INSERT INTO entries (account, posting, item, amount, asked, balance) VALUES`
	for i := range texts {
		n := 6 * i
		query += fmt.Sprintf(" ($%d, $%d, $%d, $%d, $%d, $%d),", n+1, n+2, n+3, n+4, n+5, n+6)
		texts[i] = strings.TrimSuffix(query, ",")
	}
	return texts
}()

func insertEntries(ctx context.Context, q querier, lines []store.LedgerLine) error {
	for some := range slices.Chunk(lines, entriesAtOnce) {
		args := make([]any, 0, 6*len(some))
		for _, l := range some {
			args = append(args, l.Account, l.Posting, l.Item, l.Amount, l.Asked, l.Balance)
		}
		if _, err := q.exec(ctx, entryTexts[len(some)-1], args...); err != nil {
			return err
		}
	}
	return nil
}

func ledgerLines(ctx context.Context, q querier, query string, args ...any) (lines []store.LedgerLine, err error) {
	err = all(ctx, q, query, args, func(rows *stdsql.Rows) error {
		var l store.LedgerLine
		var at int64
		err := rows.Scan(&l.Posting, &l.Account, &l.Item, &l.Amount, &l.Asked, &l.Balance, &l.Reason, &l.Reference, &at)
		l.At = fromMicros(at)
		lines = append(lines, l)
		return err
	})
	return lines, err
}
