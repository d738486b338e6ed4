package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

// groupsAtOnce are placed in one transaction: in SQLite all other writers wait for it.
const groupsAtOnce = 16

// settle does what can be done now, and sets when there will be more to do. again says that it is to be called again at once:
// what it found out has changed what can be done.
func (p *pairing) settle(ctx context.Context) (again bool, err error) {
	now := p.s.config.Now()
	ready, again, err := p.settleOffers(ctx, now)
	if err != nil {
		return false, err
	}
	if err := p.expire(ctx, now); err != nil {
		return false, err
	}
	groups, next := p.match.Next(now)
	for _, g := range groups {
		found := &placing{group: groupOf(g)}
		if p.mode.rules.Accept > 0 {
			if err := p.offer(ctx, found, now); err != nil {
				return false, err
			}
			again = again || found.err != nil
			continue
		}
		ready = append(ready, found)
	}
	for some := range slices.Chunk(ready, groupsAtOnce) {
		if err := p.place(ctx, some, now); err != nil {
			return false, err
		}
		for _, f := range some {
			again = again || f.err != nil
		}
	}
	p.next = next
	for _, o := range p.offers {
		p.by(o.until)
	}
	return again, nil
}

// by has p look again at t, if not before.
func (p *pairing) by(t time.Time) {
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
}

// expire ends tickets that have waited for too long.
func (p *pairing) expire(ctx context.Context, now time.Time) error {
	for _, id := range p.match.Expired(now) {
		if err := p.endTicket(ctx, id, store.TicketExpired, ""); err != nil {
			return err
		}
	}
	return nil
}

// settleOffers returns the groups whose players have all accepted, and withdraws the offers that can't be kept any more. again:
// one that was to be withdrawn has been accepted.
func (p *pairing) settleOffers(ctx context.Context, now time.Time) (ready []*placing, again bool, err error) {
	for id, o := range p.offers {
		whole, accepted := len(o.group.Teams) > 0, true
		for _, ticket := range o.group.tickets() {
			t := p.tickets[ticket]
			whole = whole && t != nil && t.Offer == id
			accepted = accepted && whole && !slices.ContainsFunc(t.Players, func(p store.TicketPlayer) bool { return !p.Accepted })
		}
		silent := ""
		switch {
		case whole && accepted:
			ready = append(ready, &placing{group: o.group, offer: id})
			continue
		case whole && now.Before(o.until):
			continue
		case whole:
			silent = reasonSilent
		}
		kept, err := p.withdraw(ctx, id, silent, now)
		if err != nil {
			return nil, false, err
		}
		again = again || kept
	}
	return ready, again, nil
}

// withdraw ends an offer: who has accepted, or was not to blame, waits again. It is kept if it was to be withdrawn because players
// were silent, and none is any more.
func (p *pairing) withdraw(ctx context.Context, id, silent string, now time.Time) (kept bool, err error) {
	var list []store.Ticket
	err = p.s.transact(ctx, func(ctx context.Context) (err error) {
		if list, err = p.s.config.Store.WithdrawOffer(ctx, p.pool, id, silent, now); err != nil {
			return err
		}
		var notes []store.Note
		for _, t := range list {
			if t.State != store.TicketFound {
				notes = append(notes, ticketNotes(t, "", now)...)
			}
		}
		return p.s.notify(ctx, notes...)
	})
	if err != nil {
		return false, fmt.Errorf("withdraw offer %s: %w", id, err)
	}
	group := p.offers[id].group
	for _, ticket := range group.tickets() {
		p.forget(ticket) // unless it is in the list it is over
	}
	for i := range list {
		t := &list[i]
		switch {
		case !t.Open():
			p.s.meter.ticket(t, now)
			continue
		case t.State == store.TicketFound:
			kept = true
		}
		if err := p.add(ctx, *t); err != nil {
			return false, err
		}
	}
	if !kept {
		delete(p.offers, id)
	}
	return kept, nil
}

// placing is a group on its way into a room.
type placing struct {
	group group
	offer string // whose players have accepted; "" where nobody was asked
	room  store.Room
	mem   []byte
	err   error // why it was not placed, where the next look knows better
}

// offer asks the players of a group whether they accept.
func (p *pairing) offer(ctx context.Context, f *placing, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an offer's id: %w", err)
	}
	body, err := json.Marshal(f.group)
	if err != nil {
		return fmt.Errorf("encode an offer: %w", err)
	}
	o := &offer{id: id.String(), group: f.group, until: now.Add(p.mode.rules.Accept)}
	err = p.s.transact(ctx, func(ctx context.Context) error {
		if err := p.s.config.Store.OfferMatch(ctx, p.pool, store.Offer{ID: o.id, Group: body, Until: o.until}, f.group.tickets()); err != nil {
			return err
		}
		var notes []store.Note
		for _, ticket := range f.group.tickets() {
			notes = append(notes, ticketNotes(p.found(ticket, o), "", now)...)
		}
		return p.s.notify(ctx, notes...)
	})
	if retry := errors.As(err, new(*store.TicketError)); retry {
		f.err = err
		return p.reconsider(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("offer a match: %w", err)
	}
	for _, ticket := range f.group.tickets() {
		t := p.found(ticket, o)
		p.tickets[ticket] = &t
	}
	p.offers[o.id] = o
	return nil
}

