package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

// Parties are in the store alone: whoever of them reads or changes one goes there.

const (
	usualParty = 8              // members of a party at most, where its maker says nothing
	partyTime  = 24 * time.Hour // without a change after which a party ends
)

var (
	partyNotFound  = entry(404, "party_not_found", "There is no such party", "There is no such party, or you are neither in it nor invited.")
	inParty        = entry(409, "in_party", "The player is in a party", "A player is in one party at a time.")
	partyFull      = entry(409, "party_full", "The party is full", "The party has as many members as it may.")
	tooManyInvites = entry(409, "too_many_invitations", "Many are invited", "Too many invitations are open.")
	notLeader      = entry(403, "not_leader", "Only the leader may", "Only the leader of the party may do this.")
)

// partyJSON is a party on the wire, for its members.
type partyJSON struct {
	ID      string       `json:"id"`
	Code    string       `json:"code"`
	Size    int          `json:"size"`
	Leader  string       `json:"leader"`
	Members []memberJSON `json:"members"`
}

type memberJSON struct {
	User  string    `json:"user"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

func partyOf(p store.Party) partyJSON {
	out := partyJSON{ID: p.ID, Code: p.Code, Size: p.Size, Members: make([]memberJSON, len(p.Members))}
	for i, m := range p.Members {
		out.Members[i] = memberJSON{m.User, m.Name, m.Since.UTC()}
	}
	if len(p.Members) > 0 {
		out.Leader = p.Leader()
	}
	return out
}

// partyNoteJSON is what members are told of their party, and others who are invited.
type partyNoteJSON struct {
	Event string     `json:"event"` // invited, joined, left, kicked, searching
	ID    string     `json:"id"`
	User  string     `json:"user"` // who has done it, or to whom it was done
	Name  string     `json:"name,omitempty"`
	Party *partyJSON `json:"party,omitempty"` // as it is now; for members
}

// Events of parties.
const (
	partyInvited = "invited"
	partyJoined  = "joined"
	partyLeft    = "left"
	partyKicked  = "kicked"
)

const noteParty = "$party"

// partyProblem is what a player is told of an error of a party.
func partyProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return partyNotFound
	case errors.Is(err, store.ErrInParty):
		return inParty
	case errors.Is(err, store.ErrPartyFull):
		return partyFull
	case errors.Is(err, store.ErrNotLeader):
		return notLeader
	case errors.Is(err, store.ErrSearching):
		return searching
	case errors.Is(err, store.ErrFull):
		return tooManyInvites
	}
	return err
}

// createParty is POST /parties.
func (s *Service) createParty(c *Context) error {
	in := struct {
		Size int `json:"size"`
	}{usualParty}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if in.Size < 1 || in.Size > store.MaxParty {
		return badRequest.because("The size is 1 to %d.", store.MaxParty)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a party id: %w", err)
	}
	var made store.Party
	for range codeTries {
		made, err = s.config.Store.CreateParty(c.ctx, store.Party{ID: id.String(), Code: newCode(), Size: in.Size}, c.session.User, s.config.Now())
		if !errors.Is(err, store.ErrCodeTaken) {
			break
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return notSignedIn
	}
	if err != nil {
		return partyProblem(err)
	}
	return c.JSON(http.StatusCreated, partyOf(made))
}

// userParty is GET /user/party: the player's party, if it has one, and where it is invited.
func (s *Service) userParty(c *Context) error {
	out := struct {
		Party       *partyJSON   `json:"party"`
		Invitations []inviteJSON `json:"invitations"`
	}{Invitations: []inviteJSON{}}
	p, err := s.config.Store.PartyOf(c.ctx, c.session.User)
	switch {
	case err == nil:
		party := partyOf(p)
		out.Party = &party
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	invites, err := s.config.Store.PartyInvites(c.ctx, c.session.User)
	if err != nil {
		return err
	}
	for _, i := range invites {
		out.Invitations = append(out.Invitations, inviteJSON{i.Party, i.By, i.Name, i.At.UTC()})
	}
	return c.JSON(http.StatusOK, out)
}

type inviteJSON struct {
	Party string    `json:"party"`
	By    string    `json:"by"`
	Name  string    `json:"name"`
	At    time.Time `json:"at"`
}

// pathID is the id in the path; none where it can't be one.
func pathID(c *Context, none error) (string, error) {
	if id := c.Param("id"); goodID.MatchString(id) {
		return id, nil
	}
	return "", none
}

// bindUser reads a body that names a player.
func (c *Context) bindUser() (string, error) {
	var in struct {
		User string `json:"user"`
	}
	if err := c.bindObject(&in); err != nil {
		return "", err
	}
	if !goodID.MatchString(in.User) {
		return "", userNotFound
	}
	return in.User, nil
}

// inviteToParty is POST /parties/:id/invite.
func (s *Service) inviteToParty(c *Context) error {
	id, err := pathID(c, partyNotFound)
	if err != nil {
		return err
	}
	user, err := c.bindUser()
	if err != nil {
		return err
	}
	switch p, err := s.config.Store.PartyOf(c.ctx, c.session.User); {
	case err == nil && p.ID != id, errors.Is(err, store.ErrNotFound):
		return partyNotFound
	case err != nil:
		return err
	}
	err = s.reach(c, func(ctx context.Context) error {
		switch blocked, err := s.config.Store.Blocked(ctx, c.session.User, user); {
		case err != nil:
			return err
		case blocked:
			return unreachable
		}
		now := s.config.Now()
		err := s.config.Store.InviteToParty(ctx, id, c.session.User, user, now)
		if errors.Is(err, store.ErrNotFound) {
			return userNotFound
		}
		if err != nil {
			return partyProblem(err)
		}
		return s.notify(ctx, noteOf(user, noteParty, now, partyNoteJSON{Event: partyInvited, ID: id, User: c.session.User, Name: c.session.Name}))
	})
	if err != nil {
		return err
	}
	return c.NoContent()
}

// noteOf is a note with v as its body.
func noteOf(user, kind string, now time.Time, v any) store.Note {
	body, _ := json.Marshal(v) // our own structs: can't fail
	return store.Note{User: user, Type: kind, Body: body, At: now}
}

// declineParty is POST /parties/:id/decline. Who is not invited has declined.
func (s *Service) declineParty(c *Context) error {
	if err := c.bindObject(&struct{}{}); err != nil {
		return err
	}
	id, err := pathID(c, partyNotFound)
	if err != nil {
		return err
	}
	if err := s.config.Store.DropPartyInvite(c.ctx, id, c.session.User); err != nil {
		return err
	}
	return c.NoContent()
}

// joinParty is POST /parties/join: by code, or by the id of a party where the player is invited.
func (s *Service) joinParty(c *Context) error {
	var in struct {
		Code  string `json:"code"`
		Party string `json:"party"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	if (in.Code == "") == (in.Party == "") {
		return badRequest.because("Give the code, or the party where you are invited.")
	}
	c.whole = true
	if in.Party != "" {
		return s.once(c, func() error { return s.comeToParty(c, in.Party, "") })
	}
	right, err := s.codes.try(c.session.User, c.address, s.config.Now())
	if err != nil {
		return err
	}
	code, ok := parseCode(in.Code)
	if !ok {
		return partyNotFound
	}
	err = s.once(c, func() error { return s.comeToParty(c, "", code) })
	if err != nil && problemOf(err) != partyNotFound || err == nil && c.answer.status != http.StatusNotFound {
		right()
	}
	return err
}

