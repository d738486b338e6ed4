package lobby

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

// members are the names of a party's members by what a test calls them, in their order.
func membersOf(p partyJSON, names map[string]string) string {
	var list []string
	for _, m := range p.Members {
		list = append(list, names[m.User])
	}
	return strings.Join(list, " ")
}

// party is the player's party.
func (m *machine) party(in signedIn) (out struct {
	Party       *partyJSON   `json:"party"`
	Invitations []inviteJSON `json:"invitations"`
}) {
	m.t.Helper()
	m.do("GET", "/v1/user/party", in.Token, "").into(m.t, 200, &out)
	return out
}

// told are the bodies of a player's notes of a type, oldest first.
func told[T any](m *machine, in signedIn, kind string) (bodies []T) {
	m.t.Helper()
	var page struct {
		Notes []noteJSON `json:"notes"`
		Last  string     `json:"last"`
	}
	m.do("GET", "/v1/user/notes?limit=100", in.Token, "").into(m.t, 200, &page)
	for _, n := range page.Notes {
		if n.Type != kind {
			continue
		}
		var body T
		if err := json.Unmarshal(n.Body, &body); err != nil {
			m.t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func TestPartiesThroughTheLobby(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	one, two := a.start(nil), a.start(nil)
	ann, bob, eve := one.guestOf(), one.guestOf(), one.guestOf()
	names := map[string]string{ann.User.ID: "ann", bob.User.ID: "bob", eve.User.ID: "eve"}
	if got := two.party(ann); got.Party != nil || len(got.Invitations) != 0 {
		t.Errorf("got %+v, want no party", got)
	}
	var p partyJSON
	one.do("POST", "/v1/parties", ann.Token, `{"size":3}`).into(t, 201, &p)
	if p.Size != 3 || p.Leader != ann.User.ID || len(p.Code) != codeLength || membersOf(p, names) != "ann" {
		t.Errorf("got party %+v", p)
	}
	one.do("POST", "/v1/parties", ann.Token, "").refused(t, 409, "in_party")
	for _, size := range []string{"0", "33", "-1"} {
		one.do("POST", "/v1/parties", bob.Token, `{"size":`+size+`}`).refused(t, 400, "bad_request")
	}
	invite, join := "/v1/parties/"+p.ID+"/invite", "/v1/parties/join"
	two.do("POST", join, bob.Token, fmt.Sprintf(`{"party":%q}`, p.ID)).refused(t, 404, "party_not_found")
	two.do("POST", invite, bob.Token, fmt.Sprintf(`{"user":%q}`, eve.User.ID)).refused(t, 404, "party_not_found")
	two.do("POST", invite, ann.Token, `{"user":"nobody"}`).refused(t, 404, "user_not_found")
	two.do("POST", invite, ann.Token, `{}`).refused(t, 404, "user_not_found")
	if r := two.do("POST", invite, ann.Token, fmt.Sprintf(`{"user":%q}`, bob.User.ID)); r.status != 204 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if got := two.party(bob).Invitations; len(got) != 1 || got[0].Party != p.ID || got[0].By != ann.User.ID || got[0].Name != ann.User.Name {
		t.Errorf("got invitations %+v", got)
	}
	two.do("POST", join, bob.Token, fmt.Sprintf(`{"party":%q}`, p.ID)).into(t, 200, &p)
	two.do("POST", join, eve.Token, fmt.Sprintf(`{"code":%q}`, strings.ToLower(p.Code))).into(t, 200, &p)
	if got := membersOf(p, names); got != "ann bob eve" {
		t.Errorf("got members %q", got)
	}
	late := one.guestOf()
	one.do("POST", join, late.Token, fmt.Sprintf(`{"code":%q}`, p.Code)).refused(t, 409, "party_full")
	for body, code := range map[string]string{`{}`: "bad_request", `{"code":"x","party":"y"}`: "bad_request", `{"code":"ABCDEFGH"}`: "party_not_found",
		`{"code":"` + strings.Repeat("A", 9) + `"}`: "party_not_found", `{"party":"a b"}`: "party_not_found"} {
		status := 404
		if code == "bad_request" {
			status = 400
		}
		one.do("POST", join, late.Token, body).refused(t, status, code)
	}

	kick := "/v1/parties/" + p.ID + "/kick"
	one.do("POST", kick, bob.Token, fmt.Sprintf(`{"user":%q}`, eve.User.ID)).refused(t, 403, "not_leader")
	one.do("POST", kick, late.Token, fmt.Sprintf(`{"user":%q}`, eve.User.ID)).refused(t, 404, "party_not_found")
	one.do("POST", kick, ann.Token, fmt.Sprintf(`{"user":%q}`, late.User.ID)).refused(t, 404, "user_not_found")
	one.do("POST", kick, ann.Token, fmt.Sprintf(`{"user":%q}`, ann.User.ID)).refused(t, 400, "bad_request")
	if r := one.do("POST", kick, ann.Token, fmt.Sprintf(`{"user":%q}`, eve.User.ID)); r.status != 204 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	for range 2 {
		if r := one.do("POST", "/v1/parties/"+p.ID+"/leave", ann.Token, ""); r.status != 204 {
			t.Errorf("got %d %s", r.status, r.body)
		}
	}
	if got := two.party(bob).Party; got == nil || got.Leader != bob.User.ID || membersOf(*got, names) != "bob" {
		t.Errorf("got party %+v, want bob to lead it", got)
	}
	var events []string
	for _, n := range told[partyNoteJSON](one, bob, "$party") {
		now := ""
		if n.Party != nil {
			now = " " + membersOf(*n.Party, names)
		}
		events = append(events, n.Event+" "+names[n.User]+now)
	}
	want := "invited ann; joined bob ann bob; joined eve ann bob eve; kicked eve ann bob; left ann bob"
	if got := strings.Join(events, "; "); got != want {
		t.Errorf("bob was told %q, want %q", got, want)
	}
	if got := told[partyNoteJSON](one, eve, "$party"); len(got) != 2 || got[1].Event != "kicked" || got[1].Party != nil {
		t.Errorf("eve was told %+v, want at last that she was kicked, and nothing of who stays", got)
	}
}

func TestCodesOfPartiesAreNotGuessed(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	m := a.start(nil)
	ann, eve := m.guestOf(), m.guestOf()
	var p partyJSON
	m.do("POST", "/v1/parties", ann.Token, "").into(t, 201, &p)
	join := func(code string) reply {
		return m.do("POST", "/v1/parties/join", eve.Token, fmt.Sprintf(`{"code":%q}`, code))
	}
	for range codesAtOnce {
		join("ABCDEFGH").refused(t, 404, "party_not_found")
	}
	join(p.Code).refused(t, 429, "rate_limited")
	for range 2 * codesAtOnce { // who knows it may use it as often as it likes
		m.do("POST", "/v1/parties/join", ann.Token, fmt.Sprintf(`{"code":%q}`, p.Code)).into(t, 200, &p)
	}
}

func TestAPartyIsMatchedTogether(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "squads", match.Rules{Teams: 2, Min: 2}) })
	m := a.start(nil)
	ann, bob := m.guestOf(), m.guestOf()
	var p partyJSON
	m.do("POST", "/v1/parties", ann.Token, "").into(t, 201, &p)
	m.do("POST", "/v1/parties/join", bob.Token, fmt.Sprintf(`{"code":%q}`, p.Code)).into(t, 200, &p)
	search := fmt.Sprintf(`{"game":"duo","mode":"squads","party":%q}`, p.ID)
	m.do("POST", "/v1/match/tickets", bob.Token, search).refused(t, 403, "not_leader")
	m.do("POST", "/v1/match/tickets", m.guestOf().Token, search).refused(t, 404, "party_not_found")
	var ticket ticketJSON
	m.do("POST", "/v1/match/tickets", ann.Token, search).into(t, 201, &ticket)
	if len(ticket.Players) != 2 || ticket.Party != p.ID {
		t.Errorf("got ticket %+v, want one of two", ticket)
	}
	m.do("POST", "/v1/match/tickets", bob.Token, `{"game":"duo","mode":"squads"}`).refused(t, 409, "already_searching")
	m.do("POST", "/v1/parties/join", m.guestOf().Token, fmt.Sprintf(`{"code":%q}`, p.Code)).refused(t, 409, "already_searching")

	// Who leaves ends the search; it begins anew with who has come back.
	if r := m.do("POST", "/v1/parties/"+p.ID+"/leave", bob.Token, ""); r.status != 204 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if got := m.ticket(ann, ticket.ID); got.State != store.TicketCancelled || got.Reason != "player_left" {
		t.Errorf("got %+v, want it cancelled", got)
	}
	if notes := told[ticketJSON](m, ann, "$match"); len(notes) != 1 || notes[0].ID != ticket.ID || notes[0].State != store.TicketCancelled {
		t.Errorf("ann was told %+v", notes)
	}
	m.do("POST", "/v1/parties/join", bob.Token, fmt.Sprintf(`{"code":%q}`, p.Code)).into(t, 200, &p)
	m.do("POST", "/v1/match/tickets", ann.Token, search).into(t, 201, &ticket)
	all := append([]player{{ann, ticket.ID}, {bob, ticket.ID}}, m.searching(2, "squads")...)
	pairs(t, a.placed(m, all), 4)
	a.mu.Lock()
	defer a.mu.Unlock()
	together := false
	for _, o := range a.options {
		for _, team := range o.Teams {
			together = together || strings.Join(team, " ") == ann.User.ID+" "+bob.User.ID
		}
	}
	if !together {
		t.Errorf("the game heard %v, want ann and bob in one team", a.options)
	}
	if notes := told[ticketJSON](m, bob, "$match"); len(notes) != 4 || notes[3].State != store.TicketPlaced || notes[3].Room == nil || notes[3].Seat.User != bob.User.ID ||
		notes[3].Stomp.URL == "" {
		t.Errorf("bob was told %+v, want at last where to go", notes)
	}
}

