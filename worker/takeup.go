package worker

import (
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// awake is a room that is in memory.
type awake struct {
	*handlers.Instance
	line      line
	term      uint64
	published uint64    // outputs up to this number are published
	noted     uint64    // the record's Published
	wake      bool      // the record's Wake
	dirty     bool      // memory has changed since the record's (not Durable)
	saved     time.Time // when that was kept (not Durable)
	tag       uint64    // of the last message played
	unacked   int       // messages played, not acked
	active    time.Time // when something last happened
	tick      time.Time // when the next tick is due; zero: no ticks
	condemned []string  // messages that are to be skipped, by condemnKey
	change    change
}

// change is what a round does, until it is settled.
type change struct {
	lines              []entry          // numbered outputs
	out                []*broker.Output // everything to be published, in order
	seated, unseated   []string
	released           []string // unseated because they have given their seats up
	awards             []store.Award
	grants             []store.Grant
	scores             []store.Score
	outcomes           []store.Outcome
	backfill           *store.Backfill
	jobs               []store.Job
	dead               []store.DeadLetter
	absolve            []string // skipped
	changed            bool     // the memory is another
	begun, ended, left bool     // left: the last member has
	sent               int      // so many of out are published
}

// wants reports whether the room wants a worker even if nobody speaks to it.
func (a *awake) wants() bool {
	_, fires := a.NextFire()
	return !a.Ended() && (fires || a.Online() > 0) || a.change.sent < len(a.change.out)
}

// takeUp makes this worker the room's: it raises the term, reads the memory, and publishes again what may not have
// been. It is called only when the pipe has given something.
//
// Continuity of a room that is not Durable: its outputs are not in its record, so after a crash a new epoch begins. A
// worker that lets it go in good order (see letGo) leaves Published equal to N, and its outputs in the log; whoever
// takes the room up then goes on in the same epoch, after it has taken that mark away.
func (r *room) takeUp() error {
	r.unsetAlarm()
	rec, err := r.raiseTerm()
	if err != nil {
		return err
	}
	if rec.Room.State == store.Closed {
		return r.bury(broker.Position{Epoch: rec.Epoch, N: rec.N + 1}, rec.Term)
	}
	inst, err := r.game.Load(r.id, rec.Memory)
	if err != nil {
		r.game.counts.unreadable.Inc()
		return fmt.Errorf("load memory: %w", err)
	}
	now := r.w.now()
	// Nobody could come back to it while no process had it. But one that slept in good order was there for them, if it has not
	// slept over what it was to be woken for.
	if !r.known && !rec.Room.Asleep.After(r.w.watching) {
		inst.HoldAgain(now)
	}
	r.known = true
	a := &awake{
		Instance: inst, term: rec.Term, noted: rec.Published, published: rec.Published, saved: now, active: now,
		condemned: rec.Condemned,
		line:      line{retain: r.game.policy.Retain},
	}
	fresh := rec.Term == 1 && rec.N == 0
	if r.game.keep != durable && rec.N > 0 && rec.Published == rec.N { // it goes on where it was let go
		if rec.Log, err = r.readLog(rec.Epoch); err != nil {
			return err
		}
	}
	unpublished, ok := a.line.load(&rec)
	switch {
	case r.game.keep != durable && !fresh:
		err = r.goOn(a, &rec, ok)
	case !ok:
		r.w.log.Error("room's kept outputs are lost: its players get a snapshot", "room", r.id, "game", r.game.name,
			"published", rec.Published, "last", rec.N)
		a.line.restart()
		a.published = 0
	default:
		for _, e := range unpublished {
			o := *e.Output
			o.Term = a.term
			a.change.out = append(a.change.out, &o)
		}
	}
	if err != nil {
		return err
	}
	r.setAwake(a)
	r.orphans.Store(a.Online() > 0)
	r.minded.Store(true)
	r.owes = false
	r.game.counts.takenUp.Inc()
	r.w.log.Debug("room taken up", "room", r.id, "game", r.game.name, "term", a.term, "epoch", a.line.at.Epoch,
		"n", a.line.at.N, "unpublished", len(a.change.out))
	if a.Ended() {
		a.change.ended = true
		return r.settle()
	}
	if err := r.publishRound(len(a.change.out)); err != nil {
		return err
	}
	a.change = change{}
	return nil
}

// goOn takes the mark of an orderly end away from a room that is not Durable, or begins a new epoch when there is none.
func (r *room) goOn(a *awake, rec *store.Record, whole bool) error {
	if orderly := rec.N > 0 && rec.Published == rec.N; !orderly || !whole {
		a.line.restart()
	}
	a.line.runs, a.line.older = nil, false
	a.published, a.noted = a.line.at.N, 0
	r.awake = a // for commit
	defer func() { r.awake = nil }()
	a.wake = true
	_, err := r.commit(&store.Commit{
		Room: r.id, Term: a.term, Epoch: a.line.at.Epoch, N: a.line.at.N, Wake: true, Forget: a.line.at.N,
	})
	return err
}

// raiseTerm takes the room up in the store, waiting while that is unavailable.
func (r *room) raiseTerm() (store.Record, error) {
	for try := 0; ; try++ {
		select {
		case r.w.raising <- struct{}{}:
		case <-r.w.taking.Done():
			return store.Record{}, errLeft
		}
		rec, err := r.w.store.TakeUp(r.w.taking, r.id)
		<-r.w.raising
		switch {
		case err == nil:
			return rec, nil
		case errors.Is(err, store.ErrNotFound):
			// Nobody has made this room, or somebody has removed it: what waits for it is for nobody.
			r.deleteQueue()
			return rec, errGone
		case r.w.taking.Err() != nil || r.ranked() == nowhere:
			return rec, errLeft
		}
		if try == 0 {
			r.w.log.Warn("room waits for the store", "room", r.id, "game", r.game.name, "error", err)
		}
		if err := r.pause(try); err != nil {
			return rec, err
		}
	}
}

// recall reads what the line keeps from before the room was taken up, once: when somebody asks for it, or when it is time
// to forget some of it. Not before, so that a worker's death costs the same whatever its rooms have kept.
func (r *room) recall() error {
	kept, err := r.readLog(r.awake.line.at.Epoch)
	if err == nil {
		r.awake.line.recall(r.id, kept)
	}
	return err
}

// readLog reads all that the room keeps of an epoch, waiting while the store is unavailable.
func (r *room) readLog(epoch uint64) ([]store.Logged, error) {
	for try := 0; ; try++ {
		kept, err := r.w.store.Log(r.w.work, r.id, epoch)
		if err == nil {
			return kept, nil
		}
		if try == 0 {
			r.w.log.Warn("room waits for the store", "room", r.id, "game", r.game.name, "error", err)
		}
		if err := r.pause(try); err != nil {
			return nil, err
		}
	}
}
