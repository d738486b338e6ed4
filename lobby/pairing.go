package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

// Each lobby stands in line for the queue of each mode (docs/decisions/0014). The one that is given messages pairs: it takes the
// pool, reads the open tickets, and hears by the queue which have changed. As long as any are open it leaves the last message
// unacked, so that the broker gives that to the next lobby when it dies. Whatever it decides is a transaction of the store under
// the pool's term, so that a message that comes twice, late or never changes when something is done, and never what.

const (
	pairPause   = 200 * time.Millisecond // before a lobby stands in line again
	remindEvery = 5 * time.Second        // that there are open tickets
	pairBound   = 10_000                 // messages in a mode's queue
	pairTimeout = 10 * time.Second       // for one round
)

// nudge tells who pairs a mode that a ticket has changed. A message that gets lost is made up for by remind.
func (s *Service) nudge(ctx context.Context, m *mode, ticket string) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	msg := broker.Changed{Game: m.game, Mode: m.name, Ticket: ticket}.Message(s.config.Now())
	err := s.config.Broker.Send(ctx, msg)
	if errors.Is(err, broker.ErrNoRoom) {
		if err = s.openQueue(ctx, m); err == nil {
			err = s.config.Broker.Send(ctx, msg)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.config.Log.Debug("who pairs was not told of a ticket, it will look by itself", "game", m.game, "mode", m.name, "ticket", ticket, "error", err)
	}
}

func (s *Service) openQueue(ctx context.Context, m *mode) error {
	return s.config.Broker.Open(ctx, broker.Spec{Room: broker.PairsQueue(m.game, m.name), Durability: broker.Kept, Bound: pairBound})
}

