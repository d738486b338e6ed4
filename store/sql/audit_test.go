package sql_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

func TestCheckLedgerFindsWhatIsNotSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, spoil, want string }{
		{"gold from nowhere", `UPDATE accounts SET gold = gold + 1 WHERE id = 'u'`, "account u: has 71 gold, its entries say 70"},
		{"an item from nowhere", `UPDATE balances SET amount = 5`, "account u: has 5 hat, its entries say 1"},
		{"an item without entries", `INSERT INTO balances (account, item, amount) VALUES ('u', 'cap', 1)`, "account u: has 1 cap, its entries say 0"},
		{"an item that is gone", `DELETE FROM balances`, "account u: has 0 hat, its entries say 1"},
		{"one side of a posting", `UPDATE entries SET amount = amount - 1 WHERE account = '' AND item = 'hat'`, "hat in posting 2 sums to -1"},
		{"a lost side of a posting", `DELETE FROM entries WHERE account = '' AND item = 'hat'`, "hat in posting 2 sums to 1"},
		{"a lost entry", `DELETE FROM entries WHERE account = 'u' AND posting = 1`, "account u: the entry of gold in posting 2 leaves 70, which does not follow from the one before"},
		{"a lost posting", `DELETE FROM postings WHERE id = 2`, "account u: an entry of gold belongs to posting 2, which is not there (amount -30)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, dsn string) {
				s := rich(t, dsn)
				if faults, err := s.CheckLedger(t.Context()); len(faults) > 0 || err != nil {
					t.Fatalf("before: got %q, %v", faults, err)
				}
				spoil(t, dsn, c.spoil)
				faults, err := s.CheckLedger(t.Context())
				if err != nil || !slices.Contains(faults, c.want) {
					t.Errorf("got %v\n%s\nwant in it\n%s", err, strings.Join(faults, "\n"), c.want)
				}
			})
		})
	}
}

// rich opens a database in which the account u has 70 gold and a hat.
func rich(t *testing.T, dsn string) store.Store {
	t.Helper()
	s, err := opener(dsn)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, _, err := s.CreateAccount(t.Context(), store.Account{ID: "u", Name: "U", Gold: 100, CreatedAt: time.Now()}, store.Identity{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Post(t.Context(), store.Posting{Reference: "r", Reason: "test", At: time.Now(), Entries: []store.Entry{
		{Account: "u", Item: store.Gold, Amount: -30}, {Item: store.Gold, Amount: 30},
		{Account: "u", Item: "hat", Amount: 1}, {Item: "hat", Amount: -1},
	}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func spoil(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := raw(t, dsn).ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// Gold from before there was a ledger becomes its first entry. That the ledger's migration comes after later ones does no harm.
func TestOpenMakesALedgerOfTheGoldThatIsThere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		rich(t, dsn).Close()
		spoil(t, dsn, "DROP TABLE balances", "DROP TABLE postings", "DROP TABLE entries", "ALTER TABLE records DROP COLUMN postings",
			"DELETE FROM schema_versions WHERE version_id = 4", "UPDATE accounts SET gold = 12",
			"INSERT INTO accounts (id, name, folded, guest, exp, gold, win, lose, draw, created_at) VALUES ('poor', 'Poor', 'poor', FALSE, 0, -3, 0, 0, 0, 0)")
		s, err := opener(dsn)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for user, want := range map[string]int64{"u": 12, "poor": 0} {
			if have, err := s.Inventory(t.Context(), user); have.Gold != want || err != nil {
				t.Errorf("%s: got %+v, %v, want %d gold", user, have, err, want)
			}
		}
		lines, _, err := s.Ledger(t.Context(), "u", "", 10)
		if err != nil || len(lines) != 1 || lines[0].Amount != 12 || lines[0].Reason != "opening" {
			t.Errorf("ledger: got %+v, %v, want an opening of 12", lines, err)
		}
		if faults, err := s.CheckLedger(t.Context()); len(faults) > 0 || err != nil {
			t.Errorf("got %q, %v", faults, err)
		}
	})
}