func TestADeletedPlayerLeavesItsPartyAndItsSearch(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Min: 2, Accept: time.Hour}) })
	m := a.start(nil)
	ann, bob := m.guestOf(), m.guestOf()
	var p partyJSON
	m.do("POST", "/v1/parties", ann.Token, "").into(t, 201, &p)
	m.do("POST", "/v1/parties/join", bob.Token, fmt.Sprintf(`{"code":%q}`, p.Code)).into(t, 200, &p)
	var ticket ticketJSON
	m.do("POST", "/v1/match/tickets", ann.Token, fmt.Sprintf(`{"game":"duo","mode":"duel","party":%q}`, p.ID)).into(t, 201, &ticket)
	others := m.searching(2, "duel")
	found := func(p player) {
		t.Helper()
		a.until("find", func() bool { return m.ticket(p.signedIn, p.ticket).State == store.TicketFound })
	}
	found(others[0])
	if r := m.do("DELETE", "/v1/user", bob.Token, ""); r.status != 204 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	a.until("let the others wait on at once", func() bool { return m.ticket(others[0].signedIn, others[0].ticket).State == store.TicketWaiting })
	if got := m.ticket(ann, ticket.ID); got.State != store.TicketCancelled || got.Reason != "player_left" {
		t.Errorf("got %+v, want it cancelled", got)
	}
	if got := m.party(ann).Party; got == nil || len(got.Members) != 1 {
		t.Errorf("got party %+v, want ann alone", got)
	}
	notes := told[partyNoteJSON](m, ann, "$party")
	if last := notes[len(notes)-1]; last.Event != "left" || last.User != bob.User.ID {
		t.Errorf("ann was told %+v, want that bob has left", last)
	}
	if r := m.do("DELETE", "/v1/user", others[1].Token, ""); r.status != 204 { // alone in its search
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestWhoBlocksIsNotInvited(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	m := a.start(nil)
	ann, bob := m.guestOf(), m.guestOf()
	if r := m.do("PUT", "/v1/user/blocks/"+ann.User.ID, bob.Token, ""); r.status >= 300 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	var p partyJSON
	m.do("POST", "/v1/parties", ann.Token, "").into(t, 201, &p)
	m.do("POST", "/v1/parties/"+p.ID+"/invite", ann.Token, fmt.Sprintf(`{"user":%q}`, bob.User.ID)).refused(t, 403, "unreachable")
	if got := m.party(bob).Invitations; len(got) != 0 {
		t.Errorf("got invitations %+v, want none", got)
	}
}
