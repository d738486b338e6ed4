package sql_test

import (
	"bytes"
	stdsql "database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// table is a table of a database with all its columns.
type table struct {
	name    string
	columns []string
	refers  bool // it names accounts, by a reference or by a column of such a name
}

// tablesOf asks the database for its tables, so that those of later migrations are among them.
func tablesOf(t *testing.T, db *stdsql.DB) []table {
	t.Helper()
	columns := `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`
	refers := `SELECT m.name FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f."table" = 'accounts'`
	if fmt.Sprintf("%T", db.Driver()) != "*sqlite.Driver" {
		columns = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`
		refers = `SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'accounts'::regclass`
	}
	var all []table
	read := func(query string, take func(scan func(...any) error) error) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := take(rows.Scan); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	read(columns, func(scan func(...any) error) error {
		var name, column string
		if err := scan(&name, &column); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name})
		}
		last := &all[len(all)-1]
		last.columns = append(last.columns, column)
		switch column {
		case "account", "accounts", "user", "users", "user_id", "player", "friend", "owner", "member", "leader", "sender", "receiver", "recipient", "invited", "blocked", "other",
			"account_id", "player_id", "friend_id", "owner_id", "leader_id", "by", "banned", "inviter", "invitee":
			last.refers = true
		}
		return nil
	})
	read(refers, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		for i := range all {
			all[i].refers = all[i].refers || all[i].name == name
		}
		return err
	})
	return all
}

// holding is the columns, as "table.column", of which some value holds one of the texts.
func holding(t *testing.T, db *stdsql.DB, tables []table, texts []string) (found []string) {
	t.Helper()
	for _, table := range tables {
		rows, err := db.QueryContext(t.Context(), `SELECT "`+strings.Join(table.columns, `", "`)+`" FROM `+table.name)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(table.columns))
			for i := range values {
				values[i] = new(stdsql.RawBytes)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i, value := range values {
				for _, text := range texts {
					if bytes.Contains(*value.(*stdsql.RawBytes), []byte(text)) {
						found = append(found, table.name+"."+table.columns[i])
					}
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// notOfPlayers are tables whose columns only look as if they named players, with the reason.
var notOfPlayers = map[string]string{}

// kept are columns that keep an account's id when it is gone, with the reason.
var kept = map[string]string{"audit.account": "what was done to accounts is kept"}

// TestADeletedAccountLeavesNothing goes over all tables that the database has. A table that names accounts must be filled
// by live, so that it can be seen that deletion empties it: whoever adds one adds a line there, and one to forgetting.
func TestADeletedAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		db := raw(t, dsn)
		p := player{t, s, "01935a2e-7c44-7b1e-9a55-deadbeef0001", "Xanthippe"}
		end := p.live()
		tables := tablesOf(t, db)
		before := holding(t, db, tables, p.traces())
		for _, table := range tables {
			filled := slices.ContainsFunc(before, func(column string) bool { return strings.HasPrefix(column, table.name+".") })
			if table.refers && !filled && notOfPlayers[table.name] == "" {
				t.Errorf("table %s names accounts, but not this one: let live fill it", table.name)
			}
		}
		if _, err := s.DeleteAccount(t.Context(), p.id, noon); err != nil {
			t.Fatal(err)
		}
		end()
		if n, err := s.FinishDeletions(t.Context(), noon, 10); err != nil || n != 1 {
			t.Errorf("finish: got %d, %v; want 1", n, err)
		}
		left := slices.DeleteFunc(holding(t, db, tables, p.traces()), func(column string) bool { return kept[column] != "" })
		if len(left) > 0 {
			t.Errorf("the deleted account is left in %q; before it was in %q", left, before)
		}
		if faults, err := s.CheckLedger(t.Context()); err != nil || len(faults) > 0 {
			t.Errorf("ledger: got %q, %v", faults, err)
		}
		if lines, _, err := s.Ledger(t.Context(), "other", "", 10); err != nil || len(lines) != 2 {
			t.Errorf("the other player's ledger: got %v, %v; want 2 lines", lines, err)
		}
	})
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// player has an account that does everything that leaves a trace.
type player struct {
	t    *testing.T
	s    *sql.Store
	id   string
	name string
}

// traces are texts by which the player would be known in any column.
func (p player) traces() []string {
	return []string{p.id, p.name, strings.ToLower(p.name), "subject-of-it", "secret-of-it", "words-of-it", "id-of-its-session"}
}

func (p player) do(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// live leaves traces everywhere. end does what rooms and workers do after a while: they let the player go, forget how rooms
// ended, and sweep what is over.
func (p player) live() (end func()) {
	ctx, s := p.t.Context(), p.s
	_, _, err := s.CreateAccount(ctx, store.Account{ID: p.id, Name: p.name, Look: strings.ToLower(p.name), About: "words-of-it", CreatedAt: noon},
		store.Identity{Platform: "password", Subject: "subject-of-it", Secret: "secret-of-it"})
	p.do("create", err)
	_, err = s.LinkIdentity(ctx, p.id, store.Identity{Platform: "google", Subject: "subject-of-it"}, noon)
	p.do("link", err)
	p.do("ban, until long ago", s.BanAccount(ctx, store.AccountBan{User: p.id, At: noon, Until: noon, Reason: "words-of-it"}))
	p.do("sign in", s.StartSession(ctx, store.Session{ID: "id-of-its-session", User: p.id, ExpiresAt: noon.Add(time.Hour)}, store.TokenHash{1}))

	_, err = s.SetMaintenance(ctx, store.Maintenance{Exempt: []string{p.id}})
	p.do("let it in", err)

	_, _, err = s.CreateAccount(ctx, store.Account{ID: "other", Name: "Other", CreatedAt: noon}, store.Identity{})
	p.do("create another", err)
	for i, entries := range [][]store.Entry{
		{{Account: p.id, Item: "gold", Amount: 100}, {Amount: -100, Item: "gold"}},
		{{Account: p.id, Item: "sword", Amount: 3}, {Amount: -3, Item: "sword"}},
		{{Account: p.id, Item: "gold", Amount: -40}, {Account: "other", Amount: 40, Item: "gold"}, {Account: p.id, Item: "shield", Amount: 1}, {Amount: -1, Item: "shield"}},
		{{Account: p.id, Item: "sword", Amount: -1}, {Account: "other", Amount: 1, Item: "sword"}},
	} {
		_, err = s.Post(ctx, store.Posting{Reference: fmt.Sprint(p.id, "/", i), Reason: "test", At: noon, Entries: entries})
		p.do("post", err)
	}

	p.do("rank", s.PutRanks(ctx, []store.Score{{Board: store.Board{Game: "g", Period: "all"}, User: p.id, Value: 3, At: noon}}, []store.Outcome{{
		Game: "g", At: noon, Sides: []store.Side{{Place: 1, Users: []string{p.id}}, {Place: 2, Users: []string{"other"}}},
	}}))

	_, err = s.Notify(ctx, store.Note{User: p.id, Type: "$test", Body: []byte(`{}`), At: noon},
		store.Note{User: "other", Type: "$test", Body: []byte(`{}`), At: noon})
	p.do("notify", err)
	_, err = s.CreateParty(ctx, store.Party{ID: "party", Code: "code", Size: 2}, p.id, noon)
	p.do("make a party", err)
	p.do("invite", s.InviteToParty(ctx, "party", p.id, "other", noon))
	_, err = s.CreateParty(ctx, store.Party{ID: "another", Code: "another code", Size: 2}, "other", noon)
	p.do("make another party", err)
	p.do("be invited", s.InviteToParty(ctx, "another", "other", p.id, noon))
	p.do("search", s.AddTicket(ctx, store.Ticket{ID: "ticket", Game: "h", Players: []store.TicketPlayer{{User: p.id}}, Since: noon}))
	p.do("enqueue", s.Enqueue(ctx, 0, store.Job{ID: "job", Name: "n", Arg: []byte(`"words-of-it"`), User: p.id, Due: noon}))
	// Its own room, to which others are invited, and another's, to which it was invited and from which it is banned.
	p.do("keep audit", s.KeepAudit(ctx, store.AuditEntry{At: noon, Actor: "a", Action: "ban", User: p.id, Target: "t",
		Params: []byte(`{"name":"words-of-it"}`), Reason: p.name, Request: "r"}))
	p.do("create its room", s.CreateRoom(ctx, store.Room{ID: "its own", Game: "g", Version: "1", Capacity: 4, Owner: p.id, CreatedAt: noon}, nil, p.id))
	p.do("invite", s.Invite(ctx, store.Invitation{Room: "its own", User: "other", By: p.id, Until: noon.Add(time.Hour)}, noon))
	p.do("create another's room", s.CreateRoom(ctx, store.Room{ID: "another's", Game: "g", Version: "1", Capacity: 4, Owner: "other", CreatedAt: noon}, nil, "other"))
	_, err = s.Kick(ctx, "another's", "other", p.id, true, noon)
	p.do("ban", err)
	p.do("create a third room", s.CreateRoom(ctx, store.Room{ID: "a third", Game: "g", Version: "1", Capacity: 4, Owner: "other", CreatedAt: noon}, nil, "other"))
	p.do("be invited", s.Invite(ctx, store.Invitation{Room: "a third", User: p.id, By: "other", Until: noon.Add(time.Hour)}, noon))
	its, err := s.TakeUp(ctx, "its own")
	p.do("take up", err)

	yes := true
	_, _, err = s.SetContact(ctx, p.id, &yes, nil)
	p.do("hide", err)
	for _, pair := range [][2]string{{p.id, "other"}, {"other", p.id}} {
		_, _, err = s.Befriend(ctx, pair[0], pair[1], false, noon)
		p.do("befriend", err)
	}
	for _, pair := range [][2]string{{p.id, "other"}, {"other", p.id}} {
		_, err = s.SendMessage(ctx, pair[0], pair[1], "words-of-it", noon)
		p.do("write", err)
	}
	_, _, err = s.KeepPresences(ctx, "gateway", []store.Presence{{User: p.id, Since: noon}}, nil)
	p.do("connect", err)

	// A room that goes on, with letters of the player's that may come again and that do not, and one that is over.
	rooms := map[string]store.Record{}
	for _, room := range []string{"goes on", "is over"} {
		p.do("create room", s.CreateRoom(ctx, store.Room{ID: room, Game: "g", Version: "1", Capacity: 4, CreatedAt: noon}, []byte("{}"), p.id))
		r, err := s.TakeUp(ctx, room)
		p.do("take up", err)
		letter := store.DeadLetter{ID: "letter in " + room, Room: room, Game: "g", User: p.id, Name: p.name, Error: "of " + p.id,
			Stack: p.name, Body: []byte("words-of-it"), SentAt: noon, GivenUp: noon}
		stuck := letter
		stuck.ID, stuck.Condemned = "stuck "+letter.ID, "c1"
		c := &store.Commit{Room: room, Term: r.Term, Epoch: r.Epoch, N: 1, Published: 1, Seated: []string{p.id},
			Dead: []store.DeadLetter{letter, stuck}, Awards: []store.Award{{User: p.id, Exp: 5, Gold: 7, Win: 1}},
			Log: &store.Logged{First: 1, Last: 1, Data: []byte("joined " + p.id)}}
		if room == "is over" {
			c.Memory, c.State, c.Farewell = []byte(p.id+p.name), store.Closed, noon.Add(2*time.Minute)
		}
		_, err = s.Commit(ctx, c)
		p.do("commit", err)
		rooms[room] = r
	}
	return func() {
		r := rooms["goes on"]
		_, err := s.Commit(ctx, &store.Commit{Room: "goes on", Term: r.Term, Epoch: r.Epoch, N: 1, Published: 1, Unseated: []string{p.id}, Forget: 1})
		p.do("let go", err)
		_, err = s.Commit(ctx, &store.Commit{Room: "its own", Term: its.Term, Epoch: its.Epoch, N: 1, Published: 1, Unseated: []string{p.id}})
		p.do("let go", err)
		_, err = s.ForgetFarewells(ctx, noon.Add(time.Hour), 10)
		p.do("forget farewells", err)
		p.do("sweep", s.Swept(ctx, "is over"))
	}
}
