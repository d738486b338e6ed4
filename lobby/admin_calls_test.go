package lobby

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/maintenance"
	"github.com/madang-games/madang/store"
)

func TestOperatorsFindViewAndChangeAccounts(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		var in signedIn
		d.do("POST", "/v1/register", "", `{"platform":"password","token":"Mina.Login:correct horse","name":"Mina"}`).into(t, 201, &in)
		room := d.room(in.Token, "pair").Room.ID
		id := in.User.ID
		for query, want := range map[string]string{
			"name=mina": id, "name=MINA": id, "platform=password&subject=MINA.login": id, "name=Min": "", "platform=custom&subject=mina.login": "",
		} {
			var found foundAccountsJSON
			d.ask("GET", "/accounts?"+query, "").into(t, 200, &found)
			got := ""
			for _, a := range found.Accounts {
				got += a.ID
			}
			if got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
		for _, query := range []string{"", "?platform=password", "?name=x&platform=password&subject=x", "?id=" + id} {
			d.ask("GET", "/accounts"+query, "").refused(t, 400, "bad_request")
		}
		var view accountJSON
		d.ask("GET", "/accounts/"+id, "").into(t, 200, &view)
		if view.User.Name != "Mina" || view.Ban != nil || view.Session == nil || len(view.Identities) != 1 || view.Identities[0].Platform != "password" ||
			len(view.Seats) != 1 || view.Seats[0].Room != room || view.Balance[Gold] != 0 {
			t.Errorf("got %+v", view)
		}

		var renamed renamedJSON
		d.ask("PATCH", "/accounts/"+id, `{"name":"Mona","reason":"rude"}`).into(t, 200, &renamed)
		if renamed.User.Name != "Mona" {
			t.Errorf("got %+v", renamed)
		}
		d.ask("PATCH", "/accounts/"+id, `{"name":"admin","reason":"x"}`).refused(t, 400, "invalid_name")
		other := d.guest()
		d.ask("PATCH", "/accounts/"+other.User.ID, `{"name":"MONA","reason":"x"}`).refused(t, 409, "name_taken")
		d.ask("PATCH", "/accounts/nobody", `{"name":"Nobody","reason":"x"}`).refused(t, 404, "user_not_found")

		d.ask("DELETE", "/accounts/"+id+"/session", `{"reason":"asked for it"}`).is(t, 204)
		d.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
		d.ask("DELETE", "/accounts/"+id+"/session", `{"reason":"asked for it"}`).refused(t, 404, "no_session")
		d.ask("DELETE", "/accounts/nobody/session", `{"reason":"x"}`).refused(t, 404, "user_not_found")

		d.broker.take()
		d.ask("DELETE", "/accounts/"+id, `{"reason":"the player's wish"}`).is(t, 204)
		sent, _ := d.broker.take()
		if len(sent) != 1 || sent[0].Room != room || sent[0].Kind != broker.Leave {
			t.Errorf("the room was told %+v", sent)
		}
		d.ask("GET", "/accounts/"+id, "").refused(t, 404, "user_not_found")
		d.ask("DELETE", "/accounts/"+id, `{"reason":"again"}`).refused(t, 404, "user_not_found")
		want := []string{
			"ops account.rename user=" + id + ` target= {} ""`, "ops account.sign_out user=" + id + ` target= {} ""`,
			"ops account.delete user=" + id + ` target= {} "the player's wish"`,
		}
		if got := d.entries(""); !slices.Equal(got, want) {
			t.Errorf("audit: got  %q\nwant %q", got, want)
		}
	})
}

