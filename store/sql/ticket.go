package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const ticketColumns = `t.id, t.game, t.mode, t.party, t.wants, t.gateway, t.since, t.state, t.reason, t.offer, t.room, t.ended_at,
	COALESCE(o.until_at, 0), p.account, COALESCE(a.name, ''), p.rating, p.accepted`

// Tickets come with a row for each player, in its order.
const ticketJoins = ` LEFT JOIN match_offers o ON o.id = t.offer LEFT JOIN ticket_players p ON p.ticket = t.id LEFT JOIN accounts a ON a.id = p.account`

const (
	insertTicket = `INSERT INTO tickets (id, game, mode, party, wants, gateway, since, state, reason, offer, room, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', '', '', '', 0)`
	insertPlayer = `INSERT INTO ticket_players (ticket, place, account, rating, accepted, open)
		SELECT $1, $2, id, $4, FALSE, TRUE FROM accounts WHERE id = $3 AND deleted_at IS NULL`
	countTickets = `SELECT count(*), count(CASE WHEN open THEN 1 END) FROM ticket_players WHERE account = $1`
	// A seat in another living room of the game.
	selectSeatedIn = `SELECT s.room FROM seats s JOIN rooms r ON r.id = s.room
		WHERE s.account = $1 AND s.state <> 'leaving' AND NOT s.watch AND r.game = $2 AND r.state <> 'closed' AND s.room <> $3 LIMIT 1`
	selectTicket     = `SELECT ` + ticketColumns + ` FROM tickets t` + ticketJoins + ` WHERE t.id = $1 ORDER BY t.id, p.place`
	selectTicketsOf  = `SELECT ` + ticketColumns + ` FROM (SELECT * FROM tickets WHERE id IN (SELECT ticket FROM ticket_players WHERE account = $1) ORDER BY id DESC LIMIT $2) t` + ticketJoins + ` ORDER BY t.id DESC, p.place`
	selectPartys     = `SELECT id FROM tickets WHERE party = $1 AND ended_at = 0`
	lockTicket       = `SELECT state FROM tickets WHERE id = $1`
	countOpen        = `SELECT count(*) FROM tickets WHERE game = $1 AND mode = $2 AND ended_at = 0`
	countBackfills   = `SELECT count(*) FROM backfills WHERE game = $1 AND mode = $2`
	endTicket        = `UPDATE tickets SET state = $2, reason = $3, offer = '', room = $4, ended_at = $5 WHERE id = $1 AND ended_at = 0`
	endPlayers       = `UPDATE ticket_players SET open = FALSE WHERE ticket = $1 AND open`
	acceptPlayer     = `UPDATE ticket_players SET accepted = TRUE WHERE ticket = $1 AND account = $2`
	selectDone       = `SELECT id FROM tickets WHERE ended_at > 0 AND ended_at < $1 ORDER BY ended_at, id LIMIT $2`
	dropPlayers      = `DELETE FROM ticket_players WHERE ticket = $1`
	dropTicket       = `DELETE FROM tickets WHERE id = $1 AND ended_at > 0`
	cancelByDeletion = `UPDATE tickets SET state = 'cancelled', reason = 'player_left', offer = '', ended_at = $2
		WHERE ended_at = 0 AND id IN (SELECT ticket FROM ticket_players WHERE account = $1)`
)

// fewAtOnce is how many tickets, or players, a statement about a few names; see few.
const fewAtOnce = 8

var (
	lockTickets   = `SELECT id FROM tickets WHERE id IN (` + params(1, fewAtOnce) + `) ORDER BY id`
	selectTickets = `SELECT ` + ticketColumns + ` FROM tickets t` + ticketJoins + ` WHERE t.id IN (` + params(1, fewAtOnce) + `) ORDER BY t.id, p.place`
	// CROSS, so that SQLite begins with the seats, however many rooms the game has.
	selectSeatedOf = `SELECT s.account FROM seats s CROSS JOIN rooms r WHERE r.id = s.room
		AND s.account IN (` + params(3, fewAtOnce) + `) AND s.state <> 'leaving' AND NOT s.watch AND r.game = $1 AND r.state <> 'closed' AND s.room <> $2 LIMIT 1`
	placeTickets = `UPDATE tickets SET state = 'placed', reason = '', offer = '', room = $1, ended_at = $2
		WHERE ended_at = 0 AND id IN (` + params(3, fewAtOnce) + `)`
	placePlayers = `UPDATE ticket_players SET open = FALSE WHERE open AND ticket IN (` + params(1, fewAtOnce) + `)`
	seatPlayers  = `INSERT INTO seats (room, account, state, since, again, watch, taken, owns)
		SELECT $1, id, 'joining', $2, FALSE, FALSE, $3, 0 FROM accounts WHERE id IN (` + params(4, fewAtOnce) + `)`
)

