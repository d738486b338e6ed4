package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/skill"
	"github.com/madang-games/madang/store"
)

// ticketsShown is how many of its tickets a player is shown.
const ticketsShown = 10

// createTicket is POST /match/tickets: the player, or the party that it leads, waits for a match.
func (s *Service) createTicket(c *Context) error {
	var in struct {
		Game  string `json:"game"`
		Mode  string `json:"mode"`
		Party string `json:"party"`
		wantsJSON
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if err := s.pausedFor(c.session.User); err != nil {
		return err
	}
	m := s.modes[[2]string{in.Game, in.Mode}]
	if m == nil {
		if s.games.newest[in.Game] == nil {
			return unknownGame
		}
		return unknownMode
	}
	users, err := s.whoSearches(c, in.Party)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a ticket id: %w", err)
	}
	wants, err := json.Marshal(in.wantsJSON)
	if err != nil {
		return fmt.Errorf("encode what a ticket wants: %w", err)
	}
	now := s.config.Now()
	t := store.Ticket{ID: id.String(), Game: m.game, Mode: m.name, Party: in.Party, Wants: wants, Gateway: c.gateway, Since: now, State: store.TicketWaiting}
	for _, u := range users {
		p := store.TicketPlayer{User: u.ID, Name: u.Name}
		if p.Rating, err = s.skillOf(c.ctx, u.ID, m); err != nil {
			return err
		}
		t.Players = append(t.Players, p)
	}
	if err := checkTicket(m, &t); err != nil {
		return err
	}
	if err := s.config.Store.AddTicket(c.ctx, t); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return partyChanged
		}
		return ticketProblem(err)
	}
	if err := s.notify(c.ctx, ticketNotes(t, c.session.User, now)...); err != nil {
		return err
	}
	c.After(func(ctx context.Context) { s.nudge(ctx, m, t.ID) })
	return c.JSON(http.StatusCreated, ticketOf(t))
}

// whoSearches is the player, or the members of the party that it leads.
func (s *Service) whoSearches(c *Context, party string) ([]User, error) {
	if party == "" {
		return []User{c.User()}, nil
	}
	p, err := s.config.Store.PartyOf(c.ctx, c.session.User)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && p.ID != party:
		return nil, partyNotFound
	case err != nil:
		return nil, err
	case p.Leader() != c.session.User:
		return nil, notLeader
	}
	var users []User
	for _, m := range p.Members {
		users = append(users, User{m.User, m.Name})
	}
	return users, nil
}

// skillOf is a player's rating in a mode.
func (s *Service) skillOf(ctx context.Context, user string, m *mode) (rating float64, err error) {
	rating = skill.Start
	all, err := s.config.Store.Ratings(ctx, user)
	for _, r := range all {
		if r.Game == m.game && r.Mode == m.name {
			rating = r.Value
		}
	}
	return rating, err
}

// findTicket reads a ticket of the player's that the path names.
func (s *Service) findTicket(c *Context) (store.Ticket, error) {
	id, err := pathID(c, ticketUnknown)
	if err != nil {
		return store.Ticket{}, err
	}
	t, err := s.config.Store.Ticket(c.ctx, id)
	if err != nil {
		return t, ticketProblem(err)
	}
	if !t.Has(c.session.User) {
		return t, ticketUnknown
	}
	return t, nil
}