// found is a ticket as the offer leaves it.
func (p *pairing) found(id string, o *offer) store.Ticket {
	t := *p.tickets[id]
	t.State, t.Offer, t.Until = store.TicketFound, o.id, o.until
	return t
}

// place makes rooms of groups, all in one transaction. A group that can't be placed is left out, with its err set, and its
// tickets wait again as far as they do.
func (p *pairing) place(ctx context.Context, all []*placing, now time.Time) error {
	for _, f := range all {
		f.err = p.prepare(ctx, f, now)
	}
	err := p.s.transact(ctx, func(ctx context.Context) error {
		var notes []store.Note
		for _, f := range all {
			if f.room.ID == "" {
				continue
			}
			f.err = p.s.config.Store.PlaceMatch(ctx, p.pool, store.Placement{
				Tickets: f.group.tickets(), Offer: f.offer, Room: f.room, Memory: f.mem, Backfill: f.group.Room != "",
			}, now)
			if f.err != nil && !reconsidered(f.err) {
				return fmt.Errorf("place a match: %w", f.err)
			}
			if f.err != nil {
				continue
			}
			for _, t := range p.placed(f, now) {
				notes = append(notes, placedNotes(t, f.room, now)...)
			}
		}
		return p.s.notify(ctx, notes...)
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.err != nil {
			if err := p.reconsider(ctx, f); err != nil {
				return err
			}
			continue
		}
		var seats []store.Seat
		for _, t := range p.placed(f, now) {
			p.s.meter.ticket(&t, now)
			for _, player := range t.Players {
				seats = append(seats, store.Seat{Room: f.room.ID, User: player.User, Name: player.Name, State: store.Joining, Since: now})
			}
			p.forget(t.ID)
		}
		delete(p.offers, f.offer)
		p.telling.tell(ctx, f.room, seats, f.group.Room == "")
	}
	return nil
}

// placed is the tickets of a group as they are when it is placed.
func (p *pairing) placed(f *placing, now time.Time) (list []store.Ticket) {
	for _, id := range f.group.tickets() {
		t := *p.tickets[id]
		t.State, t.Offer, t.Until, t.Room, t.EndedAt = store.TicketPlaced, "", time.Time{}, f.room.ID, now
		list = append(list, t)
	}
	return list
}

// reconsidered says whether an error of placing is about the group alone.
func reconsidered(err error) bool {
	return errors.As(err, new(*store.TicketError)) || errors.Is(err, store.ErrRoomFull) || errors.Is(err, store.ErrRoomClosed) ||
		errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBanned)
}

// prepare opens the room of a group in memory. A group of a room that has asked for players has one.
func (p *pairing) prepare(ctx context.Context, f *placing, now time.Time) error {
	if f.group.Room != "" {
		return p.prepareBackfill(ctx, f)
	}
	first := p.tickets[f.group.tickets()[0]].Players[0].User
	game := p.s.versionFor(p.mode.game, first)
	options, err := optionsFor(p.mode, &f.group, p.tickets)
	if err != nil {
		return err
	}
	if f.room, f.mem, err = openRoom(game, options, now); err != nil {
		return err
	}
	players := 0
	for _, id := range f.group.tickets() {
		players += len(p.tickets[id].Players)
	}
	f.room.State, f.room.Players = store.Playing, players
	return nil
}

// reconsider puts a group that was not placed back, ticket by ticket, as far as they still wait, and ends the one that was in the
// way.
func (p *pairing) reconsider(ctx context.Context, f *placing) error {
	var of *store.TicketError
	switch {
	case errors.As(f.err, &of) && errors.Is(of.Err, store.ErrSeated):
		if err := p.endTicket(ctx, of.Ticket, store.TicketCancelled, reasonSeated); err != nil {
			return err
		}
	case errors.Is(f.err, store.ErrBanned): // the room gets nobody until it is looked at again, a few seconds later
		p.open(store.Backfill{Room: f.group.Room})
	case f.group.Room != "":
		if err := p.refreshBackfill(ctx, f.group.Room); err != nil {
			return err
		}
	case of == nil: // the game does not open a room for them, and would not the next time
		p.s.config.Log.Error("a game opens no room for a match", "game", p.mode.game, "mode", p.mode.name, "error", f.err)
		for _, id := range f.group.tickets() {
			if err := p.endTicket(ctx, id, store.TicketCancelled, reasonRefused); err != nil {
				return err
			}
		}
	}
	if f.offer != "" {
		_, err := p.withdraw(ctx, f.offer, "", p.s.config.Now())
		return err
	}
	for _, id := range f.group.tickets() {
		p.forget(id)
		if err := p.refresh(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// tellers tell rooms of the seats that were taken in them, some at a time, so that nobody's match waits for another's room.
type tellers struct {
	s     *Service
	free  chan struct{}
	group sync.WaitGroup
}

const tellersAtOnce = 16

func newTellers(s *Service) *tellers { return &tellers{s: s, free: make(chan struct{}, tellersAtOnce)} }

// tell tells a room of seats, soon. What can't be told is told again by Run.
func (t *tellers) tell(ctx context.Context, room store.Room, seats []store.Seat, fresh bool) {
	t.free <- struct{}{}
	ctx = context.WithoutCancel(ctx) // each telling has its own end
	t.group.Go(func() {
		defer func() { <-t.free }()
		for i, seat := range seats {
			t.s.tell(ctx, room, seat, fresh && i == 0)
		}
	})
}

func (t *tellers) wait() { t.group.Wait() }
