package lobby

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

func TestPlayersWhoSearchAreMatched(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	lobbies := []*machine{a.start(nil), a.start(nil)}
	ann := lobbies[0].searching(1, "duel")
	if got := lobbies[0].ticket(ann[0].signedIn, ann[0].ticket); got.State != store.TicketWaiting || len(got.Players) != 1 || got.Room != nil {
		t.Errorf("got %+v, want a waiting ticket", got)
	}
	bob := lobbies[1].searching(1, "duel")
	rooms := a.placed(lobbies[1], slices.Concat(ann, bob))
	pairs(t, rooms, 2)
	a.mu.Lock()
	got, want := fmt.Sprint(a.options[ann[0].User.ID]), fmt.Sprint(handlers.Match{Mode: "duel", Teams: [][]string{{ann[0].User.ID}, {bob[0].User.ID}}})
	a.mu.Unlock()
	if got != want {
		t.Errorf("the game heard %s, want %s", got, want)
	}
	room, err := lobbies[0].store.Room(t.Context(), rooms[0])
	if err != nil || room.State != store.Playing || room.Capacity != 8 {
		t.Errorf("got room %+v, %v; want it playing, of 8 seats", room, err)
	}
}

func TestTheRoomIsToldOfAllWhoWerePlaced(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	m := a.start(nil)
	all := m.searching(2, "duel")
	room := a.placed(m, all)[0]
	heard := make(chan struct{}, 1)
	var pipe broker.Pipe
	for pipe == nil { // the queue is opened right after the seats are taken
		p, err := m.broker.Consume(t.Context(), broker.Consumption{Room: room, Wake: func() {
			select {
			case heard <- struct{}{}:
			default:
			}
		}})
		if err == nil {
			pipe = p
		} else if !errors.Is(err, broker.ErrNoRoom) {
			t.Fatal(err)
		}
	}
	var got []string
	for len(got) < 2 {
		taken, err := pipe.Take(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range taken {
			got = append(got, string(d.Kind)+" "+d.User)
		}
		if len(got) < 2 {
			<-heard
		}
	}
	want := []string{"join " + all[0].User.ID, "join " + all[1].User.ID}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the room heard %q, want %q", got, want)
	}
}

// TestWhoPairsMayDieAtAnyStep kills the lobby that pairs at each step of its work, before and after it.
func TestWhoPairsMayDieAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for step := 1; ; step++ {
			died := false
			t.Run(fmt.Sprintf("step %d, done %t", step, late), func(t *testing.T) {
				a := newArcade(t, asked)
				f := &fate{}
				first := a.start(f) // in line before the other one
				first.pairs("duel")
				second := a.start(nil)
				f.arm(step, late)
				all := second.searching(4, "duel")
				for _, p := range all {
					a.until("find for "+p.ticket, func() bool { return second.ticket(p.signedIn, p.ticket).State == store.TicketFound })
					second.do("POST", "/v1/match/tickets/"+p.ticket+"/accept", p.Token, "")
				}
				pairs(t, a.placed(second, all), 2)
				died = f.died()
				t.Log(f.steps)
			})
			if !died || t.Failed() {
				break
			}
		}
	}
}

