package lobby

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

// mode is a way to play a game for which players are found.
type mode struct {
	game, name string
	rules      match.Rules
}

var modeName = regexp.MustCompile(`^[a-z0-9_-]{0,32}$`)

// Match has the lobby find players for a mode of a game, by rules. The mode is the same word as of the game's boards and
// outcomes: a player's rating in it counts; "" is the game's usual one. Rooms are opened as POST /v1/rooms does, and the game
// reads who plays with whom from [handlers.Opener.Match].
func (a *App) Match(game, name string, rules match.Rules) {
	call := fmt.Sprintf("lobby: app.Match(%q, %q, ...)", game, name)
	if game == "" || !modeName.MatchString(game) {
		panic(call + ": write the game's name: 1 to 32 of a-z, 0-9, _ and -")
	}
	if err := rules.Check(); err != nil {
		panic(call + ": " + err.Error())
	}
	if !modeName.MatchString(name) {
		panic(call + `: write the mode as at most 32 of a-z, 0-9, _ and -, or "" for the game's usual one`)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served {
		panic(call + " comes too late: declare modes before the app is served")
	}
	for _, m := range a.modes {
		if m.game == game && m.name == name {
			panic(call + ": the mode is declared already")
		}
	}
	a.modes = append(a.modes, &mode{game, name, rules})
}

// modesOf are the modes of an app, by game and name.
func modesOf(all []*mode, games catalog) (map[[2]string]*mode, error) {
	by := map[[2]string]*mode{}
	for _, m := range all {
		if games.newest[m.game] == nil {
			return nil, fmt.Errorf("lobby: app.Match(%q, %q, ...): there is no such game", m.game, m.name)
		}
		by[[2]string{m.game, m.name}] = m
	}
	return by, nil
}

// modeJSON is a mode on the wire.
type modeJSON struct {
	Mode       string   `json:"mode"`
	Regions    []string `json:"regions"`
	Properties []string `json:"properties"`
	AcceptMS   int64    `json:"accept_ms"` // 0: nobody is asked
}

// modesOf lists the modes of a game by their names.
func (s *Service) modesOf(game string) []modeJSON {
	list := []modeJSON{}
	for _, m := range s.modes {
		if m.game == game {
			r := &m.rules
			list = append(list, modeJSON{m.name, append([]string{}, r.Regions...), append([]string{}, r.Properties...), r.Accept.Milliseconds()})
		}
	}
	slices.SortFunc(list, func(a, b modeJSON) int { return cmp.Compare(a.Mode, b.Mode) })
	return list
}

// wantsJSON is what a ticket asks of a match, on the wire and in the store.
type wantsJSON struct {
	Regions    []string                  `json:"regions,omitempty"`
	Properties map[string]match.Property `json:"properties,omitempty"`
}

var (
	unknownMode   = entry(404, "unknown_mode", "The game has no such mode", "Nobody is matched for this mode of the game: GET /v1/games lists the modes.")
	ticketUnknown = entry(404, "ticket_not_found", "There is no such ticket", "There is no such ticket, or it was over long ago.")
	searching     = entry(409, "already_searching", "A search is on", "The player, or one of its party, waits for a match already.")
	alreadySeated = entry(409, "already_seated", "The player is in a room", "The player, or one of its party, has a seat in a room of the game: leave that first.")
	partyChanged  = entry(409, "party_changed", "The party has changed", "Somebody has just come to the party or left it. Try again.")
	ticketOver    = entry(409, "ticket_over", "The ticket is over", "The ticket is over, or in another state: GET it.")
	cannotMatch   = entry(400, "bad_ticket", "The mode can't match this ticket", "The mode can't match this ticket.")
)

// ticketProblem is what a player is told of an error of a ticket.
func ticketProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ticketUnknown
	case errors.Is(err, store.ErrSearching):
		return searching
	case errors.Is(err, store.ErrSeated):
		return alreadySeated
	case errors.Is(err, store.ErrPartyChanged):
		return partyChanged
	case errors.Is(err, store.ErrTicketOver):
		return ticketOver
	case errors.Is(err, store.ErrTooMany):
		return rateLimited.after(time.Minute).because("Too many searches within an hour.")
	}
	return err
}

