package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/madang-games/madang/store"
)

// Transact implements [store.Transactor].
func (s *Store) Transact(ctx context.Context, do func(context.Context) error) error {
	if t := s.within(ctx); t != nil {
		return t.part(ctx, do)
	}
	run := &run{store: s, do: do}
	err := s.db.transact(ctx, run)
	switch {
	case err == nil:
		return nil
	case run.cut:
		return fmt.Errorf("transact: %w", context.DeadlineExceeded)
	case run.err != nil:
		return run.err
	}
	return s.failed(ctx, "transact", err)
}

// run is what Transact was given to do, once or several times. It belongs to Transact's goroutine.
type run struct {
	store *Store
	do    func(context.Context) error
	err   error // of do, where it alone is why the transaction was undone
	cut   bool  // it took too long
}

// on runs do in transaction t, whose life ctx is. The transaction is to be committed when on returns nil; after on, nothing
// is done in t any more, however on ends.
func (r *run) on(ctx context.Context, t *tx) error {
	defer t.end(errEnded)
	r.err = nil
	err := r.do(context.WithValue(ctx, txKey{r.store}, t))
	if lost := t.lost(); lost != nil {
		return errors.Join(lost, err)
	}
	r.err = err
	return err
}

var (
	errEnded   = errors.New("the transaction has ended")
	errRecords = errors.New("rooms are not taken up or committed in a transaction of other things")
)

type txKey struct{ s *Store }

// within is the transaction that ctx belongs to; nil: none.
func (s *Store) within(ctx context.Context) *tx {
	t, _ := ctx.Value(txKey{s}).(*tx)
	return t
}

// tx is a transaction that several calls share, one at a time.
type tx struct {
	// steady keeps a statement from being cut in the middle, where that would undo more than this transaction.
	steady bool

	mu    sync.Mutex
	q     querier
	over  error // why nothing more can be done in it; nil: it goes on
	fresh bool  // nothing has been written since the last savepoint
}

// end lets nothing more be done; who is in the middle of something is waited for.
func (t *tx) end(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over == nil {
		t.over = why
	}
}

// lost is why the transaction can't be committed; nil: it can.
func (t *tx) lost() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

func (t *tx) locked(ctx context.Context, f func(ctx context.Context) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.over != nil {
		return t.over
	}
	if t.steady {
		ctx = context.WithoutCancel(ctx)
	}
	return f(ctx)
}

// fatalLocked notes an error after which the database may not let the transaction go on.
func (t *tx) fatalLocked(err error) error {
	if err != nil && t.over == nil {
		t.over = err
	}
	return err
}

func (t *tx) read(ctx context.Context, f work) error {
	return t.locked(ctx, func(ctx context.Context) error {
		err := f(ctx, t.q)
		if err == nil || known(err) || errors.Is(err, stdsql.ErrNoRows) {
			return err
		}
		return t.fatalLocked(err)
	})
}

// bare does f without a savepoint: f writes nothing when it fails with one of package store's errors, and any other loses
// the whole.
func (t *tx) bare(ctx context.Context, f work) error {
	return t.read(ctx, func(ctx context.Context, q querier) error {
		t.fresh = false
		return f(ctx, q)
	})
}

// write does f in a savepoint: that of the part which begins with f, or one of f's own.
func (t *tx) write(ctx context.Context, f work) error {
	return t.locked(ctx, func(ctx context.Context) error {
		first := t.fresh
		if !first {
			if err := t.saveLocked(ctx); err != nil {
				return err
			}
		}
		t.fresh = false
		err := f(ctx, t.q)
		switch {
		case err == nil && first:
			return nil
		case err == nil:
			return t.keepLocked(ctx)
		case undone(err):
			return t.fatalLocked(err)
		case first:
			if undo := t.execLocked(ctx, "ROLLBACK TO SAVEPOINT part"); undo != nil {
				return errors.Join(err, undo)
			}
			t.fresh = true
			return err
		}
		if undo := t.undoLocked(ctx); undo != nil {
			return errors.Join(err, undo)
		}
		return err
	})
}

func (t *tx) execLocked(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := t.q.exec(ctx, s); err != nil {
			return t.fatalLocked(err)
		}
	}
	return nil
}

func (t *tx) saveLocked(ctx context.Context) error {
	t.fresh = true
	return t.execLocked(ctx, "SAVEPOINT part")
}

func (t *tx) keepLocked(ctx context.Context) error {
	t.fresh = false
	return t.execLocked(ctx, "RELEASE SAVEPOINT part")
}

func (t *tx) undoLocked(ctx context.Context) error {
	t.fresh = false
	return t.execLocked(ctx, "ROLLBACK TO SAVEPOINT part", "RELEASE SAVEPOINT part")
}

// part runs do, and undoes what it did unless it returns nil.
func (t *tx) part(ctx context.Context, do func(context.Context) error) (err error) {
	if err := t.locked(ctx, t.saveLocked); err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			if undo := t.locked(ctx, t.undoLocked); undo != nil {
				t.end(undo) // half of it is still there
				err = errors.Join(err, undo)
			}
		}
	}()
	if err := do(ctx); err != nil {
		return err
	}
	kept = true
	return t.locked(ctx, t.keepLocked)
}

// joining makes what is asked with the context of a transaction a part of that.
type joining struct {
	database
	store *Store
}

func (j joining) read(ctx context.Context, f work) error {
	if t := j.store.within(ctx); t != nil {
		return t.read(ctx, f)
	}
	return j.database.read(ctx, f)
}

func (j joining) write(ctx context.Context, f work) error {
	if t := j.store.within(ctx); t != nil {
		return t.write(ctx, f)
	}
	return j.database.write(ctx, f)
}

func (j joining) commit(ctx context.Context, c *store.Commit) (bool, error) {
	if j.store.within(ctx) != nil {
		return false, errRecords
	}
	return j.database.commit(ctx, c)
}

func (j joining) takeUp(ctx context.Context, room string) (store.Record, error) {
	if j.store.within(ctx) != nil {
		return store.Record{}, errRecords
	}
	return j.database.takeUp(ctx, room)
}

func (j joining) settled(ctx context.Context, room string) error {
	if j.store.within(ctx) != nil {
		return errRecords
	}
	return j.database.settled(ctx, room)
}

func (j joining) unsettled(ctx context.Context) (map[string]bool, error) {
	if j.store.within(ctx) != nil {
		return nil, errRecords
	}
	return j.database.unsettled(ctx)
}
