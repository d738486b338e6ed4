package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	// postgresTransactTime bounds a run: the server looks for dead-locks after a second, and again after each.
	postgresTransactTime = 5 * time.Second
	// postgresTransactIdle is how long one may say nothing: what is done in it is the caller's, who may take all of its time.
	postgresTransactIdle = "6s"
)

// transact runs r in a transaction at READ COMMITTED, on a connection of its own.
func (d *postgresDB) transact(ctx context.Context, r *run) (err error) {
	for range postgresTries {
		if err = d.transactOnce(ctx, r); r.cut || ctx.Err() != nil || !undone(err) {
			return err
		}
	}
	return fmt.Errorf("%w: undone %d times because of other transactions, or as this process stood still: %w", store.ErrUnavailable, postgresTries, err)
}

func (d *postgresDB) transactOnce(ctx context.Context, r *run) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := &stdsql.TxOptions{Isolation: stdsql.LevelReadCommitted}
	on, err := d.db.BeginTx(ctx, options)
	if d.lost(ctx, err) {
		d.pool.Reset()
		on, err = d.db.BeginTx(ctx, options)
	}
	if err != nil {
		return err
	}
	defer on.Rollback() // after Commit it does nothing; on a broken connection the server does it by itself
	// When ctx ends, the transaction is rolled back, whatever do is doing.
	var late atomic.Bool
	limit := time.AfterFunc(postgresTransactTime, func() {
		late.Store(true)
		cancel()
	})
	defer limit.Stop()
	if !d.idleSet {
		if _, err := on.ExecContext(ctx, "SET LOCAL "+idleTimeout+" = '"+postgresTransactIdle+"'"); err != nil {
			return err
		}
	}
	if err = r.on(ctx, &tx{q: direct{on}}); err == nil {
		err = on.Commit()
	}
	r.cut = late.Load() && err != nil
	return err
}
