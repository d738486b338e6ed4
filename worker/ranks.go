package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

const (
	noticesAhead = 1024 // opened rooms that wait to be looked at
	pageSize     = 500  // of a look at the store
	sweepAtOnce  = 4    // rooms swept at a time
	sweepTimeout = 5 * time.Second
	unsweptMost  = 1000        // rooms swept by a look
	expireEvery  = time.Second // looks whether a process is missing
)

// watch follows the board and the store, and decides which rooms this worker consumes, until ctx ends.
func (w *Worker) watch(ctx context.Context) error {
	opened := make(chan broker.RoomOpened, noticesAhead)
	err := w.broker.Watch(ctx, func(n broker.Notice) { w.see(n, opened) })
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("worker: watch the board: %w", err)
	}
	var looking sync.WaitGroup
	defer looking.Wait()
	looking.Go(func() { w.repeat(ctx, w.every, w.again, w.lookAtLive) })
	looking.Go(func() { w.sweepOn(ctx) })
	looking.Go(func() { w.tellOfJobs(ctx) })
	w.lookSoon()

	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	trusted := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case room := <-opened:
			if g := w.games[key{room.Game, room.Version}]; g != nil {
				w.assign(g, room.Room, w.rankOf(room.Room, g, w.present()), true)
			}
		case <-expire.C:
			w.expire(&trusted)
		}
	}
}

// expire strikes off who is silent, unless this process itself is not heard: then it is the board that is silent, and
// everybody stays where they are.
func (w *Worker) expire(trusted *bool) {
	now := w.now()
	if !w.roster.Has(w.process, now, broker.DefaultMissing) {
		*trusted = false
		return
	}
	gone := w.roster.Expire(now, broker.DefaultMissing)
	if len(gone) > 0 {
		w.whoChanged(false)
	}
	trust := w.trusts(now)
	if trust && (!*trusted || len(gone) > 0) {
		w.checkGateways()
	}
	*trusted = trust
}

// see takes a notice without blocking.
func (w *Worker) see(n broker.Notice, opened chan<- broker.RoomOpened) {
	if n.Kind == broker.NoticeMissed {
		w.whoChanged(true) // and rooms may have been opened
		return
	}
	if w.roster.Observe(n, w.now()) {
		w.whoChanged(false)
		if n.Kind == broker.NoticeGone && w.trusts(w.now()) {
			w.checkGateways()
		}
	}
	if n.Kind != broker.NoticeRoom {
		return
	}
	var room broker.RoomOpened
	if json.Unmarshal(n.Body, &room) != nil || room.Room == "" {
		w.log.Warn("notice of a room can't be read", "from", n.From)
		return
	}
	if w.games[key{room.Game, room.Version}] == nil {
		return
	}
	select {
	case opened <- room:
	default:
		w.metrics.notices.Inc()
		w.whoChanged(true)
	}
}

func (w *Worker) lookSoon() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// present returns who is there. This worker counts itself in, also before its own announcement comes round.
func (w *Worker) present() []broker.Process {
	all := w.roster.All()
	i := slices.IndexFunc(all, func(p broker.Process) bool { return p.ID == w.process })
	if i < 0 {
		i, all = len(all), append(all, broker.Process{ID: w.process, Games: w.Games()})
	}
	all[i].Drains = all[i].Drains || w.draining.Load()
	return all
}

// rankOf returns first, standby or nowhere.
func (w *Worker) rankOf(room string, g *game, present []broker.Process) int {
	ranks := broker.Rank(room, g.name, g.version, present)
	// The process may have announced it before the worker was told, and nobody ranks one that drains.
	if slices.ContainsFunc(present, func(p broker.Process) bool { return p.ID == w.process && p.Drains }) {
		return w.rankWhileDraining(room, ranks)
	}
	rank := slices.Index(ranks, w.process)
	if rank > standby {
		return nowhere
	}
	return rank
}

// assign gives the room the rank. wanted: somebody has something for it, so that it gets a queue even if it sleeps.
func (w *Worker) assign(g *game, id string, rank int, wanted bool) *room {
	for {
		w.mu.Lock()
		r := w.rooms[id]
		if r == nil {
			if rank == nowhere || w.stopped {
				w.mu.Unlock()
				return nil
			}
			r = &room{w: w, game: g, id: id, rank: nowhere, aim: nowhere}
			w.rooms[id] = r
		}
		w.mu.Unlock()
		if wanted {
			r.want()
		}
		if r.setRank(rank) {
			return r
		}
		w.mu.Lock()
		if w.rooms[id] == r { // it is over, but not yet taken out
			delete(w.rooms, id)
		}
		w.mu.Unlock()
	}
}

// setApart makes a room that begins anew, and that failed by itself before: it takes no other one with it.
func (w *Worker) setApart(g *game, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms[id] == nil && !w.stopped {
		w.rooms[id] = &room{w: w, game: g, id: id, rank: nowhere, aim: nowhere, alone: true}
	}
}

// repeat does a look now and then and whenever it is asked to, until ctx ends. One that fails is done again after a while.
func (w *Worker) repeat(ctx context.Context, every time.Duration, again chan struct{}, look func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for fails := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-again:
		}
		err := look(ctx)
		if err == nil || ctx.Err() != nil {
			fails = 0
			continue
		}
		if fails == 0 {
			w.log.Warn("worker can't look at the store", "error", err)
		}
		select {
		case <-time.After(backoff(fails)):
		case <-ctx.Done():
			return
		}
		select {
		case again <- struct{}{}:
		default:
		}
		fails++
	}
}

