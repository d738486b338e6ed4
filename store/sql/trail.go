package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/madang-games/madang/store"
)

const insertAudit = `INSERT INTO audit (at, actor, action, account, target, params, reason, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// KeepAudit implements [store.AuditTrail].
func (s *Store) KeepAudit(ctx context.Context, e store.AuditEntry) error {
	if err := checkAudit(&e); err != nil {
		return s.failed(ctx, "keep audit", err)
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, insertAudit, e.At.UnixMicro(), e.Actor, e.Action, e.User, e.Target, e.Params, e.Reason, e.Request)
		return err
	})
	return s.failed(ctx, "keep audit", err)
}

func checkAudit(e *store.AuditEntry) error {
	for _, word := range []string{e.Actor, e.Action, e.User, e.Target, e.Request} {
		if len(word) > store.MaxAuditWord || !text(word) {
			return fmt.Errorf("audit word %.40q: want at most %d bytes of text", word, store.MaxAuditWord)
		}
	}
	switch {
	case e.Actor == "" || e.Action == "":
		return fmt.Errorf("audit of %q by %q: want both", e.Action, e.Actor)
	case len(e.Reason) > store.MaxAuditReason || !text(e.Reason):
		return fmt.Errorf("audit reason of %d bytes: want at most %d of text", len(e.Reason), store.MaxAuditReason)
	case len(e.Params) > store.MaxAuditParams || !json.Valid(e.Params):
		return fmt.Errorf("audit params of %d bytes: want JSON of at most %d", len(e.Params), store.MaxAuditParams)
	}
	return nil
}

// Audit implements [store.AuditTrail]. The cursor is the number of the last entry given.
func (s *Store) Audit(ctx context.Context, f store.AuditFilter, cursor string, limit int) ([]store.AuditEntry, string, error) {
	limit = min(max(limit, 1), 100)
	before, err := strconv.ParseInt(cmp.Or(cursor, strconv.FormatInt(math.MaxInt64, 10)), 10, 64)
	if err != nil || before < 1 {
		return nil, "", s.failed(ctx, "list audit", fmt.Errorf("%w: malformed cursor", store.ErrNotFound))
	}
	query := strings.Builder{}
	query.WriteString(`SELECT n, at, actor, action, account, target, params, reason, request FROM audit WHERE n < $1`)
	args := []any{before}
	only := func(column string, value any) {
		args = append(args, value)
		fmt.Fprintf(&query, " AND %s $%d", column, len(args))
	}
	for _, is := range []struct{ column, value string }{
		{"actor", f.Actor}, {"action", f.Action}, {"account", f.User}, {"target", f.Target},
	} {
		switch {
		case !text(is.value):
			return nil, "", nil // nothing has such a name
		case is.value != "":
			only(is.column+" <> '' AND "+is.column+" =", is.value) // said so that the index may be used
		}
	}
	if !f.From.IsZero() {
		only("at >=", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		only("at <", f.To.UnixMicro())
	}
	args = append(args, limit+1)
	fmt.Fprintf(&query, " ORDER BY n DESC LIMIT $%d", len(args))

	var entries []store.AuditEntry
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		entries = nil
		return all(ctx, q, query.String(), args, func(rows *stdsql.Rows) error {
			var e store.AuditEntry
			var at int64
			err := rows.Scan(&e.N, &at, &e.Actor, &e.Action, &e.User, &e.Target, &e.Params, &e.Reason, &e.Request)
			e.At = fromMicros(at)
			entries = append(entries, e)
			return err
		})
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list audit", err)
	}
	if len(entries) <= limit {
		return entries, "", nil
	}
	entries = entries[:limit]
	return entries, strconv.FormatInt(entries[limit-1].N, 10), nil
}
