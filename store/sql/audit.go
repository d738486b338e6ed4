package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"

	"github.com/madang-games/madang/store"
)

// mostFaults is how many faults of the ledger are told.
const mostFaults = 100

// Each finds faults of one kind and is one statement, so that it sees one moment. Columns: account, item, and two numbers.
var audits = []struct{ sentence, query string }{
	{"%[2]s in posting %[3]d sums to %[4]d%[1]s", `SELECT '', item, posting, CAST(SUM(amount) AS BIGINT) FROM entries
		GROUP BY posting, item HAVING SUM(amount) <> 0 LIMIT $1`},
	{"account %s: the entry of %s in posting %d leaves %d, which does not follow from the one before", `SELECT account, item, posting, balance FROM (
			SELECT account, item, posting, amount, balance,
				COALESCE(LAG(balance) OVER (PARTITION BY account, item ORDER BY posting), 0) AS before
			FROM entries WHERE account <> '') e
		WHERE before + amount <> balance OR balance < 0 LIMIT $1`},
	{"account %s: has %[3]d %[2]s, its entries say %[4]d", `SELECT COALESCE(k.account, e.account), COALESCE(k.item, e.item), COALESCE(k.amount, 0), COALESCE(e.balance, 0)
		FROM (SELECT id AS account, 'gold' AS item, gold AS amount FROM accounts
				UNION ALL SELECT account, item, amount FROM balances) k
			FULL JOIN (SELECT account, item, balance FROM (
				SELECT account, item, balance, ROW_NUMBER() OVER (PARTITION BY account, item ORDER BY posting DESC) AS place
				FROM entries WHERE account <> '') l WHERE place = 1) e
			ON e.account = k.account AND e.item = k.item
		WHERE COALESCE(k.amount, 0) <> COALESCE(e.balance, 0) LIMIT $1`},
	{"account %s: an entry of %s belongs to posting %d, which is not there (amount %d)", `SELECT e.account, e.item, e.posting, e.amount FROM entries e
		WHERE NOT EXISTS (SELECT 1 FROM postings p WHERE p.id = e.posting) LIMIT $1`},
}

// CheckLedger implements [store.Ledger].
func (s *Store) CheckLedger(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		faults = nil
		for _, a := range audits {
			err := all(ctx, q, a.query, []any{mostFaults - len(faults)}, func(rows *stdsql.Rows) error {
				var account, item string
				var one, two int64
				err := rows.Scan(&account, &item, &one, &two)
				faults = append(faults, fmt.Sprintf(a.sentence, account, item, one, two))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return faults, s.failed(ctx, "check ledger", err)
}

var _ store.Ledger = (*Store)(nil)
