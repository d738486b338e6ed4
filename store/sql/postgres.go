package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/madang-games/madang/store"
)

const (
	// postgresTries is how often a transaction is run that the database undoes because of others.
	postgresTries = 10
	// postgresGroup is how many commits share a transaction at most.
	postgresGroup = 256
	// committers is how many groups may be on their way at once: while one is being fsynced the next is brought.
	committers = 2
	// groupTime bounds a group of commits when the database does not answer.
	groupTime = 15 * time.Second
	// postgresIdle is how long a transaction may say nothing: less than the broker takes to find a frozen worker out, whose rooms
	// others then take up. The statements of a transaction here follow each other at once, but for those of Transact.
	postgresIdle = "1500ms"
	idleTimeout  = "idle_in_transaction_session_timeout"
	// migrationLock is the advisory lock of all who migrate ("madang" in ASCII).
	migrationLock = 0x6d6164616e67
)

// postgresDB runs each piece of work in a transaction of its own on a pool of connections; only plain commits are
// gathered (see postgresDB.play). They have connections of their own, so that they never wait behind a thousand players
// who want one seat.
type postgresDB struct {
	store   *Store
	pool    *pgxpool.Pool
	db      *stdsql.DB // the same connections
	commits *pgxpool.Pool
	// idleSet: the DSN says how long a transaction may say nothing.
	idleSet bool
	line    *line[*store.Commit]
	raises  *line[*raising]
}

func postgresConfig(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if !setInDSN(dsn, "pool_max_conns") {
		config.MaxConns = 16
	}
	config.MaxConns = max(config.MaxConns, 4) // a migration needs two at once
	// Every statement here has its index. Plans made while the tables are small are kept; they must not read whole
	// tables when these have grown.
	//
	// And a process that is frozen in the middle of a transaction keeps what it has locked from the others no longer than
	// postgresIdle.
	defaults := map[string]string{"enable_seqscan": "off", "jit": "off", "application_name": "madang", idleTimeout: postgresIdle}
	for name, value := range defaults {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	return config, nil
}

// openPostgres connects and migrates once.
func (s *Store) openPostgres(ctx context.Context, config *pgxpool.Config) (again bool, err error) {
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config.Copy())
	if err != nil {
		return false, err
	}
	few := config.Copy()
	few.MaxConns, few.MinConns, few.MinIdleConns = committers, 0, 0
	commits, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), few)
	if err != nil {
		pool.Close()
		return false, err
	}
	d := &postgresDB{
		store: s, pool: pool, db: stdlib.OpenDBFromPool(pool), commits: commits,
		idleSet: config.ConnConfig.RuntimeParams[idleTimeout] != postgresIdle,
		line:    newLine[*store.Commit](lineLength), raises: newLine[*raising](lineLength),
	}
	if err := d.migrate(ctx); err != nil {
		d.closePools()
		return unavailable(err) && !refused(err), err
	}
	s.db = joining{d, s}
	var serving sync.WaitGroup
	for range committers {
		serving.Go(func() { d.line.serve(postgresGroup, d.play) })
	}
	go func() {
		serving.Wait()
		close(d.line.ended)
	}()
	var raising sync.WaitGroup
	for range committers {
		raising.Go(func() { d.raises.serve(takeUpGroup, d.playRaises) })
	}
	go func() {
		raising.Wait()
		close(d.raises.ended)
	}()
	return false, nil
}

// migrate holds an advisory lock meanwhile; it ends with its connection.
func (d *postgresDB) migrate(ctx context.Context) (err error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
		err = errors.Join(err, unlock)
	}()
	return migrate(ctx, d.db, goose.DialectPostgres, "postgres", d.store.log)
}

// Whoever finds a connection dead throws away the idle ones with it: after a restart of the server all are. What can't
// have begun, or may be done twice, is tried once more.

func (d *postgresDB) read(ctx context.Context, f work) error {
	err := f(ctx, direct{d.db})
	if d.lost(ctx, err) {
		d.pool.Reset()
		err = f(ctx, direct{d.db})
	}
	return err
}

func (d *postgresDB) lost(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !known(err) && unavailable(err)
}

// write runs f at READ COMMITTED: each statement sees what was committed when it began.
func (d *postgresDB) write(ctx context.Context, f work) (err error) {
	for range postgresTries {
		if err = d.writeOnce(ctx, f); !undone(err) {
			return err
		}
		if postgresCode(err) == stoodStill {
			d.store.log.Warn("this process stood still in the middle of a transaction, which PostgreSQL has undone", "error", err)
		}
	}
	return fmt.Errorf("%w: undone %d times because of other transactions, or as this process stood still: %w", store.ErrUnavailable, postgresTries, err)
}

func (d *postgresDB) writeOnce(ctx context.Context, f work) error {
	options := &stdsql.TxOptions{Isolation: stdsql.LevelReadCommitted}
	tx, err := d.db.BeginTx(ctx, options)
	if d.lost(ctx, err) {
		d.pool.Reset()
		tx, err = d.db.BeginTx(ctx, options)
	}
	if err != nil {
		return err
	}
	if err := f(ctx, direct{tx}); err != nil {
		_ = tx.Rollback() // fails on a broken connection, and then the server does it by itself
		return err
	}
	return tx.Commit()
}

func (d *postgresDB) clock(int) (string, []any) {
	return `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`, nil
}

func (d *postgresDB) settled(context.Context, string) error { return nil }

func (d *postgresDB) unsettled(context.Context) (map[string]bool, error) { return nil, nil }

func (d *postgresDB) lockRow(orSkip bool) string {
	if orSkip {
		return " FOR NO KEY UPDATE SKIP LOCKED"
	}
	return " FOR NO KEY UPDATE"
}

func (d *postgresDB) ready(ctx context.Context) error {
	err := d.pool.Ping(ctx)
	if d.lost(ctx, err) {
		d.pool.Reset()
		err = d.pool.Ping(ctx)
	}
	return err
}

func (d *postgresDB) close() error {
	d.line.close()
	d.raises.close()
	<-d.line.ended
	<-d.raises.ended
	return d.closePools()
}

// closePools waits for connections in use.
func (d *postgresDB) closePools() error {
	err := d.db.Close()
	d.pool.Close()
	d.commits.Close()
	return err
}

// setInDSN reports whether the address says a setting of the pool itself; the pool's default depends on the machine.
func setInDSN(dsn, name string) bool {
	u, err := url.Parse(dsn)
	return err == nil && u.Query().Has(name)
}
