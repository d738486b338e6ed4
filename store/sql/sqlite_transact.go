package sql

import (
	"context"
	"errors"
	"time"
)

// sqliteTransactTime bounds a run, while which everybody else who writes waits.
const sqliteTransactTime = 2 * time.Second

// transact runs r here, while the goroutine of the line lends its connection and waits. So a panic is the caller's own, and
// who takes too long is left behind: the line goes on without it.
func (d *sqliteDB) transact(ctx context.Context, r *run) error {
	t := &tx{steady: true}
	begun, finished := make(chan struct{}), make(chan error, 1)
	life, cut := context.WithCancel(ctx)
	defer cut()
	lend := func(_ context.Context, q querier) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.q = q
		close(begun)
		limit := time.NewTimer(sqliteTransactTime)
		defer limit.Stop()
		select {
		case err := <-finished:
			return err
		case <-limit.C:
			cut()
			t.end(errLate)
			return errLate
		}
	}
	outcome := make(chan error, 1)
	go func() { outcome <- d.write(ctx, lend) }()
	select {
	case <-begun:
	case err := <-outcome:
		return err // it has not begun, or it was cut before we looked
	}
	err := errUnfinished
	defer func() {
		if errors.Is(err, errUnfinished) { // a panic
			finished <- err
			<-outcome
		}
	}()
	err = r.on(life, t)
	finished <- err
	err = <-outcome
	r.cut = errors.Is(err, errLate)
	return err
}

var (
	errLate       = errors.New("the transaction took too long")
	errUnfinished = errors.New("the transaction was not finished")
)