// lookAtLive ranks every room of the worker's games that is neither over nor asleep, and wakes those that want it and are
// minded by nobody here. A room that does not live any more is let go: the broker need not have told its consumers that the
// queue is gone.
func (w *Worker) lookAtLive(ctx context.Context) error {
	l := &looked{w: w, present: w.present(), before: map[*room]bool{}}
	w.each(func(r *room) { l.before[r] = true })
	for _, g := range w.games {
		for after := ""; ; {
			page, err := w.store.LiveRooms(ctx, g.name, g.version, after, pageSize)
			if err != nil {
				return fmt.Errorf("list live rooms: %w", err)
			}
			for _, live := range page {
				if !w.isNewborn(live) {
					l.place(g, live)
				}
			}
			if len(page) < pageSize {
				break
			}
			after = page[len(page)-1].ID
		}
	}
	for r := range l.before { // over, or asleep and perhaps about to be woken
		is, err := w.store.Room(ctx, r.id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && is.State == store.Closed:
			r.setRank(nowhere)
		case err != nil:
			return fmt.Errorf("look room up: %w", err)
		default:
			l.place(r.game, store.LiveRoom{ID: r.id})
		}
	}
	if err := w.wakeDue(ctx, l.present); err != nil {
		return err
	}
	if err := w.lookAtOpened(ctx, l.present); err != nil {
		return err
	}
	w.handAll(ctx, append(l.leaving, l.asleep...))
	return nil
}

// newborn is how long a new room is left to those who have made it, and tell of it when its queue is there.
const newborn = 10 * time.Second

// isNewborn reports whether the room is so new that its queue may be in the making, and so that this worker is told of it and ranks it
// then as it does now. Queues in the making answer nobody, and to try to make one at the same time costs the broker as much as another
// queue. A room that was there when somebody came or went is looked at whatever its age: it may have lost its worker, or have got this
// one.
func (w *Worker) isNewborn(live store.LiveRoom) bool {
	age := w.now().Sub(live.CreatedAt)
	return age >= 0 && age < newborn && live.CreatedAt.After(w.watching) &&
		live.CreatedAt.After(time.Unix(0, w.changed.Load()).Add(clocksDiffer)) && w.held(live.ID) == nil
}

// clocksDiffer is by how much a lobby's clock and this process's may.
const clocksDiffer = time.Second

// whoChanged has the store looked at since processes have come, gone or changed; missed: since notices may have been missed. If it is
// about who plays this worker's games, or missed, new rooms are looked at, too.
func (w *Worker) whoChanged(missed bool) {
	var players []string
	for _, p := range w.roster.All() {
		if !p.Drains && p.ID != w.process && w.shares(p.Games) {
			players = append(players, p.ID)
		}
	}
	slices.Sort(players)
	w.playersMu.Lock()
	if missed || !slices.Equal(players, w.players) {
		w.players = players
		w.changed.Store(w.now().UnixNano())
	}
	w.playersMu.Unlock()
	w.lookSoon()
}

// shares reports whether one of games, by their versions, is this worker's.
func (w *Worker) shares(games map[string][]string) bool {
	for g := range w.games {
		if slices.Contains(games[g.name], g.version) {
			return true
		}
	}
	return false
}

// looked is what a look finds.
type looked struct {
	w               *Worker
	present         []broker.Process
	before          map[*room]bool // that the worker had, and were not found yet
	leaving, asleep []*room        // to be handed over
}

func (l *looked) place(g *game, live store.LiveRoom) {
	rank := l.w.rankOf(live.ID, g, l.present)
	r := l.w.held(live.ID)
	switch {
	case r == nil || !worse(r.ranked(), rank):
		r = l.w.assign(g, live.ID, rank, false)
	case r.minded.Load():
		l.leaving = append(l.leaving, r)
	default:
		l.asleep = append(l.asleep, r)
	}
	delete(l.before, r)
	// Where a sleeping room costs nothing, each that is not asleep is woken once, to find out whether it may.
	if r != nil && rank == first && !r.minded.Load() && (live.Wake || l.w.retirer != nil) {
		r.wakeUp()
	}
}

// sweepOn sweeps closed rooms until ctx ends, apart from the looks at live ones: those must not wait for the queue of a room that
// is over.
func (w *Worker) sweepOn(ctx context.Context) {
	again := make(chan struct{}, 1)
	again <- struct{}{}
	var unswept map[string]bool
	w.repeat(ctx, max(w.every/6, 1), again, func(ctx context.Context) (err error) {
		unswept, err = w.sweepAll(ctx, unswept)
		return err
	})
}

// sweepAll sweeps the closed rooms that still wait for it and did so at the last look: the others may be in the hands
// of their worker at this moment. It returns those that wait now. And it forgets how rooms ended that closed long ago.
func (w *Worker) sweepAll(ctx context.Context, before map[string]bool) (map[string]bool, error) {
	ids, err := w.store.Unswept(ctx, unsweptMost)
	if err != nil {
		return before, fmt.Errorf("list unswept rooms: %w", err)
	}
	waiting := map[string]bool{}
	slots := make(chan struct{}, sweepAtOnce)
	var sweeping sync.WaitGroup
	for _, id := range ids {
		waiting[id] = true
		if !before[id] {
			continue
		}
		slots <- struct{}{}
		sweeping.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
			defer cancel()
			if err := w.sweep(ctx, id); err != nil && ctx.Err() == nil {
				w.log.Warn("closed room not swept", "room", id, "error", err)
			}
		})
	}
	sweeping.Wait()
	return waiting, w.forgetFarewells(ctx)
}
