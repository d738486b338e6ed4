package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	raisePool = `INSERT INTO match_pools (game, mode, term) VALUES ($1, $2, 1)
		ON CONFLICT (game, mode) DO UPDATE SET term = match_pools.term + 1 RETURNING term`
	selectPool  = `SELECT term FROM match_pools WHERE game = $1 AND mode = $2`
	selectOpen  = `SELECT ` + ticketColumns + ` FROM (SELECT * FROM tickets WHERE game = $1 AND mode = $2 AND ended_at = 0 AND id > $3 ORDER BY id LIMIT $4) t` + ticketJoins + ` ORDER BY t.id, p.place`
	selectFound = `SELECT id FROM tickets WHERE offer = $1 AND ended_at = 0 ORDER BY id`

	selectOffers = `SELECT id, grouped, until_at FROM match_offers WHERE game = $1 AND mode = $2 ORDER BY id`
	insertOffer  = `INSERT INTO match_offers (id, game, mode, grouped, until_at) VALUES ($1, $2, $3, $4, $5)`
	dropOffer    = `DELETE FROM match_offers WHERE id = $1`
	offerTicket  = `UPDATE tickets SET state = 'found', offer = $2 WHERE id = $1`
	forgetAccept = `UPDATE ticket_players SET accepted = FALSE WHERE ticket = $1 AND accepted`
	waitAgain    = `UPDATE tickets SET state = 'waiting', offer = '' WHERE id = $1`
)

// pairing does f in a transaction of who has the pool: nobody can take it meanwhile.
func (s *Store) pairing(ctx context.Context, p store.Pool, f work) error {
	return s.db.write(ctx, func(ctx context.Context, q querier) error {
		var term int64
		if err := one(ctx, q, selectPool+s.db.lockRow(false), []any{p.Game, p.Mode}, &term); err != nil {
			return err
		}
		if uint64(term) != p.Term {
			return store.ErrStaleTerm
		}
		return f(ctx, q)
	})
}

// TakePool implements [store.Matching].
func (s *Store) TakePool(ctx context.Context, game, mode string) (store.Pool, error) {
	p := store.Pool{Game: game, Mode: mode}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		var term int64
		err := one(ctx, q, raisePool, []any{game, mode}, &term)
		p.Term = uint64(term)
		return err
	})
	return p, s.failed(ctx, "take pool", err)
}

// PoolTickets implements [store.Matching].
func (s *Store) PoolTickets(ctx context.Context, p store.Pool, after string, limit int) (list []store.Ticket, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		list, err = tickets(ctx, q, selectOpen, p.Game, p.Mode, after, min(max(limit, 1), store.MaxTicketsAtOnce))
		return err
	})
	return list, s.failed(ctx, "list tickets of pool", err)
}

// PoolOffers implements [store.Matching].
func (s *Store) PoolOffers(ctx context.Context, p store.Pool) (list []store.Offer, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, selectOffers, []any{p.Game, p.Mode}, func(rows *stdsql.Rows) error {
			var o store.Offer
			var until int64
			err := rows.Scan(&o.ID, &o.Group, &until)
			o.Until = fromMicros(until)
			list = append(list, o)
			return err
		})
	})
	return list, s.failed(ctx, "list offers of pool", err)
}

