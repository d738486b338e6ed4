package web

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// attendance is what the store and friends know of one user's being here.
type attendance struct {
	kept  bool   // the store has it
	stale bool   // and perhaps not so
	room  string // that the store has
	since time.Time
	away  time.Time // since when the user is not connected here; zero: it is
	idle  time.Time // since when it is in no room, though the store has one; zero: it is not
	news  bool      // friends are to be told
	told  time.Time // when they were told last
	said  string    // and what: see keyOf
}

// keyOf is what is news of a user's presence.
func keyOf(p broker.Present) string {
	if !p.Online {
		return "offline"
	}
	return "in " + p.Room
}

// registrar keeps this gateway's presences. It belongs to one goroutine.
type registrar struct {
	g   *Gateway
	all map[string]*attendance
	due map[string]time.Time // when users are to be looked at again
}

// keepPresences keeps the store and friends informed until ctx ends. What is left in the store then, other gateways drop as that
// of one that is gone: those whose connections were here come back elsewhere meanwhile.
func (g *Gateway) keepPresences(ctx context.Context) {
	r := &registrar{g: g, all: map[string]*attendance{}, due: map[string]time.Time{}}
	sweep := time.NewTimer(presenceGrace)
	defer sweep.Stop()
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		again.Reset(r.next())
		select {
		case <-ctx.Done():
			return
		case <-g.presences.swept:
			sweep.Reset(presenceGrace) // by then who was there is back elsewhere
			continue
		case <-sweep.C:
			r.sweep(ctx)
			sweep.Reset(sweepEvery)
			continue
		case <-g.presences.wake:
			if sleep(ctx, presenceGather) != nil {
				return
			}
		case <-again.C:
		}
		r.round(ctx)
	}
}

// next is how long nothing has to be done if nobody moves.
func (r *registrar) next() time.Duration {
	wait := time.Hour
	now := r.g.now()
	for _, at := range r.due {
		wait = min(wait, max(at.Sub(now), time.Millisecond))
	}
	return wait
}

// round looks at who has moved and who is due, brings the store up to date, and tells friends.
func (r *registrar) round(ctx context.Context) {
	now := r.g.now()
	moved := r.g.presences.take()
	for user, at := range r.due {
		if !at.After(now) {
			moved[user] = true
		}
	}
	var here []store.Presence
	var gone, news []string
	for user := range moved {
		delete(r.due, user)
		p, change, left := r.look(user, now)
		if change {
			here = append(here, p)
		}
		if left {
			gone = append(gone, user)
		}
	}
	for len(here)+len(gone) > 0 {
		n, m := min(len(here), presenceChunk), min(len(gone), presenceChunk)
		if !r.keep(ctx, here[:n], gone[:m], now) {
			break
		}
		here, gone = here[n:], gone[m:]
	}
	for user := range moved {
		a := r.all[user]
		switch {
		case a == nil:
		case a.news && now.Sub(a.told) >= presenceGrace:
			news = append(news, user)
		case a.news || !a.kept && now.Sub(a.told) < presenceGrace:
			r.wait(user, a.told.Add(presenceGrace))
		case !a.kept:
			delete(r.all, user)
		}
	}
	r.tell(ctx, news)
}

// wait has the user looked at again at a time, or before.
func (r *registrar) wait(user string, at time.Time) {
	if due, waits := r.due[user]; !waits || at.Before(due) {
		r.due[user] = at
	}
}

// look compares where a user is with what the store has.
func (r *registrar) look(user string, now time.Time) (p store.Presence, change, gone bool) {
	here, room := r.g.whereabouts(user)
	a := r.all[user]
	switch {
	case a == nil && !here:
		return p, false, false
	case a == nil:
		a = &attendance{since: now}
		r.all[user] = a
	case !a.kept && here && !a.stale:
		a.since = now
	}
	// For a while it is as if nothing had happened.
	if since(&a.away, !here && a.kept, now) {
		r.wait(user, a.away.Add(presenceGrace))
		here, room = true, a.room
	}
	if since(&a.idle, here && room == "" && a.kept && a.room != "", now) {
		r.wait(user, a.idle.Add(presenceGrace))
		room = a.room
	}
	if !here {
		return p, false, a.kept
	}
	return store.Presence{User: user, Gateway: r.g.process, Room: room, Since: a.since}, !a.kept || a.stale || a.room != room, false
}

// since sets when something has begun that is so, and reports whether that is not long ago.
func since(begun *time.Time, is bool, now time.Time) bool {
	switch {
	case !is:
		*begun = time.Time{}
	case begun.IsZero():
		*begun = now
	}
	return is && now.Sub(*begun) < presenceGrace
}