// remind tells who pairs, now and then, that there are open tickets: whoever that is by now.
func (s *Service) remind(ctx context.Context) {
	ticker := time.NewTicker(remindEvery)
	defer ticker.Stop()
	for {
		for _, m := range s.modes {
			open, rooms, err := s.config.Store.OpenTickets(ctx, m.game, m.name)
			if err == nil && open+rooms > 0 {
				s.nudge(ctx, m, "")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pair pairs the tickets of a mode, whenever it is this lobby's turn, until ctx ends.
func (s *Service) pair(ctx context.Context, m *mode) {
	for fails := 0; ctx.Err() == nil; fails++ {
		began := s.config.Now()
		err := s.pairInTurn(ctx, m)
		if ctx.Err() != nil {
			return
		}
		if s.config.Now().Sub(began) > remindEvery {
			fails = 0
		}
		level := s.config.Log.Debug
		if fails == 3 { // it does not heal by itself at once
			level = s.config.Log.Warn
		}
		level("pairing begins anew", "game", m.game, "mode", m.name, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(min(pairPause<<min(fails, 4), remindEvery)):
		}
	}
}

// pausedLook is how often it is looked whether a maintenance is over.
const pausedLook = time.Second

var errPanicked = errors.New("pairing panicked")

// pairing is the open tickets of a mode in the hands of this lobby. It belongs to one goroutine.
type pairing struct {
	s       *Service
	mode    *mode
	pool    store.Pool // without a Term as long as it is another's turn
	match   *match.Pool
	tickets map[string]*store.Ticket // open ones: waiting, and in match; or found
	rooms   map[string]store.Backfill
	offers  map[string]*offer
	next    time.Time // when something may have to be done without a message; zero: never
	telling *tellers
}

// offer is a group whose players are asked whether they accept.
type offer struct {
	id    string
	group group
	until time.Time
}

// pairInTurn stands in line for the queue of a mode and pairs when it is given messages. It returns when it must stand in line
// again: whatever it knew may be wrong then.
func (s *Service) pairInTurn(ctx context.Context, m *mode) error {
	if err := s.openQueue(ctx, m); err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	pipe, err := s.config.Broker.Consume(ctx, broker.Consumption{Room: broker.PairsQueue(m.game, m.name), Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	if errors.Is(err, broker.ErrDead) { // what it held is told again
		err = errors.Join(err, s.config.Broker.Delete(ctx, broker.PairsQueue(m.game, m.name)))
	}
	if err != nil {
		return err
	}
	defer func() { _ = pipe.Close() }() // what is unacked goes to the next in line
	p := &pairing{s: s, mode: m, telling: newTellers(s)}
	defer p.telling.wait()
	defer s.meter.notPairing(m)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last, acked uint64 // tags: of the newest message, and up to which all are acked
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
		taken, err := pipe.Take(nil)
		if err != nil {
			return err
		}
		if len(taken) == 0 && p.pool.Term == 0 {
			continue
		}
		if err := p.round(ctx, taken); err != nil {
			return err
		}
		done := acked
		if n := len(taken); n > 0 {
			done = last
			if last = taken[n-1].Tag; n > 1 {
				done = taken[n-2].Tag
			}
		}
		if len(p.tickets) == 0 && len(p.rooms) == 0 {
			done = last
		}
		if done > acked {
			if err := pipe.Ack(done); err != nil {
				return err
			}
			acked = done
		}
		if !p.next.IsZero() {
			timer.Reset(max(p.next.Sub(s.config.Now()), time.Millisecond))
		}
	}
}

// round takes in what has changed, and then does all that can be done now.
func (p *pairing) round(ctx context.Context, taken []broker.Delivery) (err error) {
	ctx, cancel := context.WithTimeout(ctx, pairTimeout)
	defer cancel()
	defer func() { // a game's function may be called in it
		if v := recover(); v != nil {
			p.s.config.Log.Error("pairing panicked", "game", p.mode.game, "mode", p.mode.name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	if p.pool.Term == 0 {
		if err := p.takeOver(ctx); err != nil {
			return err
		}
	} else if err := p.hear(ctx, taken); err != nil {
		return err
	}
	_, paused := p.s.config.Pause.Paused("")
	if paused { // who searches is matched when it is over
		p.next = p.s.config.Now().Add(pausedLook)
	}
	for !paused {
		again, err := p.settle(ctx)
		if err != nil {
			return err
		}
		if !again {
			break
		}
	}
	p.s.meter.pairs(p.mode, len(p.tickets))
	return nil
}

// takeOver takes the pool and reads all that is open.
func (p *pairing) takeOver(ctx context.Context) (err error) {
	if p.pool, err = p.s.config.Store.TakePool(ctx, p.mode.game, p.mode.name); err != nil {
		return err
	}
	p.match, p.tickets = match.New(p.mode.rules), map[string]*store.Ticket{}
	p.s.config.Log.Info("this lobby pairs", "game", p.mode.game, "mode", p.mode.name, "term", p.pool.Term)
	return p.readAll(ctx)
}

// readAll takes in all that is open, and lets go of what is not.
func (p *pairing) readAll(ctx context.Context) error {
	open := map[string]bool{}
	for after := ""; ; {
		page, err := p.s.config.Store.PoolTickets(ctx, p.pool, after, store.MaxTicketsAtOnce)
		if err != nil {
			return err
		}
		for _, t := range page {
			open[t.ID] = true
			if err := p.takeIn(ctx, t); err != nil {
				return err
			}
		}
		if len(page) < store.MaxTicketsAtOnce {
			break
		}
		after = page[len(page)-1].ID
	}
	for id := range p.tickets {
		if !open[id] {
			p.forget(id)
		}
	}
	offers, err := p.s.config.Store.PoolOffers(ctx, p.pool)
	if err != nil {
		return err
	}
	p.offers = map[string]*offer{}
	for _, o := range offers {
		kept := &offer{id: o.ID, until: o.Until}
		if err := json.Unmarshal(o.Group, &kept.group); err != nil {
			p.s.config.Log.Error("an offer can't be read and is withdrawn", "offer", o.ID, "error", err)
		}
		p.offers[o.ID] = kept
	}
	return p.readBackfills(ctx)
}

// readOneByOne is how many changed tickets are read one by one. More are read with all others, where those are not far more.
const readOneByOne = 16

// hear looks at the tickets and rooms of which it was told, and whether any was missed.
func (p *pairing) hear(ctx context.Context, taken []broker.Delivery) error {
	tickets, rooms := map[string]bool{}, map[string]bool{}
	look := false
	for _, d := range taken {
		c, err := broker.ReadChanged(d.Message)
		switch {
		case err != nil || c.Ticket == "" && c.Room == "":
			look = true
		case c.Ticket != "":
			tickets[c.Ticket] = true
		default:
			rooms[c.Room] = true
		}
	}
	if look { // nobody may have been told that all have accepted
		for _, o := range p.offers {
			for _, id := range o.group.tickets() {
				tickets[id] = true
			}
		}
	}
	if len(tickets) > readOneByOne && len(tickets) > len(p.tickets)/8 {
		return p.readAll(ctx)
	}
	for id := range tickets {
		if err := p.refresh(ctx, id); err != nil {
			return err
		}
	}
	for id := range rooms {
		if err := p.refreshBackfill(ctx, id); err != nil {
			return err
		}
	}
	if !look {
		return nil
	}
	open, _, err := p.s.config.Store.OpenTickets(ctx, p.mode.game, p.mode.name)
	switch {
	case err != nil:
		return err
	case open != len(p.tickets):
		return p.readAll(ctx)
	}
	return p.readBackfills(ctx)
}

// refresh looks at a ticket in the store.
func (p *pairing) refresh(ctx context.Context, id string) error {
	t, err := p.s.config.Store.Ticket(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		p.forget(id)
		return nil
	}
	if err != nil {
		return err
	}
	if t.Game != p.mode.game || t.Mode != p.mode.name {
		return nil
	}
	return p.takeIn(ctx, t)
}

// takeIn takes in how a ticket of the pool stands.
func (p *pairing) takeIn(ctx context.Context, t store.Ticket) error {
	switch known := p.tickets[t.ID]; {
	case !t.Open():
		p.forget(t.ID)
	case known != nil && known.State == t.State && known.Offer == t.Offer:
		p.tickets[t.ID] = &t // somebody has accepted, perhaps
	default:
		p.forget(t.ID)
		return p.add(ctx, t)
	}
	return nil
}

// forget lets go of a ticket.
func (p *pairing) forget(id string) {
	p.match.Cancel(id)
	delete(p.tickets, id)
}

// add takes in an open ticket. One that the rules refuse (they may have changed) is cancelled.
func (p *pairing) add(ctx context.Context, t store.Ticket) error {
	if t.State == store.TicketWaiting {
		in, err := forMatch(&t)
		if err == nil {
			err = p.match.Add(in)
		}
		if err != nil {
			p.s.config.Log.Warn("a ticket can't be matched and is cancelled", "ticket", t.ID, "error", err)
			return p.endTicket(ctx, t.ID, store.TicketCancelled, reasonRefused)
		}
	}
	p.tickets[t.ID] = &t
	return nil
}

// Reasons for which who pairs ends tickets.
const (
	reasonRefused = "refused" // by the rules, or by the game
	reasonSeated  = "seated"  // a player has taken a seat in a room of the game
	reasonSilent  = "silent"  // a player has not accepted in time
)

// endTicket ends a ticket and tells its players. One that is over already stays as it is.
func (p *pairing) endTicket(ctx context.Context, id string, state store.TicketState, reason string) error {
	p.forget(id)
	now := p.s.config.Now()
	var t store.Ticket
	err := p.s.transact(ctx, func(ctx context.Context) (err error) {
		if t, err = p.s.config.Store.EndTicket(ctx, p.pool, id, state, reason, now); err != nil {
			return err
		}
		return p.s.notify(ctx, ticketNotes(t, "", now)...)
	})
	switch {
	case errors.Is(err, store.ErrTicketOver), errors.Is(err, store.ErrNotFound):
		return nil
	case err == nil:
		p.s.meter.ticket(&t, now)
	}
	return err
}
