package sql

import (
	"testing"
	"time"
)

// What a frozen process has locked must not stay locked for ever, and a run of Transact must not be ended before its own time.
func TestPostgresEndsTransactionsOfFrozenProcesses(t *testing.T) {
	t.Parallel()
	const name = "idle_in_transaction_session_timeout"
	for dsn, want := range map[string]string{
		"postgres://u@h/d":                   "6s",
		"postgres://u@h/d?" + name + "=20s":  "20s",
		"postgres://u@h/d?enable_seqscan=on": "6s",
	} {
		c, err := postgresConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		got := c.ConnConfig.RuntimeParams[name]
		if got != want {
			t.Errorf("%s: got %q, want %q", dsn, got, want)
		}
		if d, err := time.ParseDuration(got); err != nil || d <= postgresTransactTime {
			t.Errorf("%s: got %s, %v, want more than a run of Transact has", dsn, got, err)
		}
	}
}