// keep writes to the store, and notes what is news. False: the store can't be reached, and it will be tried again.
func (r *registrar) keep(ctx context.Context, here []store.Presence, gone []string, now time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, presenceTime)
	defer cancel()
	elsewhere, left, err := r.g.store.KeepPresences(ctx, r.g.process, here, gone)
	if err != nil {
		r.g.log.Debug("cannot keep who is connected; trying on", "err", err)
		for _, p := range here {
			r.wait(p.User, now.Add(presenceAgain))
		}
		for _, user := range gone {
			r.wait(user, now.Add(presenceAgain))
		}
		return false
	}
	for _, p := range here {
		a := r.all[p.User]
		room, came := elsewhere[p.User]
		if came && !a.kept { // that may be all: it is seen when it has settled
			a.told, a.said = now, keyOf(broker.Present{Online: true, Room: room})
			r.wait(p.User, now.Add(presenceGrace))
		}
		a.news = a.news || !a.kept || a.room != p.Room
		a.kept, a.stale, a.room = true, false, p.Room
	}
	for _, user := range gone {
		a := r.all[user]
		*a = attendance{told: a.told, said: a.said, news: slices.Contains(left, user)}
	}
	return true
}

// tell tells friends who are connected of users, if it is another thing than they were told last.
func (r *registrar) tell(ctx context.Context, users []string) {
	if len(users) == 0 {
		return
	}
	now := r.g.now()
	ctx, cancel := context.WithTimeout(ctx, 2*presenceTime)
	defer cancel()
	present, err := r.present(ctx, users)
	var news []string
	for _, user := range users {
		// Without an attendance: users of another gateway, which is gone.
		if a := r.all[user]; a == nil || a.said != keyOf(present[user]) {
			news = append(news, user)
		}
	}
	var watchers map[string][]string
	if err == nil && len(news) > 0 {
		watchers, err = r.g.store.Watchers(ctx, news, maxWatchers)
	}
	var told []broker.Told
	for _, user := range users {
		p := present[user]
		if len(watchers[user]) > 0 {
			p.User = user
			body, fails := json.Marshal(p)
			if fails != nil { // texts and a time
				panic(fails)
			}
			for _, watcher := range watchers[user] {
				told = append(told, broker.Told{User: watcher, Type: broker.TypePresence, Body: body, At: now.UnixMilli()})
			}
		}
		if a := r.all[user]; a != nil { // it is of the moment: who is not told sees it in the list
			a.news, a.told, a.said = false, now, keyOf(p)
			r.wait(user, now.Add(presenceGrace))
		}
	}
	for some := range slices.Chunk(told, presenceChunk/2) {
		if err == nil {
			err = r.g.post(ctx, broker.NoticeNotes, broker.Notes{Notes: some})
		}
	}
	if err != nil {
		r.g.log.Debug("friends were not told of who is connected", "users", len(users), "err", err)
	}
}

// present is where users are, of each the newest connection to a gateway that is there.
func (r *registrar) present(ctx context.Context, users []string) (map[string]broker.Present, error) {
	found, err := r.g.store.Presences(ctx, users)
	now, present := r.g.now(), map[string]broker.Present{}
	for _, p := range found { // the newest of each first
		if _, known := present[p.User]; !known && (p.Gateway == r.g.process || r.g.roster.Has(p.Gateway, now, broker.DefaultMissing)) {
			present[p.User] = broker.Present{Online: true, Since: p.Since, Game: p.Game, Room: p.Room}
		}
	}
	return present, err
}

// sweep drops the presences of gateways that are gone, and writes its own again if the store has not as many: another one may
// have taken this one for dead.
func (r *registrar) sweep(ctx context.Context) {
	now := r.g.now()
	if since := r.g.hearing.Load(); since == 0 || now.UnixNano()-since < int64(presenceGrace) {
		return // the board is silent, or has not told of everybody yet
	}
	asking, cancel := context.WithTimeout(ctx, presenceTime)
	defer cancel()
	gateways, err := r.g.store.Gateways(asking)
	if err != nil {
		r.g.log.Debug("cannot count who is connected", "err", err)
		return
	}
	kept := 0
	for _, a := range r.all {
		if a.kept {
			kept++
		}
	}
	if gateways[r.g.process] != kept {
		for user, a := range r.all {
			a.stale = a.kept
			r.wait(user, now)
		}
	}
	for gateway := range gateways {
		for gateway != r.g.process && !r.g.roster.Has(gateway, now, broker.DefaultMissing) {
			more, err := r.drop(ctx, gateway)
			if err != nil {
				r.g.log.Debug("cannot drop who was connected to a gateway that is gone", "err", err)
				return
			}
			if !more {
				break
			}
		}
	}
}

// drop takes some of the presences of a gateway away that is gone, and tells the friends of who has come nowhere else.
func (r *registrar) drop(ctx context.Context, gateway string) (more bool, err error) {
	dropping, cancel := context.WithTimeout(ctx, presenceTime)
	defer cancel()
	users, left, err := r.g.store.DropPresences(dropping, gateway, presenceChunk)
	if err == nil {
		r.tell(ctx, left)
	}
	return len(users) == presenceChunk, err
}