func TestTicketsAreRefused(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) {
		duel(app)
		app.Match("duo", "choosy", match.Rules{Teams: 2, Regions: []string{"eu", "us"}, Properties: []string{"map"}})
	})
	m := a.start(nil)
	ann, bob := m.guestOf(), m.guestOf()
	for body, want := range map[string]string{
		`{}`:                             "404 unknown_game",
		`{"game":"chess"}`:               "404 unknown_game",
		`{"game":"duo"}`:                 "404 unknown_mode",
		`{"game":"duo","mode":"DUEL"}`:   "404 unknown_mode",
		`{"game":"duo","colour":"blue"}`: "400 bad_request",
		`{"game":"duo","mode":"duel","party":"none"}`:                                  "404 party_not_found",
		`{"game":"duo","mode":"duel","regions":["eu"]}`:                                "400 bad_ticket",
		`{"game":"duo","mode":"choosy","regions":["eu","eu"]}`:                         "400 bad_ticket",
		`{"game":"duo","mode":"choosy","regions":["mars"]}`:                            "400 bad_ticket",
		`{"game":"duo","mode":"choosy","properties":{"rank":3}}`:                       "400 bad_ticket",
		`{"game":"duo","mode":"choosy","properties":{"map":[]}}`:                       "400 bad_request",
		`{"game":"duo","mode":"choosy","properties":{"map":{"min":3,"max":1}}}`:        "400 bad_request",
		`{"game":"duo","mode":"choosy","properties":7}`:                                "400 bad_request",
		`{"game":"duo","mode":"choosy","regions":["` + strings.Repeat("x", 99) + `"]}`: "400 bad_ticket",
	} {
		r := m.do("POST", "/v1/match/tickets", ann.Token, body)
		if got := fmt.Sprint(r.status, " ", r.code(t)); got != want {
			t.Errorf("%s: got %s %s, want %s", body, got, r.body, want)
		}
	}
	ticket := m.search(ann, "duel").ID
	m.do("POST", "/v1/match/tickets", ann.Token, `{"game":"duo","mode":"duel"}`).refused(t, 409, "already_searching")
	for _, id := range []string{ticket, "none", "a%20b"} {
		m.do("GET", "/v1/match/tickets/"+id, bob.Token, "").refused(t, 404, "ticket_not_found")
		m.do("DELETE", "/v1/match/tickets/"+id, bob.Token, "").refused(t, 404, "ticket_not_found")
		m.do("POST", "/v1/match/tickets/"+id+"/accept", bob.Token, "").refused(t, 404, "ticket_not_found")
		m.do("POST", "/v1/match/tickets/"+id+"/decline", bob.Token, "").refused(t, 404, "ticket_not_found")
	}
	m.do("POST", "/v1/match/tickets/"+ticket+"/accept", ann.Token, "").refused(t, 409, "ticket_over")
	for range 2 {
		if r := m.do("DELETE", "/v1/match/tickets/"+ticket, ann.Token, ""); r.status != 204 {
			t.Errorf("cancel: got %d %s", r.status, r.body)
		}
	}
	if got := m.ticket(ann, ticket); got.State != store.TicketCancelled {
		t.Errorf("got %+v, want it cancelled", got)
	}
	var list struct{ Tickets []ticketJSON }
	m.do("GET", "/v1/match/tickets", ann.Token, "").into(t, 200, &list)
	if len(list.Tickets) != 1 || list.Tickets[0].ID != ticket {
		t.Errorf("got tickets %+v", list.Tickets)
	}
	m.do("POST", "/v1/rooms", ann.Token, `{"game":"duo","options":{"$match":{"teams":[["x"]]}}}`).refused(t, 400, "bad_options")
	var place placeJSON
	m.do("POST", "/v1/rooms", ann.Token, `{"game":"duo","options":{}}`).into(t, 201, &place)
	m.do("POST", "/v1/match/tickets", ann.Token, `{"game":"duo","mode":"duel"}`).refused(t, 409, "already_seated")
}

func TestWhoTakesASeatElsewhereIsNotMatched(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	m := a.start(nil)
	ann := m.searching(1, "duel")[0]
	var place placeJSON
	m.do("POST", "/v1/rooms", ann.Token, `{"game":"duo","options":{}}`).into(t, 201, &place)
	all := m.searching(2, "duel")
	pairs(t, a.placed(m, all), 2)
	if got := m.ticket(ann.signedIn, ann.ticket); got.State != store.TicketCancelled || got.Reason != "seated" {
		t.Errorf("got %+v, want it cancelled for the seat elsewhere", got)
	}
}

