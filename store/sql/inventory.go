package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/madang-games/madang/store"
)

const (
	// One statement, so that it is one moment.
	selectInventory = `SELECT $2, gold FROM accounts WHERE id = $1 AND deleted_at IS NULL
		UNION ALL SELECT item, amount FROM balances WHERE account = $1 AND amount > 0`
	selectEntries = `SELECT ` + lineColumns + ` FROM entries e JOIN postings p ON p.id = e.posting
		WHERE e.account = $1 AND (e.posting, e.item) < ($2, $3) ORDER BY e.posting DESC, e.item DESC LIMIT $4`
)

// Inventory implements [store.Ledger].
func (s *Store) Inventory(ctx context.Context, account string) (store.Inventory, error) {
	var have store.Inventory
	if !text(account) {
		return have, s.failed(ctx, "read inventory", store.ErrNotFound)
	}
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		have = store.Inventory{}
		found := false
		err := all(ctx, q, selectInventory, []any{account, store.Gold}, func(rows *stdsql.Rows) error {
			var h store.Holding
			if err := rows.Scan(&h.Item, &h.Count); err != nil {
				return err
			}
			if h.Item == store.Gold {
				have.Gold, found = h.Count, true
			} else {
				have.Items = append(have.Items, h)
			}
			return nil
		})
		if err == nil && !found {
			err = store.ErrNotFound
		}
		slices.SortFunc(have.Items, func(a, b store.Holding) int { return cmp.Compare(a.Item, b.Item) })
		return err
	})
	if err != nil {
		return store.Inventory{}, s.failed(ctx, "read inventory", err)
	}
	return have, nil
}

// Ledger implements [store.Ledger]. The cursor is the posting and the item of the last line given.
func (s *Store) Ledger(ctx context.Context, account, cursor string, limit int) ([]store.LedgerLine, string, error) {
	limit = min(max(limit, 1), 100)
	posting, item := int64(math.MaxInt64), ""
	if cursor != "" {
		number, rest, cut := strings.Cut(cursor, ".")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !cut || n < 1 || !word(rest) {
			return nil, "", s.failed(ctx, "list ledger", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
		}
		posting, item = n, rest
	}
	if !text(account) {
		return nil, "", nil // nothing has such a name
	}
	var lines []store.LedgerLine
	err := s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		lines, err = ledgerLines(ctx, q, selectEntries, account, posting, item, limit+1)
		return err
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list ledger", err)
	}
	if len(lines) <= limit {
		return lines, "", nil
	}
	lines = lines[:limit]
	last := &lines[limit-1]
	return lines, fmt.Sprintf("%d.%s", last.Posting, last.Item), nil
}