// ticketJSON is a ticket on the wire.
type ticketJSON struct {
	ID       string             `json:"id"`
	Game     string             `json:"game"`
	Mode     string             `json:"mode"`
	State    store.TicketState  `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Party    string             `json:"party,omitempty"`
	Players  []ticketPlayerJSON `json:"players,omitempty"`
	Since    time.Time          `json:"since"`
	AcceptBy *time.Time         `json:"accept_by,omitempty"` // found: until when each player may accept
	// placed: where to go
	Room  *roomJSON  `json:"room,omitempty"`
	Seat  *seatJSON  `json:"seat,omitempty"`
	Stomp *stompJSON `json:"stomp,omitempty"`
}

type ticketPlayerJSON struct {
	User     string `json:"user"`
	Name     string `json:"name"`
	Accepted bool   `json:"accepted"`
}

func ticketOf(t store.Ticket) ticketJSON {
	out := ticketJSON{ID: t.ID, Game: t.Game, Mode: t.Mode, State: t.State, Reason: t.Reason, Party: t.Party, Since: t.Since.UTC()}
	for _, p := range t.Players {
		out.Players = append(out.Players, ticketPlayerJSON{p.User, p.Name, p.Accepted})
	}
	if t.State == store.TicketFound && !t.Until.IsZero() {
		until := t.Until.UTC()
		out.AcceptBy = &until
	}
	return out
}

// placed adds where the ticket's players go.
func (out *ticketJSON) placed(gateway string, room store.Room, seat *store.Seat) {
	r := roomOf(room)
	stomp := stompOf(gateway, room.ID)
	out.Room, out.Stomp = &r, &stomp
	if seat != nil {
		out.Seat = seatOf(seat)
	}
}

// noteMatch is the type of what players are told of their tickets: a ticket without its players.
const noteMatch = "$match"

// ticketNotes tells all players of a ticket how it stands, but for one.
func ticketNotes(t store.Ticket, but string, now time.Time) []store.Note {
	body := ticketOf(t)
	body.Players = nil
	var notes []store.Note
	for _, p := range t.Players {
		if p.User != but {
			notes = append(notes, noteOf(p.User, noteMatch, now, body))
		}
	}
	return notes
}

// placedNotes tells all players of a placed ticket where they go.
func placedNotes(t store.Ticket, room store.Room, now time.Time) []store.Note {
	var notes []store.Note
	for _, p := range t.Players {
		body := ticketOf(t)
		body.Players = nil
		body.placed(t.Gateway, room, &store.Seat{User: p.User, Name: p.Name, State: store.Joining})
		notes = append(notes, noteOf(p.User, noteMatch, now, body))
	}
	return notes
}

// forMatch is a ticket as package match knows it.
func forMatch(t *store.Ticket) (match.Ticket, error) {
	var wants wantsJSON
	if len(t.Wants) > 0 {
		if err := json.Unmarshal(t.Wants, &wants); err != nil {
			return match.Ticket{}, fmt.Errorf("decode what ticket %s wants: %w", t.ID, err)
		}
	}
	out := match.Ticket{ID: t.ID, Regions: wants.Regions, Properties: wants.Properties, Since: t.Since}
	for _, p := range t.Players {
		out.Party = append(out.Party, match.Player{User: p.User, Rating: p.Rating})
	}
	return out, nil
}

// checkTicket says by a problem what the rules of a mode do not allow about a ticket.
func checkTicket(m *mode, t *store.Ticket) error {
	in, err := forMatch(t)
	if err != nil {
		return err
	}
	if err := m.rules.CheckTicket(in); err != nil {
		return cannotMatch.because("The mode can't match this ticket: %s.", errors.Unwrap(err))
	}
	return nil
}

// group is tickets that belong together, by their ids, as it is kept with an offer.
type group struct {
	Teams [][]string `json:"teams"`
	Bots  []int      `json:"bots,omitempty"`
	Room  string     `json:"room,omitempty"` // one that has asked for players
	// What all of them accept.
	Region     string                    `json:"region,omitempty"`
	Properties map[string]match.Property `json:"properties,omitempty"`
}

func (g *group) tickets() []string { return slices.Concat(g.Teams...) }

// groupOf is a group as it is kept with an offer.
func groupOf(g match.Group) group {
	return group{Teams: g.Teams, Bots: g.Bots, Room: g.Room, Region: g.Region, Properties: g.Properties}
}

// optionsFor is what the game is told of a group.
func optionsFor(m *mode, g *group, tickets map[string]*store.Ticket) ([]byte, error) {
	properties, err := json.Marshal(g.Properties)
	if err != nil {
		return nil, err
	}
	out := handlers.Match{Mode: m.name, Bots: g.Bots, Region: g.Region}
	if err := json.Unmarshal(properties, &out.Properties); err != nil {
		return nil, err
	}
	for _, team := range g.Teams {
		users := []string{}
		for _, id := range team {
			for _, p := range tickets[id].Players {
				users = append(users, p.User)
			}
		}
		out.Teams = append(out.Teams, users)
	}
	return json.Marshal(map[string]handlers.Match{handlers.MatchOption: out})
}

// ofMatching says whether options hold what only matching may say.
func ofMatching(options []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(options, &members) != nil {
		return false
	}
	_, has := members[handlers.MatchOption]
	return has
}
