package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// settle makes a round's change known, in the order that the game's policy asks for. On an error nothing may be acked
// and the room is to be dropped; errGone when the room is over.
func (r *room) settle() error {
	a := r.awake
	c := &a.change
	if c.ended {
		return r.finish()
	}
	var err error
	if r.game.keep == durable {
		err = r.settleDurable()
	} else {
		err = r.settlePassing()
	}
	if err != nil {
		return err
	}
	a.change = change{lines: emptied(c.lines), out: emptied(c.out)}
	return nil
}

// emptied keeps the room of a list for the next round, unless it is large.
func emptied[T any](list []T) []T {
	if cap(list) > 4*prefetch {
		return nil
	}
	clear(list)
	return list[:0]
}

// settleDurable: commit, publish, ack.
func (r *room) settleDurable() error {
	a := r.awake
	c := &a.change
	if c.changed || len(c.lines) > 0 || c.matters() || c.left {
		closed, err := r.commitRound()
		if err != nil {
			return err
		}
		if closed {
			return r.leaveEmpty()
		}
	}
	if err := r.publishRound(len(c.out)); err != nil {
		return err
	}
	return r.ack()
}

// settlePassing: publish, ack; and commit now and then, or at once, and first, what others must know.
func (r *room) settlePassing() error {
	a := r.awake
	c := &a.change
	a.dirty = a.dirty || c.changed
	committed := c.matters() || c.left
	if committed {
		closed, err := r.commitRound()
		if err != nil {
			return err
		}
		if closed {
			return r.leaveEmpty()
		}
	}
	if err := r.publishRound(len(c.out)); err != nil {
		return err
	}
	due, ok := r.saveAt()
	switch {
	case committed || r.game.keep == ephemeral:
	case !ok || !a.dirty: // nothing to save
	case a.unacked >= prefetch || !due.After(r.w.now()):
		return r.save()
	default:
		return nil // acked with the next save
	}
	return r.ack()
}

// matters: what was given up, seats, effects and the room's state are others' business, so they are committed at once.
func (c *change) matters() bool {
	return len(c.dead) > 0 || len(c.absolve) > 0 || len(c.seated) > 0 || len(c.unseated) > 0 || len(c.released) > 0 || c.effects() || c.begun
}

// commitRound commits the round's change, and the memory with it.
func (r *room) commitRound() (closed bool, err error) {
	a := r.awake
	c := &a.change
	to := r.newCommit()
	to.Wake = a.wants()
	if err := r.addChange(to); err != nil {
		return false, err
	}
	if c.left {
		to.State, to.IfEmpty = store.Closed, true
	}
	return r.commit(to)
}

func (r *room) newCommit() *store.Commit {
	a := r.awake
	to := &store.Commit{Room: r.id, Term: a.term, Epoch: a.line.at.Epoch, N: a.line.at.N}
	if r.game.keep == durable {
		to.Published = a.published
	}
	return to
}

func (r *room) addChange(to *store.Commit) (err error) {
	a := r.awake
	c := &a.change
	if c.changed || a.dirty || c.effects() {
		if to.Memory, err = a.Memory(); err != nil {
			r.game.counts.unreadable.Inc()
			return fmt.Errorf("encode memory: %w", err)
		}
	}
	if r.game.keep == durable {
		to.Log = a.line.log(c.lines)
		if a.line.full() {
			if err := r.recall(); err != nil {
				return err
			}
		}
		to.Forget = a.line.forget(to.Published)
	}
	to.Dead, to.Absolve = c.dead, c.absolve
	to.Seated, to.Unseated, to.Released, to.Awards, to.Grants = c.seated, c.unseated, c.released, c.awards, c.grants
	for _, user := range c.seated {
		if watches, _ := a.Member(user); watches {
			to.Watching = append(to.Watching, user)
		}
	}
	to.Scores, to.Outcomes, to.Backfill, to.Jobs = c.scores, c.outcomes, c.backfill, c.jobs
	if c.begun {
		to.State = store.Playing
	}
	return nil
}

// commit commits and waits while the store is unavailable, saying so once; nothing is published or acked meanwhile.
//
// After an error of the connection nobody knows whether the commit has happened, and doing it twice would give awards
// twice. So the room is first taken up again: the new term fences the lost commit out if it has not happened yet, and the
// record tells whether it has, because a changed memory never equals an earlier one. If another worker has had the
// room meanwhile, or the pipe is lost, the room is dropped and the redelivered messages decide.
func (r *room) commit(c *store.Commit) (closed bool, err error) {
	a := r.awake
	for try := 0; ; try++ {
		closed, err = r.w.store.Commit(r.w.work, c)
		if err == nil {
			break
		}
		r.game.counts.commitErrors.Inc()
		if errors.Is(err, store.ErrStaleTerm) {
			return false, err
		}
		if errors.Is(err, store.ErrRoomClosed) {
			return false, r.bury(broker.Position{Epoch: a.line.at.Epoch, N: a.published + 1}, a.term)
		}
		if errors.Is(err, store.ErrNotFound) {
			r.deleteQueue()
			return false, errGone
		}
		if try == 0 {
			r.w.log.Warn("room waits for the store", "room", r.id, "game", r.game.name, "error", err)
		}
		done, over, err := r.ask(c)
		if err != nil {
			return false, err
		}
		if done {
			closed = over
			break
		}
	}
	r.game.counts.commits.Inc()
	r.tellBackfill(c.Backfill)
	if len(c.Jobs) > 0 {
		r.w.jobsSoon()
	}
	a.noted, a.wake = c.Published, c.Wake
	if c.Memory != nil {
		a.dirty = false
		a.saved = r.w.now()
	}
	return closed, nil
}