func TestGrantsGoThroughTheLedger(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		in, other := d.guest(), d.guest()
		grant := func(user, body string) reply { return d.ask("POST", "/accounts/"+user+"/grants", body) }
		var got grantedJSON
		grant(in.User.ID, `{"items":{"gold":100,"potion":3},"reference":"ticket/1","reason":"lost in a crash"}`).into(t, 200, &got)
		if got.Repeated || got.Reference != "admin/ticket/1" || got.Left[Gold] != 100 || got.Left["potion"] != 3 {
			t.Errorf("got %+v", got)
		}
		got = grantedJSON{}
		grant(in.User.ID, `{"items":{"gold":100,"potion":3},"reference":"ticket/1","reason":"lost in a crash"}`).into(t, 200, &got)
		if !got.Repeated || got.Left[Gold] != 100 {
			t.Errorf("again: got %+v", got)
		}
		grant(in.User.ID, `{"items":{"gold":100},"reference":"ticket/1","reason":"x"}`).refused(t, 409, "reference_used")
		grant(in.User.ID, `{"items":{"gold":101,"potion":3},"reference":"ticket/1","reason":"x"}`).refused(t, 409, "reference_used")
		grant(other.User.ID, `{"items":{"gold":100,"potion":3},"reference":"ticket/1","reason":"x"}`).refused(t, 409, "reference_used")
		got = grantedJSON{}
		grant(in.User.ID, `{"items":{"gold":-30},"reason":"twice"}`).into(t, 200, &got)
		if got.Left[Gold] != 70 || !strings.HasPrefix(got.Reference, "admin/") {
			t.Errorf("taken: got %+v", got)
		}
		for body, want := range map[string]string{
			`{"items":{"gold":-71},"reason":"x"}`:                       "409 not_enough_gold",
			`{"items":{"potion":-4},"reason":"x"}`:                      "409 not_enough_items",
			`{"items":{"potion":18},"reason":"x"}`:                      "409 inventory_full",
			`{"items":{"gold":1,"potion":-4},"reason":"x"}`:             "409 not_enough_items",
			`{"items":{"sword":1},"reason":"x"}`:                        "404 unknown_item",
			`{"items":{"gold":0},"reason":"x"}`:                         "400 bad_request",
			`{"items":{},"reason":"x"}`:                                 "400 bad_request",
			`{"items":{"gold":1}}`:                                      "400 bad_request",
			`{"items":{"gold":1},"reason":" "}`:                         "400 bad_request",
			`{"items":{"gold":1},"reason":"x","reference":"a b"}`:       "400 bad_request",
			`{"items":{"gold":1000000001},"reason":"x"}`:                "400 bad_request",
			`{"items":{"gold":-9223372036854775808},"reason":"x"}`:      "400 bad_request",
			`{"items":{"gold":1},"reason":"` + strings.Repeat("x", 501): "400 bad_request",
		} {
			r := grant(in.User.ID, body)
			if got := fmt.Sprint(r.status, " ", r.code(t)); got != want {
				t.Errorf("%s: got %s, want %s", body, r, want)
			}
		}
		grant("nobody", `{"items":{"gold":1},"reason":"x"}`).refused(t, 404, "user_not_found")

		var ledger ledgerJSON
		d.ask("GET", "/accounts/"+in.User.ID+"/ledger?limit=1", "").into(t, 200, &ledger)
		if len(ledger.Entries) != 1 || ledger.Next == "" || ledger.Entries[0].Amount != -30 || ledger.Entries[0].Balance != 70 || ledger.Entries[0].Reason != "admin" {
			t.Errorf("got %+v", ledger)
		}
		var rest ledgerJSON
		d.ask("GET", "/accounts/"+in.User.ID+"/ledger?limit=10&cursor="+ledger.Next, "").into(t, 200, &rest)
		if len(rest.Entries) != 2 || rest.Next != "" || rest.Entries[0].Reference != "admin/ticket/1" {
			t.Errorf("got %+v", rest)
		}
		d.ask("GET", "/accounts/"+in.User.ID+"/ledger?cursor=x", "").refused(t, 400, "bad_cursor")
		d.ask("GET", "/accounts/nobody/ledger", "").refused(t, 404, "user_not_found")
		var checked checkedJSON
		d.ask("GET", "/ledger/check", "").into(t, 200, &checked)
		if checked.Faults == nil || len(checked.Faults) > 0 {
			t.Errorf("got %+v", checked)
		}
		lines := d.entries("")
		if len(lines) != 2 || lines[0] != "ops account.grant user="+in.User.ID+` target=admin/ticket/1 {"items":{"gold":100,"potion":3},"reference":"ticket/1"} "lost in a crash"` {
			t.Errorf("audit: got %q", lines)
		}
	})
}

