package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Party is players who want to play together; the leader is who has been in it longest.
type Party struct {
	ID      string   `json:"id"`
	Code    string   `json:"code"` // who knows it may join
	Size    int      `json:"size"`
	Leader  string   `json:"leader"`
	Members []Member `json:"members"`
}

// Member is a player in a party.
type Member struct {
	User  string    `json:"user"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// Invitation is a party to which the player may come.
type Invitation struct {
	Party string    `json:"party"`
	By    string    `json:"by"`
	Name  string    `json:"name"`
	At    time.Time `json:"at"`
}

// Search is what a player, or a party, is looking for. Only Game is needed.
type Search struct {
	Game       string         `json:"game"`
	Mode       string         `json:"mode,omitempty"`
	Party      string         `json:"party,omitempty"` // that the player leads
	Regions    []string       `json:"regions,omitempty"`
	Properties map[string]any `json:"properties,omitempty"` // texts, numbers, and {"min":..,"max":..}
}

// Ticket is a search. Its State is waiting, found (to be accepted by AcceptBy), placed, declined, cancelled or expired.
type Ticket struct {
	ID       string         `json:"id"`
	Game     string         `json:"game"`
	Mode     string         `json:"mode"`
	State    string         `json:"state"`
	Reason   string         `json:"reason"`
	Party    string         `json:"party"`
	Players  []TicketPlayer `json:"players"`
	Since    time.Time      `json:"since"`
	AcceptBy time.Time      `json:"accept_by"`
	// Where to go, when it is placed.
	Room  RoomInfo `json:"room"`
	Seat  Seat     `json:"seat"`
	Stomp Stomp    `json:"stomp"`
}

// Place is where a placed ticket's player goes.
func (t *Ticket) Place() Place { return Place{Room: t.Room, Seat: t.Seat, Stomp: t.Stomp} }

// Over reports whether nothing comes of the ticket any more.
func (t *Ticket) Over() bool {
	return t.State != "waiting" && t.State != "found" && t.State != "placed"
}

// TicketPlayer is one of those who search together.
type TicketPlayer struct {
	User     string `json:"user"`
	Name     string `json:"name"`
	Accepted bool   `json:"accepted"`
}

// CreateParty makes a party that the player leads; size 0: as the lobby likes. Codes: in_party.
func (c *Client) CreateParty(ctx context.Context, size int) (Party, error) {
	return c.party(ctx, "make a party", "/parties", struct {
		Size int `json:"size,omitempty"`
	}{size})
}

// JoinParty comes to a party by its code. Codes: party_not_found, party_full, in_party, already_searching.
func (c *Client) JoinParty(ctx context.Context, code string) (Party, error) {
	return c.party(ctx, "join a party", "/parties/join", map[string]string{"code": code})
}

// AcceptInvitation comes to a party where the player is invited. The codes are those of JoinParty.
func (c *Client) AcceptInvitation(ctx context.Context, party string) (Party, error) {
	return c.party(ctx, "join a party", "/parties/join", map[string]string{"party": party})
}

func (c *Client) party(ctx context.Context, what, path string, body any) (p Party, err error) {
	if err := c.call(ctx, http.MethodPost, path, body, &p); err != nil {
		return Party{}, fmt.Errorf("%s: %w", what, err)
	}
	return p, nil
}

// Party is the player's party, nil if it has none, and where it is invited.
func (c *Client) Party(ctx context.Context) (*Party, []Invitation, error) {
	var answer struct {
		Party       *Party       `json:"party"`
		Invitations []Invitation `json:"invitations"`
	}
	if err := c.call(ctx, http.MethodGet, "/user/party", nil, &answer); err != nil {
		return nil, nil, fmt.Errorf("look at the party: %w", err)
	}
	return answer.Party, answer.Invitations, nil
}

// InviteToParty invites another player. Codes: user_not_found, in_party, too_many_invitations.
func (c *Client) InviteToParty(ctx context.Context, party, user string) error {
	return c.tellParty(ctx, party, "invite", map[string]string{"user": user})
}

// DeclineInvitation declines an invitation; having none is no error.
func (c *Client) DeclineInvitation(ctx context.Context, party string) error {
	return c.tellParty(ctx, party, "decline", struct{}{})
}

// LeaveParty leaves a party; who is not in it has left.
func (c *Client) LeaveParty(ctx context.Context, party string) error {
	return c.tellParty(ctx, party, "leave", struct{}{})
}

// KickFromParty sends a member away. Codes: not_leader, user_not_found.
func (c *Client) KickFromParty(ctx context.Context, party, user string) error {
	return c.tellParty(ctx, party, "kick", map[string]string{"user": user})
}

func (c *Client) tellParty(ctx context.Context, party, verb string, body any) error {
	if err := c.call(ctx, http.MethodPost, "/parties/"+url.PathEscape(party)+"/"+verb, body, nil); err != nil {
		return fmt.Errorf("%s (party): %w", verb, err)
	}
	return nil
}

// Search begins to wait for a match. Codes: unknown_mode, bad_ticket, already_searching, already_seated, not_leader, party_changed.
func (c *Client) Search(ctx context.Context, s Search) (Ticket, error) {
	return c.ticket(ctx, "search", http.MethodPost, "/match/tickets", s)
}

// Ticket looks at a search.
func (c *Client) Ticket(ctx context.Context, id string) (Ticket, error) {
	return c.ticket(ctx, "look at a search", http.MethodGet, "/match/tickets/"+url.PathEscape(id), nil)
}

// AcceptMatch accepts what was found, DeclineMatch declines it. Codes: ticket_over.
func (c *Client) AcceptMatch(ctx context.Context, id string) (Ticket, error) {
	return c.ticket(ctx, "accept a match", http.MethodPost, "/match/tickets/"+url.PathEscape(id)+"/accept", struct{}{})
}

// DeclineMatch declines what was found: see AcceptMatch.
func (c *Client) DeclineMatch(ctx context.Context, id string) (Ticket, error) {
	return c.ticket(ctx, "decline a match", http.MethodPost, "/match/tickets/"+url.PathEscape(id)+"/decline", struct{}{})
}

func (c *Client) ticket(ctx context.Context, what, method, path string, body any) (t Ticket, err error) {
	if err := c.call(ctx, method, path, body, &t); err != nil {
		return Ticket{}, fmt.Errorf("%s: %w", what, err)
	}
	if t.State == "placed" {
		p := t.Place()
		c.remember(&p)
	}
	return t, nil
}

// CancelSearch waits no longer. Codes: ticket_over, when the match is made.
func (c *Client) CancelSearch(ctx context.Context, id string) error {
	if err := c.call(ctx, http.MethodDelete, "/match/tickets/"+url.PathEscape(id), struct{}{}, nil); err != nil {
		return fmt.Errorf("cancel a search: %w", err)
	}
	return nil
}

// ErrNoMatch: the search is over without a match.
var ErrNoMatch = errors.New("no match")

// lookEvery is the pause between two looks of Await.
const lookEvery = 200 * time.Millisecond

// Match searches, and then does what Await does.
func (c *Client) Match(ctx context.Context, s Search) (Place, error) {
	t, err := c.Search(ctx, s)
	if err != nil {
		return Place{}, err
	}
	return c.Await(ctx, t.ID)
}

// Await waits until a search has led to a room, which it returns with the player's seat, and accepts what is found. It asks the lobby
// five times a second; a program with a connection hears of it by a $match note at once. When ctx ends it cancels the search.
// ErrNoMatch.
func (c *Client) Await(ctx context.Context, id string) (Place, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		t, err := c.Ticket(ctx, id)
		if err == nil && t.State == "found" {
			if answered, err := c.AcceptMatch(ctx, id); err == nil {
				t = answered
			} // else it is withdrawn already, or is tried again
		}
		switch {
		case err != nil && refusal(err):
			return Place{}, err
		case err != nil: // the lobby is away, and the ticket is not
		case t.State == "placed":
			return t.Place(), nil
		case t.Over():
			return Place{}, fmt.Errorf("%w: the search was %s %s", ErrNoMatch, t.State, t.Reason)
		}
		select {
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*lookEvery)
			defer cancel()
			_ = c.CancelSearch(late, id) // or its players are placed, and leave by their grace time
			return Place{}, ctx.Err()
		case <-ticker.C:
		}
	}
}

// refusal reports whether the lobby has answered, and would answer the same again.
func refusal(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Status < 500
}