// OfferMatch implements [store.Matching].
func (s *Store) OfferMatch(ctx context.Context, p store.Pool, o store.Offer, ids []string) error {
	group := o.Group
	if group == nil {
		group = []byte{}
	}
	err := s.pairing(ctx, p, func(ctx context.Context, q querier) error {
		if _, err := s.lockTickets(ctx, q, p, ids, ""); err != nil {
			return err
		}
		if _, err := q.exec(ctx, insertOffer, o.ID, p.Game, p.Mode, group, o.Until.UnixMicro()); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := q.exec(ctx, offerTicket, id, o.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return s.failed(ctx, "offer match", err)
}

// lockTickets locks tickets of the pool that wait, or with an offer those that were found by it and that all their players have
// accepted. A TicketError names one that is not so.
func (s *Store) lockTickets(ctx context.Context, q querier, p store.Pool, ids []string, offer string) ([]store.Ticket, error) {
	ids = slices.Sorted(slices.Values(ids))
	err := few(ids, func(args []any) error {
		return all(ctx, q, lockTickets+s.db.lockRow(false), args, func(*stdsql.Rows) error { return nil })
	})
	if err != nil {
		return nil, err
	}
	state := store.TicketWaiting
	if offer != "" {
		state = store.TicketFound
	}
	var list []store.Ticket
	err = few(ids, func(args []any) error {
		some, err := tickets(ctx, q, selectTickets, args...)
		list = append(list, some...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if i >= len(list) || list[i].ID != id { // there is none
			return nil, &store.TicketError{Err: store.ErrTicketOver, Ticket: id}
		}
		t := &list[i]
		if t.State != state || t.Offer != offer || t.Game != p.Game || t.Mode != p.Mode || offer != "" && !accepted(t) {
			return nil, &store.TicketError{Err: store.ErrTicketOver, Ticket: id}
		}
	}
	return list, nil
}

// accepted says whether all players of the ticket have accepted.
func accepted(t *store.Ticket) bool {
	return !slices.ContainsFunc(t.Players, func(p store.TicketPlayer) bool { return !p.Accepted })
}

// WithdrawOffer implements [store.Matching].
func (s *Store) WithdrawOffer(ctx context.Context, p store.Pool, offer, silent string, now time.Time) (list []store.Ticket, err error) {
	err = s.pairing(ctx, p, func(ctx context.Context, q querier) error {
		list = nil
		var ids []string
		err := all(ctx, q, selectFound, []any{offer}, func(rows *stdsql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		willing := true
		for _, id := range ids {
			t, err := s.lockTicket(ctx, q, id)
			if err != nil {
				return err
			}
			if t.State != store.TicketFound || t.Offer != offer { // it has ended just now
				willing = false
				continue
			}
			willing = willing && accepted(&t)
			list = append(list, t)
		}
		if willing && silent != "" && len(list) > 0 {
			return nil
		}
		for i := range list {
			if err := letGo(ctx, q, &list[i], silent, now); err != nil {
				return err
			}
		}
		_, err = q.exec(ctx, dropOffer, offer)
		return err
	})
	return list, s.failed(ctx, "withdraw offer", err)
}

// letGo takes a found ticket out of its offer.
func letGo(ctx context.Context, q querier, t *store.Ticket, silent string, now time.Time) error {
	if silent != "" && !accepted(t) {
		return end(ctx, q, t, store.TicketDeclined, silent, "", now)
	}
	if _, err := q.exec(ctx, waitAgain, t.ID); err != nil {
		return err
	}
	t.State, t.Offer, t.Until = store.TicketWaiting, "", time.Time{}
	for i := range t.Players {
		t.Players[i].Accepted = false
	}
	_, err := q.exec(ctx, forgetAccept, t.ID)
	return err
}

// PlaceMatch implements [store.Matching].
func (s *Store) PlaceMatch(ctx context.Context, p store.Pool, m store.Placement, now time.Time) error {
	err := s.pairing(ctx, p, func(ctx context.Context, q querier) error {
		list, err := s.lockTickets(ctx, q, p, m.Tickets, m.Offer)
		if err != nil {
			return err
		}
		of := map[string]string{} // tickets by player
		for i := range list {
			for _, player := range list[i].Players {
				of[player.User] = list[i].ID
			}
		}
		users := slices.Sorted(maps.Keys(of))
		err = few(users, func(args []any) error {
			var seated string
			switch err := one(ctx, q, selectSeatedOf, args, &seated); {
			case err == nil:
				return &store.TicketError{Err: store.ErrSeated, Ticket: of[seated]}
			case !errors.Is(err, stdsql.ErrNoRows):
				return err
			}
			return nil
		}, p.Game, m.Room.ID)
		if err != nil {
			return err
		}
		if err := s.seatAll(ctx, q, &m, users, now); err != nil {
			return err
		}
		err = few(m.Tickets, func(args []any) error {
			_, err := q.exec(ctx, placeTickets, args...)
			return err
		}, m.Room.ID, now.UnixMicro())
		if err != nil {
			return err
		}
		err = few(m.Tickets, func(args []any) error {
			_, err := q.exec(ctx, placePlayers, args...)
			return err
		})
		if err != nil {
			return err
		}
		if m.Offer == "" {
			return nil
		}
		_, err = q.exec(ctx, dropOffer, m.Offer)
		return err
	})
	return s.failed(ctx, "place match", err)
}

// seatAll gives users, sorted, seats in the room of a placement, which is made, or asks for them.
func (s *Store) seatAll(ctx context.Context, q querier, m *store.Placement, users []string, now time.Time) error {
	if !m.Backfill {
		if len(users) > m.Room.Capacity {
			return store.ErrRoomFull
		}
		room := m.Room
		room.State = store.Playing // no stranger is to take the place of who is late
		if err := createRoom(ctx, q, room, m.Memory); err != nil {
			return err
		}
		seats := 0
		err := few(users, func(args []any) error {
			n, err := q.exec(ctx, seatPlayers, args...)
			seats += int(n)
			return err
		}, m.Room.ID, now.UnixMicro(), now.UnixMicro())
		if err == nil && seats < len(users) {
			err = store.ErrNotFound
		}
		return err
	}
	for _, user := range users {
		if _, err := s.takeSeat(ctx, q, m.Room.ID, user, now, entry{byCode: true}); err != nil {
			return err
		}
	}
	b, err := backfill(ctx, q, m.Room.ID)
	if errors.Is(err, stdsql.ErrNoRows) || err == nil && len(b.Players) > b.Size {
		return store.ErrRoomFull // it does not ask for as many any more
	}
	return err
}

// EndTicket implements [store.Matching].
func (s *Store) EndTicket(ctx context.Context, p store.Pool, id string, state store.TicketState, reason string, now time.Time) (t store.Ticket, err error) {
	err = s.pairing(ctx, p, func(ctx context.Context, q querier) (err error) {
		if t, err = s.lockTicket(ctx, q, id); err != nil {
			return err
		}
		if !t.Open() {
			return store.ErrTicketOver
		}
		return end(ctx, q, &t, state, reason, "", now)
	})
	return t, s.failed(ctx, "end ticket", err)
}
