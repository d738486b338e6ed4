package web

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/madang-games/madang/broker"
)

// A room's keeper is the one goroutine that binds its topic and tells it of connections that come and go, one after
// the other: so a detach never overtakes an attach, nor an unbind a bind. It is there while there is something to do.

type jobKind uint8

const (
	attach jobKind = iota
	detach
)

type job struct {
	kind                     jobKind
	sub                      *subscription // attach
	conn, user, name, reason string        // detach
}

// rebindEvery is the least time between two bindings of a topic for want of an answer.
const rebindEvery = 2 * time.Second

// maxJobs bounds what all keepers have to do, together. It is reached only when the broker is away for long while
// clients come and go; then rooms are not told of those that go.
const maxJobs = 1 << 16

func (r *room) pushLocked(j job) {
	if r.hub.g.jobs.Add(1) > maxJobs && j.kind == detach {
		r.hub.g.jobs.Add(-1)
		r.hub.g.metrics.dropped.WithLabelValues("detach").Inc()
		r.hub.g.log.Error("too much waits to be told to rooms; one is not told of a connection that is gone",
			"room", r.id, "conn", j.conn, "user", j.user)
		return
	}
	r.jobs = append(r.jobs, j)
	r.wakeLocked()
}

// wakeLocked sees to it that a keeper looks at the room.
func (r *room) wakeLocked() {
	if !r.kept && (len(r.jobs) > 0 || len(r.all) == 0) {
		r.kept = true
		r.hub.g.keepers.Add(1)
		go r.keep()
	}
}

func (r *room) keep() {
	defer r.hub.g.keepers.Done()
	for {
		r.mu.Lock()
		if len(r.jobs) == 0 {
			r.jobs = nil
			if len(r.all) > 0 {
				r.kept = false
				r.mu.Unlock()
				return
			}
			r.mu.Unlock()
			if r.rest() {
				return
			}
			continue
		}
		j := r.jobs[0]
		r.jobs[0] = job{}
		r.jobs = r.jobs[1:]
		r.mu.Unlock()
		r.hub.g.jobs.Add(-1)
		if j.kind == attach {
			r.attach(j.sub)
		} else {
			r.detach(j)
		}
	}
}