// comeToParty takes the player into the party of that id, where it is invited, or of that code.
func (s *Service) comeToParty(c *Context, id, code string) (err error) {
	now := s.config.Now()
	var p store.Party
	switch {
	case code != "":
		p, err = s.config.Store.JoinPartyByCode(c.ctx, code, c.session.User, now)
	case goodID.MatchString(id):
		p, err = s.config.Store.JoinParty(c.ctx, id, c.session.User, now)
	default:
		err = partyNotFound
	}
	if err != nil {
		return partyProblem(err)
	}
	if err := s.tellParty(c.ctx, p, partyJoined, c.session.User, c.session.Name, now); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, partyOf(p))
}

// tellParty tells all members what has happened in their party, and the one to whom it has.
func (s *Service) tellParty(ctx context.Context, p store.Party, event, user, name string, now time.Time) error {
	all := partyOf(p)
	var notes []store.Note
	for _, m := range p.Members {
		notes = append(notes, noteOf(m.User, noteParty, now, partyNoteJSON{event, p.ID, user, name, &all}))
	}
	if event == partyKicked {
		notes = append(notes, noteOf(user, noteParty, now, partyNoteJSON{Event: event, ID: p.ID, User: user, Name: name}))
	}
	return s.notify(ctx, notes...)
}