func TestOperatorsEndRoomsAndTakeSeatsAway(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		in := d.guest()
		var place placeJSON
		d.do("POST", "/v1/rooms", in.Token, `{"game":"pair","private":true}`).into(t, 201, &place)
		id := place.Room.ID
		d.broker.take()
		var page roomPageJSON
		d.ask("GET", "/rooms?game=pair&state=open", "").into(t, 200, &page)
		if len(page.Rooms) != 1 || page.Rooms[0].ID != id || !page.Rooms[0].Private {
			t.Errorf("got %+v", page)
		}
		d.ask("GET", "/rooms?state=odd", "").refused(t, 400, "bad_request")
		d.ask("GET", "/rooms?cursor=odd", "").refused(t, 400, "bad_cursor")
		var view roomViewJSON
		d.ask("GET", "/rooms/"+id, "").into(t, 200, &view)
		if view.Code != place.Code || len(view.Seats) != 1 || view.Seats[0].User != in.User.ID {
			t.Errorf("got %+v", view)
		}

		d.ask("POST", "/rooms/"+id+"/kick", `{"user":"nobody","reason":"x"}`).refused(t, 409, "not_seated")
		d.ask("POST", "/rooms/"+id+"/kick", `{"user":"`+in.User.ID+`","reason":"rude"}`).is(t, 204)
		sent, _ := d.broker.take()
		if len(sent) != 1 || sent[0].Kind != broker.Leave || sent[0].User != in.User.ID || sent[0].Reason != store.ReasonKicked {
			t.Errorf("the room was told %+v", sent)
		}
		first := d.ask("POST", "/rooms/"+id+"/close", `{"reason":"stuck"}`, keyed("k"))
		again := d.ask("POST", "/rooms/"+id+"/close", `{"reason":"stuck"}`, keyed("k"))
		sent, _ = d.broker.take()
		if first.status != 204 || again.status != 204 || len(sent) != 2 || sent[0].Kind != broker.End || sent[0].Reason != reasonClosedByOperator {
			t.Errorf("got %s, %s, and the room was told %+v", first, again, sent)
		}
		d.ask("POST", "/rooms/nowhere/kick", `{"user":"x","reason":"x"}`).refused(t, 404, "room_not_found")
		d.ask("POST", "/rooms/nowhere/close", `{"reason":"x"}`).refused(t, 404, "room_not_found")
		d.ask("GET", "/rooms/nowhere", "").refused(t, 404, "room_not_found")
		want := []string{
			"ops room.kick user=" + in.User.ID + " target=" + id + ` {"user":"` + in.User.ID + `"} "rude"`, "ops room.close user= target=" + id + ` {} "stuck"`,
		}
		if got := d.entries(""); !slices.Equal(got, want) {
			t.Errorf("audit: got  %q\nwant %q", got, want)
		}
	})
}

// buries makes a room in which the player sits, with dead letters.
func (d *desk) buries(in signedIn, letters ...store.DeadLetter) (room string) {
	d.t.Helper()
	room = d.room(in.Token, "pair").Room.ID
	r, err := d.db.TakeUp(d.t.Context(), room)
	if err != nil {
		d.t.Fatal(err)
	}
	now := time.Now().Truncate(time.Millisecond)
	for i := range letters {
		l := &letters[i]
		l.Room, l.Game, l.Version, l.User, l.SentAt, l.GivenUp = room, "pair", "1", in.User.ID, now, now
	}
	if _, err := d.db.Commit(d.t.Context(), &store.Commit{Room: room, Term: r.Term, Epoch: r.Epoch, N: 1, Published: 1, Dead: letters}); err != nil {
		d.t.Fatal(err)
	}
	d.broker.take()
	return room
}

func TestOperatorsLookAfterDeadLetters(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		in := d.guest()
		room := d.buries(in,
			store.DeadLetter{ID: "d1", Kind: string(broker.Say), Type: "move", Body: []byte(`{"x":1}`), Error: "nil map", Stack: "here"},
			store.DeadLetter{ID: "d2", Kind: "timer"}, store.DeadLetter{ID: "d3", Kind: string(broker.Say), Body: []byte{0xff}})
		var page letterPageJSON
		d.ask("GET", "/dead?room="+room+"&limit=2", "").into(t, 200, &page)
		if len(page.Letters) != 2 || page.Letters[0].ID != "d3" || page.Letters[1].Kind != "timer" || page.Next == "" {
			t.Errorf("got %+v", page)
		}
		var letter wholeLetterJSON
		d.ask("GET", "/dead/d1", "").into(t, 200, &letter)
		if letter.Body != `{"x":1}` || letter.Stack != "here" || letter.Kind != "say" || letter.User != in.User.ID {
			t.Errorf("got %+v", letter)
		}
		d.ask("GET", "/dead/none", "").refused(t, 404, "letter_not_found")
		d.ask("GET", "/dead?cursor=%20", "").refused(t, 400, "bad_cursor")

		first := d.ask("POST", "/dead/d1/retry", `{"reason":"repaired"}`, keyed("k"))
		again := d.ask("POST", "/dead/d1/retry", `{"reason":"repaired"}`, keyed("k"))
		sent, _ := d.broker.take()
		if first.status != 204 || again.status != 204 || len(sent) != 1 || sent[0].Conn != "dead-d1" || string(sent[0].Body) != `{"x":1}` {
			t.Errorf("got %s, %s, and the room was told %+v", first, again, sent)
		}
		d.ask("GET", "/dead/d1", "").refused(t, 404, "letter_not_found")
		d.ask("POST", "/dead/d2/retry", `{"reason":"x"}`).refused(t, 409, "not_retriable")
		d.do("POST", "/v1/rooms/"+room+"/leave", in.Token, "").is(t, 204)
		d.ask("POST", "/dead/d3/retry", `{"reason":"x"}`).refused(t, 409, "not_seated")
		d.ask("DELETE", "/dead/d3", `{"reason":"of no use"}`).is(t, 204)
		d.ask("DELETE", "/dead/d3", `{"reason":"of no use"}`).refused(t, 404, "letter_not_found")
		want := []string{
			"ops dead.retry user=" + in.User.ID + ` target=d1 {} "repaired"`, "ops dead.drop user=" + in.User.ID + ` target=d3 {} "of no use"`,
		}
		if got := d.entries(""); !slices.Equal(got, want) {
			t.Errorf("audit: got  %q\nwant %q", got, want)
		}
	})
}

