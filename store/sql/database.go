package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"sync"

	"github.com/madang-games/madang/store"
)

// database is what differs between the two: how a transaction runs, and how commits are gathered.
type database interface {
	// read runs statements that change nothing, each on the newest committed state.
	read(ctx context.Context, f work) error
	// write runs f in one transaction: committed when f returns nil, else undone. f may be run several times, and
	// with another context than ctx; what it gives out it must set anew each time.
	write(ctx context.Context, f work) error
	// transact runs r in one transaction, perhaps several times: see Store.Transact.
	transact(ctx context.Context, r *run) error
	// commit does what Store.apply does, together with other rooms' commits.
	commit(ctx context.Context, c *store.Commit) (closed bool, err error)
	// takeUp raises a room's term and reads its record. ErrNotFound or stdsql.ErrNoRows.
	takeUp(ctx context.Context, room string) (store.Record, error)
	// settled makes what was committed of a room visible to read.
	settled(ctx context.Context, room string) error
	// unsettled tells of rooms whose records read does not see as they were committed whether they want to be woken, by what is
	// committed of them.
	unsettled(ctx context.Context) (wakes map[string]bool, err error)
	// clock is an expression for the database's own time in microseconds since 1970, at the moment it is reckoned, and its
	// arguments, which are numbered from n.
	clock(n int) (expression string, args []any)
	// lockRow ends a SELECT whose rows must not change until the transaction ends; orSkip leaves out those that
	// another transaction has locked.
	lockRow(orSkip bool) string
	// ready asks the database for a sign of life.
	ready(ctx context.Context) error
	// close ends all that was started, after what was begun.
	close() error
}

// work is statements run on q.
type work func(ctx context.Context, q querier) error

// querier is where statements run. Parameters are $1, $2...; it belongs to one goroutine.
type querier interface {
	exec(ctx context.Context, query string, args ...any) (affected int64, err error)
	rows(ctx context.Context, query string, args ...any) (*stdsql.Rows, error)
}

// one scans the one row of a query into dest; stdsql.ErrNoRows if there is none.
func one(ctx context.Context, q querier, query string, args []any, dest ...any) (err error) {
	rows, err := q.rows(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return stdsql.ErrNoRows
	}
	return rows.Scan(dest...)
}

// all calls scan for each row of a query.
func all(ctx context.Context, q querier, query string, args []any, scan func(*stdsql.Rows) error) (err error) {
	rows, err := q.rows(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// direct runs statements as they come; the driver keeps them prepared.
type direct struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (stdsql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*stdsql.Rows, error)
	}
}

func (d direct) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := d.on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (d direct) rows(ctx context.Context, query string, args ...any) (*stdsql.Rows, error) {
	return d.on.QueryContext(ctx, query, args...)
}

// prepared keeps every statement prepared on what it runs on. There are only the few texts of this package.
type prepared struct {
	on interface {
		PrepareContext(ctx context.Context, query string) (*stdsql.Stmt, error)
	}
	rewrite    func(query string) string
	statements sync.Map // text -> *stdsql.Stmt
}

func (p *prepared) statement(ctx context.Context, query string) (*stdsql.Stmt, error) {
	if s, ok := p.statements.Load(query); ok {
		return s.(*stdsql.Stmt), nil
	}
	s, err := p.on.PrepareContext(ctx, p.rewrite(query))
	if err != nil {
		return nil, err
	}
	if kept, there := p.statements.LoadOrStore(query, s); there {
		s.Close()
		return kept.(*stdsql.Stmt), nil
	}
	return s, nil
}

func (p *prepared) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p *prepared) rows(ctx context.Context, query string, args ...any) (*stdsql.Rows, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p *prepared) close() {
	p.statements.Range(func(_, s any) bool {
		s.(*stdsql.Stmt).Close()
		return true
	})
}