// few calls do with fewAtOnce of the names at a time, padded, behind other arguments.
func few(names []string, do func(args []any) error, before ...any) error {
	for some := range slices.Chunk(names, fewAtOnce) {
		if err := do(padded(append(slices.Clone(before), words(some)...), len(before)+fewAtOnce)); err != nil {
			return err
		}
	}
	return nil
}

// reasonPlayerLeft is why a ticket is cancelled whose player has left the party, or is gone.
const reasonPlayerLeft = "player_left"

// tickets reads tickets by a query of ticketColumns.
func tickets(ctx context.Context, q querier, query string, args ...any) (list []store.Ticket, err error) {
	err = all(ctx, q, query, args, func(rows *stdsql.Rows) error {
		var t store.Ticket
		var since, ended, until int64
		var user stdsql.NullString
		var p store.TicketPlayer
		var rating stdsql.NullFloat64
		var accepted stdsql.NullBool
		if err := rows.Scan(&t.ID, &t.Game, &t.Mode, &t.Party, &t.Wants, &t.Gateway, &since, &t.State, &t.Reason, &t.Offer, &t.Room, &ended,
			&until, &user, &p.Name, &rating, &accepted); err != nil {
			return err
		}
		if len(list) == 0 || list[len(list)-1].ID != t.ID {
			t.Since = fromMicros(since)
			if ended != 0 {
				t.EndedAt = fromMicros(ended)
			}
			if until != 0 {
				t.Until = fromMicros(until)
			}
			list = append(list, t)
		}
		if user.Valid {
			p.User, p.Rating, p.Accepted = user.String, rating.Float64, accepted.Bool
			last := &list[len(list)-1]
			last.Players = append(last.Players, p)
		}
		return nil
	})
	return list, err
}

func ticket(ctx context.Context, q querier, id string) (store.Ticket, error) {
	list, err := tickets(ctx, q, selectTicket, id)
	if err == nil && len(list) == 0 {
		err = stdsql.ErrNoRows
	}
	if err != nil {
		return store.Ticket{}, err
	}
	return list[0], nil
}

// lockTicket is ticket, with all changes of it locked out until the transaction ends. Several are locked in the order of their ids.
func (s *Store) lockTicket(ctx context.Context, q querier, id string) (store.Ticket, error) {
	var state string
	if err := one(ctx, q, lockTicket+s.db.lockRow(false), []any{id}, &state); err != nil {
		return store.Ticket{}, err
	}
	return ticket(ctx, q, id)
}

// ticketOfParty is the id of the open ticket of a party; stdsql.ErrNoRows.
func (s *Store) ticketOfParty(ctx context.Context, q querier, party string) (id string, err error) {
	err = one(ctx, q, selectPartys, []any{party}, &id)
	return id, err
}

// end ends an open ticket, which is locked.
func end(ctx context.Context, q querier, t *store.Ticket, state store.TicketState, reason, room string, now time.Time) error {
	if _, err := q.exec(ctx, endTicket, t.ID, string(state), reason, room, now.UnixMicro()); err != nil {
		return err
	}
	t.State, t.Reason, t.Offer, t.Until, t.Room, t.EndedAt = state, reason, "", time.Time{}, room, fromMicros(now.UnixMicro())
	_, err := q.exec(ctx, endPlayers, t.ID)
	return err
}

// cancelOfParty cancels the ticket with which a party, which is locked, waits; nil: it has none.
func (s *Store) cancelOfParty(ctx context.Context, q querier, party string, now time.Time) (*store.Ticket, error) {
	id, err := s.ticketOfParty(ctx, q, party)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := s.lockTicket(ctx, q, id)
	if err != nil || !t.Open() { // it has become a match just now
		return nil, err
	}
	return &t, end(ctx, q, &t, store.TicketCancelled, reasonPlayerLeft, "", now)
}

// AddTicket implements [store.Matching].
func (s *Store) AddTicket(ctx context.Context, t store.Ticket) error {
	if len(t.Players) < 1 || len(t.Players) > store.MaxTicketPlayers {
		return fmt.Errorf("add ticket: %d players, want 1 to %d", len(t.Players), store.MaxTicketPlayers)
	}
	wants := t.Wants
	if wants == nil {
		wants = []byte{}
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if t.Party != "" {
			if err := s.partyIs(ctx, q, &t); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, insertTicket, t.ID, t.Game, t.Mode, t.Party, wants, t.Gateway, t.Since.UnixMicro()); err != nil {
			return err
		}
		for place, p := range t.Players {
			if err := s.addPlayer(ctx, q, &t, place, p); err != nil {
				return err
			}
		}
		return nil
	})
	return s.failed(ctx, "add ticket", err)
}