// getTicket is GET /match/tickets/:id.
func (s *Service) getTicket(c *Context) error {
	t, err := s.findTicket(c)
	if err != nil {
		return err
	}
	out, err := s.shown(c, t)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// listTickets is GET /match/tickets.
func (s *Service) listTickets(c *Context) error {
	list, err := s.config.Store.TicketsOf(c.ctx, c.session.User, ticketsShown)
	if err != nil {
		return err
	}
	out := struct {
		Tickets []ticketJSON `json:"tickets"`
	}{make([]ticketJSON, len(list))}
	for i, t := range list {
		if out.Tickets[i], err = s.shown(c, t); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, out)
}

// shown is a ticket with where the player goes.
func (s *Service) shown(c *Context, t store.Ticket) (ticketJSON, error) {
	out := ticketOf(t)
	if t.State != store.TicketPlaced {
		return out, nil
	}
	room, err := s.config.Store.Room(c.ctx, t.Room)
	if err != nil {
		return out, err
	}
	var mine *store.Seat
	seat, err := s.config.Store.Seat(c.ctx, t.Room, c.session.User)
	switch {
	case err == nil:
		mine = &seat
	case !errors.Is(err, store.ErrNotFound): // it has left, or the room is closed
		return out, err
	}
	out.placed(c.gateway, room, mine)
	return out, nil
}

// cancelTicket is DELETE /match/tickets/:id. What is over stays as it is.
func (s *Service) cancelTicket(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	id, err := pathID(c, ticketUnknown)
	if err != nil {
		return err
	}
	now := s.config.Now()
	t, err := s.config.Store.CancelTicket(c.ctx, id, c.session.User, now)
	switch {
	case errors.Is(err, store.ErrTicketOver) && t.State == store.TicketPlaced:
		return ticketOver.because("The match is made: leave the room instead.")
	case errors.Is(err, store.ErrTicketOver):
		return c.NoContent()
	case err != nil:
		return ticketProblem(err)
	}
	if err := s.ticketEnded(c, t, c.session.User); err != nil {
		return err
	}
	return c.NoContent()
}

// ticketEnded tells the players of a ticket that it is over, but for one, and who pairs.
func (s *Service) ticketEnded(c *Context, t store.Ticket, but string) error {
	if err := s.notify(c.ctx, ticketNotes(t, but, t.EndedAt)...); err != nil {
		return err
	}
	c.After(func(ctx context.Context) {
		s.meter.ticket(&t, s.config.Now())
		s.nudgeOf(ctx, t)
	})
	return nil
}

// nudgeOf tells who pairs of a ticket, also of a mode that this lobby does not know: others may, of another version of the app.
func (s *Service) nudgeOf(ctx context.Context, t store.Ticket) {
	s.nudge(ctx, &mode{game: t.Game, name: t.Mode}, t.ID)
}

// acceptMatch is POST /match/tickets/:id/accept, declineMatch POST /match/tickets/:id/decline.
func (s *Service) acceptMatch(c *Context) error  { return s.answerOffer(c, true) }
func (s *Service) declineMatch(c *Context) error { return s.answerOffer(c, false) }

func (s *Service) answerOffer(c *Context, accept bool) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	id, err := pathID(c, ticketUnknown)
	if err != nil {
		return err
	}
	t, err := s.config.Store.AnswerOffer(c.ctx, id, c.session.User, accept, s.config.Now())
	if errors.Is(err, store.ErrTicketOver) && accept && t.State == store.TicketPlaced && t.Accepted(c.session.User) {
		err = nil // all have accepted meanwhile
	}
	if err != nil {
		return ticketProblem(err)
	}
	switch {
	case t.State == store.TicketDeclined:
		err = s.ticketEnded(c, t, c.session.User)
	case t.State == store.TicketFound:
		c.After(func(ctx context.Context) { s.nudgeOf(ctx, t) })
	}
	if err != nil {
		return err
	}
	out, err := s.shown(c, t)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

const (
	ticketTime     = time.Hour // that a ticket which is over is remembered
	searchesAtOnce = 200       // tickets, or parties, dropped in one transaction, and in one round at most searchBatches times as many
	searchBatches  = 20
)

// dropSearches drops tickets that are long over, and parties that are left alone.
func (s *Service) dropSearches(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	now := s.config.Now()
	for range searchBatches {
		tickets, err := s.config.Store.DropTickets(ctx, now.Add(-ticketTime), searchesAtOnce)
		parties := 0
		if err == nil {
			parties, err = s.config.Store.DropParties(ctx, now.Add(-partyTime), searchesAtOnce)
		}
		if err != nil {
			s.config.Log.Debug("old tickets and parties can't be dropped yet", "error", err)
		}
		if max(tickets, parties) < searchesAtOnce {
			return
		}
	}
}