// ask finds out, as soon as the store answers, whether c has happened, and takes the room up with a new term for what
// follows.
func (r *room) ask(c *store.Commit) (done, closed bool, err error) {
	for try := 0; ; try++ {
		if err := r.pause(try); err != nil {
			return false, false, err
		}
		rec, err := r.w.store.TakeUp(r.w.work, r.id)
		if errors.Is(err, store.ErrNotFound) {
			r.deleteQueue()
			return false, false, errGone
		}
		if err != nil {
			continue
		}
		if rec.Term != c.Term+1 {
			return false, false, fmt.Errorf("taken up meanwhile: %w", store.ErrStaleTerm)
		}
		c.Term = rec.Term
		r.renewTerm(rec.Term)
		closed = rec.Room.State == store.Closed
		return closed && c.State == store.Closed || shows(&rec, c), closed, nil
	}
}

// shows reports whether the record of a room that is not closed tells that c has happened. A commit that keeps nothing new
// may be done again.
func shows(rec *store.Record, c *store.Commit) bool {
	// Asking has woken the room in the store; to let it sleep again changes nothing else.
	if c.Memory == nil && c.Log == nil || c.State == store.Closed && !c.IfEmpty || !c.Asleep.IsZero() {
		return false
	}
	return rec.Epoch == c.Epoch && rec.N == c.N && rec.Published == c.Published &&
		(c.Memory == nil || bytes.Equal(rec.Memory, c.Memory))
}

// renewTerm goes on with a new term: outputs that have not been given to the broker carry it.
func (r *room) renewTerm(term uint64) {
	a := r.awake
	a.term = term
	for _, o := range a.change.out[a.change.sent:] {
		o.Term = term
	}
}

// publish publishes outs, again and again while the pipe lives.
func (r *room) publish(outs []*broker.Output) error {
	for try := 0; len(outs) > 0; try++ {
		err := r.pipe.Publish(r.w.work, outs)
		if err == nil {
			break
		}
		if errors.Is(err, broker.ErrLost) || errors.Is(err, broker.ErrClosed) || errors.Is(err, context.Canceled) {
			return fmt.Errorf("publish: %w", err)
		}
		if try == 0 {
			r.w.log.Warn("room waits for the broker", "room", r.id, "game", r.game.name, "error", err)
		}
		if err := r.pause(try); err != nil {
			return err
		}
	}
	return nil
}

// publishRound publishes the round's outputs up to the given one.
func (r *room) publishRound(upTo int) error {
	c := &r.awake.change
	if err := r.publish(c.out[c.sent:upTo]); err != nil {
		return err
	}
	c.sent = upTo
	r.awake.published = r.awake.line.at.N
	return nil
}

// ack acks everything played.
func (r *room) ack() error {
	a := r.awake
	if a.unacked == 0 {
		return nil
	}
	if err := r.pipe.Ack(a.tag); err != nil {
		return fmt.Errorf("ack: %w", err)
	}
	a.unacked = 0
	return nil
}

// save keeps the memory of a Checkpointed room and acks what led to it.
func (r *room) save() error {
	if r.awake.dirty {
		if _, err := r.commitRound(); err != nil {
			return err
		}
	}
	return r.ack()
}

// letGo leaves the record such that the room can go on from it where it stands, in the same epoch. Afterwards the room
// plays nothing: it goes to sleep, or is handed over.
func (r *room) letGo() error { return r.letGoUntil(time.Time{}) }

// letGoUntil is letGo of a room that sleeps until then without a queue; zero: that has one.
func (r *room) letGoUntil(asleep time.Time) error {
	a := r.awake
	to := r.newCommit()
	to.Wake = a.wants()
	to.Published = a.published
	to.Asleep = asleep
	if r.game.keep == durable {
		if to.Published == a.noted && to.Wake == a.wake && asleep.IsZero() {
			return nil
		}
	} else if a.line.ring.len() > 0 {
		to.Log = a.line.logRing()
		a.line.runs = nil
	}
	if err := r.addChange(to); err != nil {
		return err
	}
	if _, err := r.commit(to); err != nil {
		return err
	}
	return r.ack()
}

// sleep lets the room go from memory. Its next message brings it back, or a timer that asks for one.
func (r *room) sleep() error {
	until := r.retireUntil()
	if err := r.letGoUntil(until); err != nil {
		return err
	}
	if !until.IsZero() {
		if err := r.retire(); err != nil {
			return err
		}
	}
	if at, ok := r.awake.NextFire(); ok {
		r.setAlarm(at)
	}
	r.noteGateways()
	r.setAwake(nil)
	r.batch = nil
	if len(r.stash) == 0 { // what came while the store was waited for wakes the room at once
		r.stash = nil
	}
	r.game.counts.slept.Inc()
	return nil
}