// partyIs locks the ticket's party, and looks whether its members are the ticket's players.
func (s *Store) partyIs(ctx context.Context, q querier, t *store.Ticket) error {
	p, err := s.lockParty(ctx, q, t.Party)
	if err != nil {
		return err
	}
	if len(p.Members) != len(t.Players) {
		return store.ErrPartyChanged
	}
	for i, m := range p.Members {
		if m.User != t.Players[i].User {
			return store.ErrPartyChanged
		}
	}
	_, err = q.exec(ctx, touchParty, p.ID, t.Since.UnixMicro())
	return err
}

func (s *Store) addPlayer(ctx context.Context, q querier, t *store.Ticket, place int, p store.TicketPlayer) error {
	var other string
	switch err := one(ctx, q, selectSeatedIn, []any{p.User, t.Game, ""}, &other); {
	case err == nil:
		return store.ErrSeated
	case !errors.Is(err, stdsql.ErrNoRows):
		return err
	}
	var kept, open int
	switch err := one(ctx, q, countTickets, []any{p.User}, &kept, &open); {
	case err != nil:
		return err
	case open > 0:
		return store.ErrSearching
	case kept >= store.MaxTicketsKept:
		return store.ErrTooMany
	}
	n, err := q.exec(ctx, insertPlayer, t.ID, place, p.User, p.Rating)
	switch {
	case duplicate(err): // another ticket of the player's has come in between
		return store.ErrSearching
	case err == nil && n == 0, foreignKey(err):
		return store.ErrNotFound
	}
	return err
}

// Ticket implements [store.Matching].
func (s *Store) Ticket(ctx context.Context, id string) (t store.Ticket, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		t, err = ticket(ctx, q, id)
		return err
	})
	return t, s.failed(ctx, "find ticket", err)
}

// TicketsOf implements [store.Matching].
func (s *Store) TicketsOf(ctx context.Context, user string, limit int) (list []store.Ticket, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		list, err = tickets(ctx, q, selectTicketsOf, user, max(limit, 0))
		return err
	})
	return list, s.failed(ctx, "list tickets", err)
}

// CancelTicket implements [store.Matching].
func (s *Store) CancelTicket(ctx context.Context, id, user string, now time.Time) (t store.Ticket, err error) {
	err = s.own(ctx, id, user, &t, func(ctx context.Context, q querier) error {
		if !t.Open() {
			return store.ErrTicketOver
		}
		return end(ctx, q, &t, store.TicketCancelled, "", "", now)
	})
	return t, s.failed(ctx, "cancel ticket", err)
}

// AnswerOffer implements [store.Matching].
func (s *Store) AnswerOffer(ctx context.Context, id, user string, accept bool, now time.Time) (t store.Ticket, err error) {
	err = s.own(ctx, id, user, &t, func(ctx context.Context, q querier) error {
		if t.State != store.TicketFound {
			return store.ErrTicketOver
		}
		if !accept {
			return end(ctx, q, &t, store.TicketDeclined, "", "", now)
		}
		if t.Accepted(user) {
			return nil
		}
		if _, err := q.exec(ctx, acceptPlayer, id, user); err != nil {
			return err
		}
		t, err = ticket(ctx, q, id)
		return err
	})
	return t, s.failed(ctx, "answer offer", err)
}

// own locks a ticket of user's, sets *t to it, and does f.
func (s *Store) own(ctx context.Context, id, user string, t *store.Ticket, f work) error {
	return s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		if *t, err = s.lockTicket(ctx, q, id); err != nil {
			return err
		}
		if !t.Has(user) {
			*t = store.Ticket{}
			return store.ErrNotFound
		}
		return f(ctx, q)
	})
}

// OpenTickets implements [store.Matching].
func (s *Store) OpenTickets(ctx context.Context, game, mode string) (open, rooms int, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		if err := one(ctx, q, countOpen, []any{game, mode}, &open); err != nil {
			return err
		}
		return one(ctx, q, countBackfills, []any{game, mode}, &rooms)
	})
	return open, rooms, s.failed(ctx, "count tickets", err)
}

// DropTickets implements [store.Matching].
func (s *Store) DropTickets(ctx context.Context, before time.Time, limit int) (gone int, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		gone = 0
		var ids []string
		err := all(ctx, q, selectDone, []any{before.UnixMicro(), max(limit, 0)}, func(rows *stdsql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		for _, id := range ids {
			if err != nil {
				break
			}
			if _, err = q.exec(ctx, dropPlayers, id); err != nil {
				break
			}
			var n int64
			n, err = q.exec(ctx, dropTicket, id)
			gone += int(n)
		}
		return err
	})
	return gone, s.failed(ctx, "drop tickets", err)
}
