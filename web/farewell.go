package web

import (
	"context"
	"errors"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

// A room that is over answers nobody, and its players have no seats any more. For those whose connection was cut just as it
// ended the store keeps its last outputs for a while: they get what followed the place where they stood, up to $closed,
// or else nothing of it.

// farewell is what followed after of a room that is over, as far as the user may hear it; the last is $closed. Where not
// all of that is kept, it is not whole and has $closed alone. It is empty when the user did not sit there at the end, or
// nothing is kept any more.
func (g *Gateway) farewell(ctx context.Context, room, user string, after broker.Position) (outs []*broker.Output, whole bool, err error) {
	now := g.now()
	f, err := g.store.Farewell(ctx, room, user, after.N, now)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	end := broker.Position{Epoch: f.Epoch, N: f.N + 1}
	closing := broker.Closed(room, end, now)
	last := after.N // of those before $closed that the user has heard, or was not to hear
	for _, kept := range f.Log {
		entries, err := broker.DecodeRun(room, f.Epoch, kept.First, kept.Last, kept.Data)
		if err != nil {
			g.log.Error("the end of a room cannot be read", "room", room, "first", kept.First, "last", kept.Last, "err", err)
			continue // which leaves a hole
		}
		for _, e := range entries {
			if e.At == end && e.Type == broker.TypeClosed {
				closing = e.Output
			}
			if e.At.N != last+1 || e.At.N >= end.N {
				continue
			}
			last++
			if e.MayHear(user) {
				outs = append(outs, e.Output)
			}
		}
	}
	if after.Epoch != f.Epoch || last != f.N {
		return []*broker.Output{closing}, false, nil
	}
	return append(outs, closing), true, nil
}

// attend is the subscribing to a room that is over, of a client that has heard it up to some place: if all that followed
// is kept, that is what the subscription gets, and then it is over.
func (s *session) attend(f *stomp.Frame, room string, sub *subscription) error {
	if sub.resume.Epoch == 0 {
		return refuseRoomClosed
	}
	var outs []*broker.Output
	var whole bool
	err := s.g.lane(s.ctx, func() (err error) {
		outs, whole, err = s.g.farewell(s.ctx, room, s.user.User, sub.resume)
		return err
	})
	switch {
	case s.ctx.Err() != nil:
		return errOver
	case err != nil:
		s.g.log.Warn("cannot look up how a room ended", "conn", s.id, "user", s.user.User, "room", room, "err", err)
		return refuseUnavailable
	case !whole:
		return refuseRoomClosed
	}
	sub.room = newRoom(&s.g.hub, room) // one of its own, to which nothing happens any more
	sub.over.Store(true)
	if err := s.enter(sub, func() {}); err != nil {
		return err
	}
	s.acknowledge(f)
	if !sub.tell(outs) {
		return refuseSlowReader
	}
	return nil
}

// part ends a subscription that finds its room over: with what it missed, if it stood somewhere and that is kept, else
// with $closed alone. refuseRoomClosed: there is no $closed to end it with. Of the room's keeper.
func (r *room) part(sub *subscription) error {
	g, s := r.hub.g, sub.s
	r.mu.Lock()
	r.forgetAttemptLocked(sub) // from here on nothing moves it
	after, torn := sub.resume, sub.torn
	r.mu.Unlock()
	if torn {
		return refuseSlowReader // its client, which knows where it stands, comes back
	}
	var outs []*broker.Output
	var whole bool
	err := g.persist(s.ctx, "farewell", r.id, func() (err error) {
		outs, whole, err = g.farewell(s.ctx, r.id, s.user.User, after)
		return err
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	if sub.over.Load() {
		r.mu.Unlock()
		return nil
	}
	if !whole && r.closed != nil {
		outs = []*broker.Output{r.closed}
	} else if !whole && (!sub.begun || len(outs) == 0) {
		r.mu.Unlock()
		return refuseRoomClosed
	}
	fits := sub.tell(outs)
	r.takeOutLocked(sub)
	r.mu.Unlock()
	if !fits {
		s.end(refuseSlowReader, "")
	}
	return nil
}

// tell queues the last outputs of a room that is over. False: the client reads too slowly for them.
func (sub *subscription) tell(outs []*broker.Output) bool {
	s := sub.s
	for _, o := range outs {
		e := encoding{topic: sub.room.topic, o: o}
		if !s.out.offer(e.packet(sub.head, o.Answers(s.user.User))) {
			return false
		}
		sub.resume = o.At
	}
	s.g.metrics.deliveries.Add(float64(len(outs)))
	return true
}