// rest takes leave of a room without subscribers: the topic is unbound and the room forgotten. False: somebody has
// come meanwhile.
func (r *room) rest() bool {
	if r.bound {
		err := r.hub.g.lane(r.hub.g.life, func() error { return r.hub.g.feed.Unbind(r.hub.g.life, r.id) })
		if err != nil { // what is still delivered finds no room, and the next unbind takes the binding away
			r.hub.g.log.Debug("cannot unbind a room", "room", r.id, "err", err)
		}
		r.bound = false
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = broker.Position{} // outputs may have been missed
	if len(r.all) > 0 || len(r.jobs) > 0 {
		return false
	}
	delete(r.hub.rooms, r.id)
	return true
}

// attach binds the topic and sends one attach for sub. What comes after that in the room's queue is answered on a
// topic that this gateway hears.
func (r *room) attach(sub *subscription) {
	r.mu.Lock()
	sub.asked = false
	gone, over := sub.over.Load(), r.closed != nil
	r.mu.Unlock()
	if gone { // the room has ended it, or the client
		sub.begin(nil)
		return
	}
	err := error(refuseRoomClosed)
	if !over {
		err = r.tryAttach(sub)
	}
	if errors.Is(err, refuseRoomClosed) {
		err = r.part(sub)
	}
	var why *refusal
	switch {
	case errors.Is(err, errOver):
		sub.begin(nil)
	case err == nil || errors.As(err, &why) || sub.s.ctx.Err() != nil:
		sub.begin(err)
	default:
		r.hub.g.log.Warn("cannot attach a subscription", "room", r.id, "conn", sub.s.id, "err", err)
		sub.begin(refuseUnavailable)
	}
}

func (r *room) tryAttach(sub *subscription) error {
	g, ctx := r.hub.g, sub.s.ctx
	select {
	case <-g.fed:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	unheard := r.unheard
	r.unheard = false
	r.mu.Unlock()
	if unheard && r.bound {
		r.rebind()
	}
	if !r.bound {
		bind := func() error { return g.feed.Bind(ctx, r.id) }
		if err := g.persist(ctx, "bind", r.id, bind); err != nil {
			return err
		}
		r.bound = true
	}
	if sub.begun { // the seat may be gone since: to the room, attaching is joining
		why := refuseUnavailable
		err := g.persist(ctx, "seat", r.id, func() error {
			var watches bool
			if watches, why = sub.s.seated(r.id); why == refuseUnavailable {
				return why
			}
			sub.watches.Store(watches)
			return nil
		})
		if err != nil {
			return err
		}
		if why != nil {
			return why
		}
	}
	r.mu.Lock()
	if sub.over.Load() {
		r.mu.Unlock()
		return errOver
	}
	r.forgetAttemptLocked(sub)
	sub.tries++
	sub.told = true
	sub.sent = g.now()
	attempt := sub.s.id + "." + strconv.FormatUint(sub.order, 36) + "." + strconv.FormatUint(g.attempts.Add(1), 36)
	sub.attempt = attempt
	r.attempts[attempt] = sub
	m := r.message(broker.Attach, sub.s.id, sub.s.user.User, sub.s.user.Name)
	m.Attempt, m.Resume = attempt, sub.resume
	m.Unawaited = true // one that is lost goes unanswered, and is sent again
	if sub.watches.Load() {
		m.Reason = broker.ReasonSpectator
	}
	r.mu.Unlock()
	err := g.persist(ctx, "attach", r.id, func() error { return g.send(ctx, m) })
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if sub.attempt == attempt { // not answered yet
		sub.retry = time.AfterFunc(retryAfter(sub.tries), func() { r.again(sub, attempt) })
	}
	return nil
}

// rebind takes the binding away, so that it is made anew: no answer came, and perhaps because a node of the broker does
// not know that we listen. What is missed meanwhile shows as a hole.
// Others may be live here: the binding is made again whatever becomes of who has asked.
func (r *room) rebind() {
	g := r.hub.g
	now := g.now()
	if now.Sub(r.rebound) < rebindEvery {
		return
	}
	r.rebound = now
	if err := g.lane(g.life, func() error { return g.feed.Unbind(g.life, r.id) }); err != nil {
		g.log.Debug("cannot unbind a room", "room", r.id, "err", err)
	}
	r.bound = g.persist(g.life, "bind", r.id, func() error { return g.feed.Bind(g.life, r.id) }) == nil
}

// again attaches sub once more, if attempt has not been answered.
func (r *room) again(sub *subscription, attempt string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sub.over.Load() || sub.attempt != attempt {
		return
	}
	r.unheard = r.unheard || !r.heard.After(sub.sent)
	r.hub.g.metrics.retries.Inc()
	r.hub.g.log.Info("a room has not answered; attaching again", "room", r.id, "conn", sub.s.id, "tries", sub.tries)
	r.attachLocked(sub)
}

// detach tells the room that a connection is gone. It goes on trying: the room would wait for nobody.
func (r *room) detach(j job) {
	g := r.hub.g
	m := r.message(broker.Detach, j.conn, j.user, j.name)
	m.Reason = j.reason
	err := g.persist(g.life, "detach", r.id, func() error {
		err := g.broker.Send(g.life, m)
		if errors.Is(err, broker.ErrNoRoom) {
			return nil // nobody there to tell
		}
		return err
	})
	if err != nil {
		g.metrics.dropped.WithLabelValues("detach").Inc()
		g.log.Warn("a room was not told of a connection that is gone", "room", r.id, "conn", j.conn, "err", err)
	}
}

func (r *room) message(kind broker.Kind, conn, user, name string) *broker.Message {
	return &broker.Message{
		Room: r.id, Kind: kind, User: user, Name: name, Conn: conn,
		Time: r.hub.g.now().Truncate(time.Millisecond),
	}
}

// persist does a thing until it succeeds, ctx ends, or the answer is final: a refusal other than that a queue is full
// or something unavailable, or that the broker is closed.
func (g *Gateway) persist(ctx context.Context, what, room string, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := g.lane(ctx, do)
		var why *refusal
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, broker.ErrClosed):
			return err
		case errors.As(err, &why) && why != refuseQueueFull && why != refuseUnavailable:
			return err
		}
		g.log.Debug("trying again", "what", what, "room", room, "err", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// lanes is how many keepers speak to the broker or the store at a time.
const lanes = 64

// lane does a thing when one of the lanes is free.
func (g *Gateway) lane(ctx context.Context, do func() error) error {
	select {
	case g.lanes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.lanes }()
	return do()
}
