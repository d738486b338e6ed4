package lobby

import (
	"errors"
	"time"

	"github.com/madang-games/madang/store"
)

// leaveParty is POST /parties/:id/leave. Who is not in it has left.
func (s *Service) leaveParty(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	id, err := pathID(c, partyNotFound)
	if err != nil {
		return err
	}
	now := s.config.Now()
	left, cancelled, err := s.config.Store.LeaveParty(c.ctx, id, c.session.User, now)
	if errors.Is(err, store.ErrNotFound) {
		return c.NoContent()
	}
	if err != nil {
		return err
	}
	left.ID = id
	return s.hasLeft(c, left, cancelled, partyLeft, c.session.User, c.session.Name, now)
}

// kickFromParty is POST /parties/:id/kick.
func (s *Service) kickFromParty(c *Context) error {
	id, err := pathID(c, partyNotFound)
	if err != nil {
		return err
	}
	user, err := c.bindUser()
	if err != nil {
		return err
	}
	if user == c.session.User {
		return badRequest.because("To leave, POST /v1/parties/{id}/leave.")
	}
	now := s.config.Now()
	before, err := s.config.Store.PartyOf(c.ctx, c.session.User)
	if errors.Is(err, store.ErrNotFound) || err == nil && before.ID != id {
		return partyNotFound
	}
	if err != nil {
		return err
	}
	left, cancelled, err := s.config.Store.KickFromParty(c.ctx, id, c.session.User, user, now)
	if errors.Is(err, store.ErrNotFound) {
		return userNotFound
	}
	if err != nil {
		return partyProblem(err)
	}
	name := ""
	for _, m := range before.Members {
		if m.User == user {
			name = m.Name
		}
	}
	return s.hasLeft(c, left, cancelled, partyKicked, user, name, now)
}

// leaveSearches takes a player whose account goes out of its party, and ends its search, so that those who are with it know.
func (s *Service) leaveSearches(c *Context, user string) error {
	now := s.config.Now()
	p, err := s.config.Store.PartyOf(c.ctx, user)
	if err == nil {
		left, cancelled, err := s.config.Store.LeaveParty(c.ctx, p.ID, user, now)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			left.ID = p.ID
			if err := s.hasLeft(c, left, cancelled, partyLeft, user, "", now); err != nil {
				return err
			}
		}
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	tickets, err := s.config.Store.TicketsOf(c.ctx, user, 1)
	if err != nil || len(tickets) == 0 || !tickets[0].Open() {
		return err
	}
	t, err := s.config.Store.CancelTicket(c.ctx, tickets[0].ID, user, now)
	if errors.Is(err, store.ErrTicketOver) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.ticketEnded(c, t, user)
}

// hasLeft tells those whom it concerns that a player is not in its party any more.
func (s *Service) hasLeft(c *Context, left store.Party, cancelled *store.Ticket, event, user, name string, now time.Time) error {
	if err := s.tellParty(c.ctx, left, event, user, name, now); err != nil {
		return err
	}
	if cancelled != nil {
		if err := s.ticketEnded(c, *cancelled, ""); err != nil {
			return err
		}
	}
	return c.NoContent()
}