func TestOperatorsSeeAndDrainProcesses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, database(t, "sqlite:"+t.TempDir()+"/madang.db"))
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, p := range []broker.Process{
		{ID: "w1", Roles: []string{"worker"}, Games: map[string][]string{"pair": {"1"}}, Rooms: 7, Started: began}, {ID: "g1", Roles: []string{"web"}, Conns: 3, Drains: true, Started: began},
	} {
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		d.lobby.roster.Observe(broker.Notice{Kind: broker.NoticeProcess, From: p.ID, Body: body}, time.Now())
	}
	var out processesJSON
	d.ask("GET", "/processes", "").into(t, 200, &out)
	if len(out.Processes) != 2 || out.Processes[0].Conns != 3 || !out.Processes[0].Drains || out.Processes[1].Rooms != 7 || out.Processes[1].Games["pair"][0] != "1" {
		t.Errorf("got %+v", out)
	}
	d.ask("POST", "/processes/w1/drain", `{"reason":"an update"}`).is(t, 204)
	_, notices := d.broker.take()
	if len(notices) != 1 || notices[0].Kind != broker.NoticeDrain || string(notices[0].Body) != `{"process":"w1"}` {
		t.Errorf("got %+v", notices)
	}
	d.ask("POST", "/processes/w/drain", `{"reason":"an update"}`).refused(t, 404, "process_not_found")
	if got, want := d.entries(""), []string{`ops process.drain user= target=w1 {} "an update"`}; !slices.Equal(got, want) {
		t.Errorf("audit: got  %q\nwant %q", got, want)
	}
}

func TestOperatorsAnnounceAndEndAMaintenance(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		var m maintenanceJSON
		d.ask("GET", "/maintenance", "").into(t, 200, &m)
		if m.Phase != "none" || m.Begins != nil {
			t.Errorf("got %+v", m)
		}
		for _, step := range []string{"begin", "close", "end"} {
			d.ask("POST", "/maintenance/"+step, `{"reason":"x"}`).refused(t, 404, "no_maintenance")
		}
		d.ask("PUT", "/maintenance", `{"end_rooms":true,"reason":"x"}`).refused(t, 400, "bad_request")
		d.broker.take()
		d.ask("PUT", "/maintenance", `{"text":"An update.","in":600,"for":1800,"reason":"version 2"}`).into(t, 200, &m)
		if m.Phase != "announced" || m.Text != "An update." || m.Closes != nil || m.Ends.Sub(*m.Begins) != 30*time.Minute {
			t.Errorf("got %+v", m)
		}
		if _, notices := d.broker.take(); len(notices) != 1 || notices[0].Kind != broker.NoticeAnnounce {
			t.Errorf("the board was told %+v", notices)
		}
		for _, step := range []struct{ step, phase string }{{"begin", "begun"}, {"close", "closed"}, {"end", "none"}} {
			d.ask("POST", "/maintenance/"+step.step, `{"reason":"x"}`).into(t, 200, &m)
			if m.Phase != step.phase {
				t.Errorf("%s: got %+v", step.step, m)
			}
		}
		now, err := d.db.Maintenance(t.Context())
		if err != nil || maintenance.PhaseOf(now, time.Now()) != maintenance.None {
			t.Errorf("got %+v, %v", now, err)
		}
		if got := d.entries("&action=maintenance.announce"); len(got) != 1 || len(d.entries("")) != 4 {
			t.Errorf("audit: got %q", d.entries(""))
		}
	})
}