func TestAMatchIsDeclinedAndTheOthersWaitOn(t *testing.T) {
	t.Parallel()
	a := newArcade(t, asked)
	one, two := a.start(nil), a.start(nil)
	all := one.searching(2, "duel")
	found := func(p player) {
		t.Helper()
		a.until("find", func() bool { return two.ticket(p.signedIn, p.ticket).State == store.TicketFound })
	}
	found(all[0])
	var before, k ticketJSON
	two.do("POST", "/v1/match/tickets/"+all[0].ticket+"/accept", all[0].Token, "").into(t, 200, &before)
	if before.State != store.TicketFound || !before.Players[0].Accepted || before.AcceptBy == nil {
		t.Errorf("got %+v, want it found, and accepted", before)
	}
	one.do("POST", "/v1/match/tickets/"+all[1].ticket+"/decline", all[1].Token, "").into(t, 200, &k)
	if k.State != store.TicketDeclined {
		t.Errorf("got %+v, want it declined", k)
	}
	a.until("wait on", func() bool { return two.ticket(all[0].signedIn, all[0].ticket).State == store.TicketWaiting })
	if k = two.ticket(all[0].signedIn, all[0].ticket); !k.Since.Equal(before.Since) || k.Players[0].Accepted {
		t.Errorf("got %+v, want it to have waited since %v, and to be asked again", k, before.Since)
	}
	third := one.searching(1, "duel")[0]
	found(third)
	var states []store.TicketState
	for _, n := range told[ticketJSON](one, all[0].signedIn, "$match") {
		states = append(states, n.State)
	}
	if got := fmt.Sprint(states); got != "[found waiting found]" {
		t.Errorf("who waits on was told %s", got)
	}
	for _, p := range []player{all[0], third} {
		one.do("POST", "/v1/match/tickets/"+p.ticket+"/accept", p.Token, "").into(t, 200, &k)
	}
	pairs(t, a.placed(two, []player{all[0], third}), 2)
	one.do("POST", "/v1/match/tickets/"+third.ticket+"/accept", third.Token, "").into(t, 200, &k)
	if k.State != store.TicketPlaced {
		t.Errorf("accepting again: got %+v, want it placed", k)
	}
	one.do("DELETE", "/v1/match/tickets/"+third.ticket, third.Token, "").refused(t, 409, "ticket_over")
}

// While lobbies are replaced some do not know a mode yet, or not any more.
func TestAMatchIsAcceptedByALobbyWithoutItsMode(t *testing.T) {
	t.Parallel()
	a := newArcade(t, asked)
	one := a.start(nil)
	a.declare = func(*App) {}
	other := a.start(nil)
	all := one.searching(2, "duel")
	for _, p := range all {
		a.until("find", func() bool { return one.ticket(p.signedIn, p.ticket).State == store.TicketFound })
		var k ticketJSON
		other.do("POST", "/v1/match/tickets/"+p.ticket+"/accept", p.Token, "").into(t, 200, &k)
	}
	pairs(t, a.placed(one, all), 2)
}

func TestWhoIsSilentIsOut(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Accept: 50 * time.Millisecond}) })
	m := a.start(nil)
	all := m.searching(2, "duel")
	for _, p := range all {
		a.until("let the silent go", func() bool { return m.ticket(p.signedIn, p.ticket).State == store.TicketDeclined })
		if got := m.ticket(p.signedIn, p.ticket); got.Reason != "silent" {
			t.Errorf("got %+v, want it declined by silence", got)
		}
	}
}

func TestATicketExpires(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, MaxWait: 20 * time.Millisecond}) })
	m := a.start(nil)
	p := m.searching(1, "duel")[0]
	a.until("expire", func() bool { return m.ticket(p.signedIn, p.ticket).State == store.TicketExpired })
	if notes := told[ticketJSON](m, p.signedIn, "$match"); len(notes) != 1 || notes[0].State != store.TicketExpired {
		t.Errorf("was told %+v, want that it has expired", notes)
	}
}

func TestBotsFillWhatIsMissing(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) {
		app.Match("duo", "duel", match.Rules{Teams: 2, Bots: match.Bots{After: 20 * time.Millisecond, People: 1}})
	})
	m := a.start(nil)
	p := m.searching(1, "duel")
	pairs(t, a.placed(m, p), 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if got := a.options[p[0].User.ID]; len(got.Bots) != 2 || got.Bots[0]+got.Bots[1] != 1 {
		t.Errorf("the game heard %+v, want one bot", got)
	}
}

