package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// finish ends a room that has ended; the last output is $closed. It returns errGone when all is done.
//
// Once a room is closed in the store no worker publishes what it has said, so everything that leads to the end is made
// known before, and only $closed after. The record of a closed room has the number before $closed: who finds one
// unfinished can publish $closed again under its number.
//
// The last outputs, $closed among them, are kept for those who sit there and were not connected (store.Farewells). A
// Durable room has them in its log; the others bring what they remember with the commit that closes.
func (r *room) finish() error {
	a := r.awake
	c := &a.change
	if r.game.keep == durable && (c.changed || len(c.lines) > 0) {
		if _, err := r.commitRound(); err != nil {
			return err
		}
		c.seated, c.unseated, c.released, c.awards, c.grants, c.dead, c.absolve = nil, nil, nil, nil, nil, nil, nil
		c.scores, c.outcomes, c.backfill = nil, nil, nil
		c.begun, c.changed = false, false
	}
	end := broker.Position{Epoch: a.line.at.Epoch, N: a.line.at.N + 1}
	var closing *broker.Output
	before := len(c.out)
	if before > 0 && c.out[before-1].Type == broker.TypeClosed {
		before--
		closing, end = c.out[before], c.out[before].At
	}
	if err := r.publishRound(before); err != nil {
		return err
	}
	a.published = end.N - 1
	to := r.newCommit()
	if r.game.keep != durable {
		a.dirty = a.dirty || c.changed
		if err := r.addChange(to); err != nil {
			return err
		}
		to.Log = a.line.logRing()
	}
	to.N, to.Published, to.Wake, to.State = end.N-1, end.N-1, false, store.Closed
	to.Farewell = r.w.now().Add(r.w.farewell)
	if _, err := r.commit(to); err != nil {
		return err
	}
	return r.conclude(closing, end, a.term)
}

// leaveEmpty finishes a room that nobody sits in any more, after its closing was committed.
func (r *room) leaveEmpty() error {
	a := r.awake
	if err := r.publishRound(len(a.change.out)); err != nil {
		return err
	}
	return r.conclude(nil, broker.Position{Epoch: a.line.at.Epoch, N: a.line.at.N + 1}, a.term)
}

// bury finishes a room that is closed in the store already; at is where its $closed stands.
func (r *room) bury(at broker.Position, term uint64) error {
	kept, err := r.w.store.Log(r.w.work, r.id, at.Epoch)
	if err != nil {
		r.w.log.Debug("the end of a closed room not read", "room", r.id, "error", err)
	}
	return r.conclude(r.w.closing(r.id, at, term, kept), at, term)
}

// conclude publishes the room's $closed, and removes its queue, which drops what waits there. What fails here is left to
// the sweeping.
func (r *room) conclude(closing *broker.Output, at broker.Position, term uint64) error {
	if closing == nil {
		closing = r.w.closing(r.id, at, term, nil)
	}
	if err := r.publish([]*broker.Output{closing}); err != nil {
		return err
	}
	if r.deleteQueue() {
		if err := r.w.store.Swept(r.w.work, r.id); err != nil && !errors.Is(err, store.ErrNotFound) {
			r.w.log.Warn("closed room not noted as swept", "room", r.id, "error", err)
		}
	}
	return errGone
}

// closing is the $closed of a room: its own if that is among the kept runs, else one for a room whose own is lost, or that
// nobody was left to see.
func (w *Worker) closing(room string, at broker.Position, term uint64, kept []store.Logged) *broker.Output {
	o := broker.Closed(room, at, w.now())
	for _, run := range kept {
		entries, err := broker.DecodeRun(room, at.Epoch, run.First, run.Last, run.Data)
		if err != nil {
			w.log.Error("the end of a room can't be read", "room", room, "first", run.First, "last", run.Last, "error", err)
		}
		for _, e := range entries {
			if e.At == at && e.Type == broker.TypeClosed {
				o = e.Output
			}
		}
	}
	o.Term = term
	return o
}

func (r *room) deleteQueue() (done bool) {
	if err := r.w.broker.Delete(r.w.work, r.id); err != nil {
		r.w.log.Warn("queue of a closed room not deleted", "room", r.id, "error", err)
		return false
	}
	return true
}

// sweep finishes a closed room whose worker did not come to it: its $closed, if it was not published, its queue, and
// the note that this is done.
func (w *Worker) sweep(ctx context.Context, id string) error {
	rec, err := w.store.TakeUp(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take up: %w", err)
	}
	if rec.Room.State != store.Closed {
		return nil
	}
	pipe, err := w.broker.Consume(ctx, broker.Consumption{Room: id, Prefetch: 1, Wake: func() {}})
	switch {
	case errors.Is(err, broker.ErrNoRoom):
		return w.store.Swept(ctx, id)
	case errors.Is(err, broker.ErrDead): // it takes nobody's $closed either
		if err := w.broker.Delete(ctx, id); err != nil {
			return fmt.Errorf("delete queue: %w", err)
		}
		return w.store.Swept(ctx, id)
	case err != nil:
		return fmt.Errorf("consume: %w", err)
	}
	defer pipe.Close()
	at := broker.Position{Epoch: rec.Epoch, N: rec.N + 1}
	if err := pipe.Publish(ctx, []*broker.Output{w.closing(id, at, rec.Term, rec.Log)}); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := w.broker.Delete(ctx, id); err != nil {
		return fmt.Errorf("delete queue: %w", err)
	}
	return w.store.Swept(ctx, id)
}

// forgetAtOnce is how many rooms' farewells are dropped in one transaction.
const forgetAtOnce = 20

// forgetFarewells drops what is kept of rooms that closed long enough ago.
func (w *Worker) forgetFarewells(ctx context.Context) error {
	for {
		n, err := w.store.ForgetFarewells(ctx, w.now(), forgetAtOnce)
		if err != nil {
			return fmt.Errorf("forget how rooms ended: %w", err)
		}
		if n < forgetAtOnce {
			return nil
		}
	}
}