func TestARunningRoomGetsPlayers(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Min: 2, Backfill: true}) })
	m := a.start(nil)
	host := m.guestOf()
	var place placeJSON
	m.do("POST", "/v1/rooms", host.Token, `{"game":"duo","options":{}}`).into(t, 201, &place)
	rec, err := m.store.TakeUp(t.Context(), place.Room.ID)
	if err != nil {
		t.Fatal(err)
	}
	ask := &store.Commit{Room: place.Room.ID, Term: rec.Term, Epoch: rec.Epoch, Backfill: &store.Backfill{Game: "duo", Mode: "duel", Size: 3, Since: time.Now()}}
	if _, err := m.store.Commit(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	all := m.searching(3, "duel") // a match would need four
	look := broker.Changed{Game: "duo", Mode: "duel", Room: place.Room.ID}.Message(time.Now())
	if err := m.broker.Send(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	for i, room := range a.placed(m, all[:2]) {
		if room != place.Room.ID {
			t.Errorf("player %d: got room %s, want the running one", i, room)
		}
	}
	if got := m.ticket(all[2].signedIn, all[2].ticket); got.State != store.TicketWaiting {
		t.Errorf("got %+v, want it to wait: the room is as large as it wants to be", got)
	}
}

// TestWhatWasNotToldIsFound: the lobby that has kept a ticket dies before it tells who pairs.
func TestWhatWasNotToldIsFound(t *testing.T) {
	t.Parallel()
	a := newArcade(t, duel)
	m := a.start(nil)
	all := m.searching(1, "duel")
	in := m.guestOf()
	t2 := store.Ticket{ID: "untold", Game: "duo", Mode: "duel", Players: []store.TicketPlayer{{User: in.User.ID, Rating: 1500}}, Since: time.Now()}
	if err := m.store.AddTicket(t.Context(), t2); err != nil {
		t.Fatal(err)
	}
	a.start(nil) // reminds at once, as each does every few seconds
	pairs(t, a.placed(m, append(all, player{in, "untold"})), 2)
}

func TestAnAcceptanceThatWasNotToldIsFound(t *testing.T) {
	t.Parallel()
	a := newArcade(t, func(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Accept: time.Hour}) })
	m := a.start(nil)
	all := m.searching(2, "duel")
	for _, p := range all {
		a.until("find", func() bool { return m.ticket(p.signedIn, p.ticket).State == store.TicketFound })
		if _, err := m.store.AnswerOffer(t.Context(), p.ticket, p.User.ID, true, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	a.start(nil) // reminds at once, as each does every few seconds
	pairs(t, a.placed(m, all), 2)
}

func TestAcceptingDecliningAndCancellingAtOnce(t *testing.T) {
	t.Parallel()
	a := newArcade(t, asked)
	lobbies := []*machine{a.start(nil), a.start(nil)}
	const players = 24
	all := lobbies[0].searching(players, "duel")
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			m := lobbies[i%2]
			for {
				a.until("be asked", func() bool { return m.ticket(p.signedIn, p.ticket).State != store.TicketWaiting })
				path := "/v1/match/tickets/" + p.ticket
				switch {
				case i == 3:
					m.do("DELETE", path, p.Token, "")
				case i == 8:
					m.do("POST", path+"/decline", p.Token, "")
				default:
					m.do("POST", path+"/accept", p.Token, "")
				}
				var t ticketJSON
				a.until("be answered", func() bool {
					t = m.ticket(p.signedIn, p.ticket)
					return t.State != store.TicketFound || !t.Players[0].Accepted
				})
				if t.State != store.TicketFound && t.State != store.TicketWaiting {
					return
				}
			}
		})
	}
	wg.Wait()
	var rest []player
	for i, p := range all {
		switch got := lobbies[0].ticket(p.signedIn, p.ticket); {
		case i == 3 && got.State != store.TicketCancelled, i == 8 && got.State != store.TicketDeclined:
			t.Errorf("player %d: got %+v", i, got)
		case i != 3 && i != 8:
			rest = append(rest, p)
		}
	}
	pairs(t, a.placed(lobbies[1], rest), 2)
}
