package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
)

// What runs often must find its rows by an index, however many there are.
func TestSQLiteScansNoTable(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "madang.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := func(f store.RoomFilter) string {
		page, last := listing(f, spot{1, "r"}, 20)
		if last != nil {
			return page.query + " -- " + last.query
		}
		return page.query
	}
	desert := []store.LabelFilter{{Name: "track", Text: "desert"}}
	for _, c := range []struct{ query, want string }{
		{list(store.RoomFilter{Game: "g", State: store.Open}), "SEARCH r USING INDEX rooms_listed_by_game (game=? AND (created_at,id)<(?,?))"},
		{list(store.RoomFilter{State: store.Open}), "SEARCH r USING INDEX rooms_listed_by_age ((created_at,id)<(?,?))"},
		{list(store.RoomFilter{Game: "g"}), "SEARCH r USING INDEX rooms_by_game (game=? AND (created_at,id)<(?,?))"},
		{list(store.RoomFilter{Game: "g", Free: true}), "SEARCH r USING INDEX rooms_listed_by_game (game=? AND (created_at,id)<(?,?))"},
		{list(store.RoomFilter{Game: "g", Labels: desert}), "SEARCH l USING COVERING INDEX room_labels_by_text (game=? AND name=? AND text=? AND (created_at,room)<(?,?))"},
		{list(store.RoomFilter{Game: "g", Labels: []store.LabelFilter{{Name: "level", Least: 3, Most: 5}}}), "USING PRIMARY KEY (room=? AND name=?)"},
		{selectRoomCode, "SEARCH rooms USING INDEX rooms_by_code (code=?)"},
		{selectRoomOwner, "SEARCH s USING PRIMARY KEY (room=?)"},
		{selectRoomInvite, "SEARCH room_invites USING PRIMARY KEY (room=? AND account=?)"},
		{forgetting[slices.IndexFunc(forgetting, func(s string) bool { return strings.Contains(s, "room_invites WHERE inviter") })], "SEARCH room_invites USING"},
		{deleteLog, "SEARCH log USING PRIMARY KEY (room=? AND (epoch,last)<(?,?))"},
		{selectLog, "SEARCH log USING PRIMARY KEY (room=? AND epoch=? AND last>?)"},
		{selectAlive, "SEARCH r USING INDEX rooms_awake_by_game (game=? AND version=? AND id>?)"},
		{selectDue, "SEARCH r USING COVERING INDEX rooms_asleep_by_time (game=? AND version=? AND (asleep,id)>(?,?)"},
		{selectFree, "SEARCH r USING INDEX rooms_awake_by_game (game=? AND version=?)"},
		{selectAsleep, "SEARCH w USING INDEX rooms_asleep_by_age (game=? AND version=?)"},
		{selectUnswept, "SCAN r USING INDEX rooms_unswept"},
		{selectSeats, "SEARCH s USING INDEX seats_by_account (account=?)"},
		{selectLate, "SEARCH s USING INDEX seats_pending (since<?)"},
		{countSeats, "SEARCH seats USING PRIMARY KEY (room=?)"},
		{dropSeats, "SEARCH seats USING PRIMARY KEY (room=?)"},
		{selectCondemned, "SEARCH dead USING INDEX dead_waiting (room=?)"},
		{absolveDead, "SEARCH dead USING INDEX dead_condemned (room=? AND condemned=?)"},
		{selectFarewell, "SEARCH f USING PRIMARY KEY (room=? AND account=?)"},
		{selectOver, "SEARCH farewells USING COVERING INDEX farewells_by_end (until<?)"},
		{dropFarewells, "SEARCH farewells USING PRIMARY KEY (room=?)"},
		{selectBalance, "SEARCH balances USING PRIMARY KEY (account=? AND item=?)"},
		{selectInventory, "SEARCH balances USING PRIMARY KEY (account=?)"},
		{selectPosting, "SEARCH e USING INDEX entries_by_posting (posting=?)"},
		{selectEntries, "SEARCH e USING PRIMARY KEY (account=? AND (posting,item)<(?,?))"},
		{fmt.Sprintf(deleteStale, ""), "SEARCH answers USING COVERING INDEX answers_by_end (until<?)"},
		{windowAtUser, "SEARCH scores USING INDEX scores_by_account (account=? AND board=?)"},
		{windowAtUser, "SEARCH rank_ranges USING COVERING INDEX rank_ranges_by_place (board=? AND (key,since,score)<(?,?,?))"},
		{windowAtUser, "SEARCH scores USING COVERING INDEX scores_by_place (board=? AND (key,since)>(?,?) AND (key,since)<(?,?))"},
		{markChanges, "SEARCH r USING COVERING INDEX rank_ranges_by_place (board=? AND (key,since,score)<(?,?,?))"},
		{countRange, "SEARCH scores USING COVERING INDEX scores_by_place (board=? AND (key,since)>(?,?) AND (key,since)<(?,?))"},
		{selectScore, "SEARCH scores USING INDEX scores_by_account (account=? AND board=?)"},
		{dropScores, "SEARCH scores USING COVERING INDEX scores_by_place (board=?)"},
		{selectNotes, "SEARCH c USING PRIMARY KEY (account=?)"},
		{selectNotes, "SEARCH m USING PRIMARY KEY (account=?)"},
		{selectRelations, "SEARCH relations USING PRIMARY KEY (account=? AND other=?)"},
		{listRelations, "SEARCH r USING PRIMARY KEY (account=? AND other>?)"},
		{selectWatchers, "SEARCH r USING PRIMARY KEY (account=?)"},
		{selectWatchers, "SEARCH p USING PRIMARY KEY (account=?)"},
		{selectPresences, "SEARCH p USING PRIMARY KEY (account=?)"},
		{countPresences, "SCAN presences USING COVERING INDEX presences_by_gateway"},
		{fmt.Sprintf(dropPresences, ""), "SEARCH presences USING COVERING INDEX presences_by_gateway (gateway=?)"},
		{selectMessages, "SEARCH messages USING INDEX messages_by_other (other=? AND account=?)"},
		{selectTalks, "SEARCH t USING INDEX talks_by_age (account=? AND (at,other)<(?,?))"},
		{selectTalks, "SEARCH m USING PRIMARY KEY (account=? AND other=? AND slot=?)"},
		{fmt.Sprintf(deleteNotes, ""), "SEARCH notes USING COVERING INDEX notes_by_age (at<?)"},
		{selectMembers, "SEARCH m USING INDEX party_members_by_place (party=?)"},
		{selectInvites, "SEARCH i USING INDEX party_invites_by_account (account=?)"},
		{countInvites, "SEARCH party_invites USING PRIMARY KEY (party=?)"},
		{selectOldParties, "SEARCH p USING COVERING INDEX parties_by_change (changed_at<?)"},
		{selectOpen, "SEARCH tickets USING INDEX tickets_open (game=? AND mode=? AND id>?)"},
		{selectFound, "SEARCH tickets USING COVERING INDEX tickets_found (offer=?)"},
		{selectPartys, "SEARCH tickets USING INDEX tickets_of_party (party=?)"},
		{selectDone, "SEARCH tickets USING COVERING INDEX tickets_over (ended_at>? AND ended_at<?)"},
		{countOpen, "SEARCH tickets USING COVERING INDEX tickets_open (game=? AND mode=?)"},
		{countTickets, "SEARCH ticket_players USING INDEX ticket_players_by_account (account=?)"},
		{selectTicket, "SEARCH p USING PRIMARY KEY (ticket=?)"},
		{selectTicketsOf, "SEARCH ticket_players USING COVERING INDEX ticket_players_by_account (account=?)"},
		{selectBackfills, "SEARCH backfills USING INDEX backfills_by_pool (game=? AND mode=? AND room>?)"},
		{cancelByDeletion, "SEARCH ticket_players USING COVERING INDEX ticket_players_by_account (account=?)"},
		{lockTickets, "SEARCH tickets USING COVERING INDEX sqlite_autoindex_tickets_1 (id=?)"},
		{selectTickets, "SEARCH t USING INDEX sqlite_autoindex_tickets_1 (id=?)"},
		{selectSeatedOf, "SEARCH s USING INDEX seats_by_account (account=?)"},
		{placeTickets, "SEARCH tickets USING INDEX sqlite_autoindex_tickets_1 (id=?)"},
		{placePlayers, "SEARCH ticket_players USING PRIMARY KEY (ticket=?)"},
		{seatPlayers, "SEARCH accounts USING COVERING INDEX sqlite_autoindex_accounts_1 (id=?)"},
		{untoldJobs, "SEARCH jobs USING INDEX jobs_untold ("},
		{keepJob, "SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (id=?)"},
		{fmt.Sprintf(takeJobs, ""), "SEARCH jobs USING COVERING INDEX jobs_waiting (name=? AND due<?)"},
		{fmt.Sprintf(lapseJobs, ""), "USING INDEX jobs_running"},
		{fmt.Sprintf(giveBackJobs, ""), "jobs_running (process=?)"},
		{fmt.Sprintf(forgetJobs, ""), "jobs_over (until<?)"},
		{s.sessionTexts[1], "SEARCH s USING INDEX sqlite_autoindex_sessions_2 (token=?)"},
		{seatTexts[0], "SEARCH s USING PRIMARY KEY (room=? AND account=?)"},
		{seatTexts[2], "SEARCH s USING PRIMARY KEY (room=? AND account=?)"},
	} {
		if got := planOf(t, s, c.query); !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot plan\n%s\nwant in it\n%s", c.query, got, c.want)
		}
	}
	// Of a deletion no statement looks at what is not the account's, but for these.
	bounded := []string{
		"SCAN a USING INDEX accounts_deleted",                  // those that were deleted, and are not gone yet
		"SCAN farewells USING COVERING INDEX farewells_by_end", // gone in minutes: an index more would cost each closing of a room
	}
	for _, query := range append([]string{emptyLetters, eraseAccount, leaveSeats, lockDeleted, selectLeaving, dropAccount, selectDeleted}, forgetting...) {
		for line := range strings.SplitSeq(planOf(t, s, query), "\n") {
			if strings.HasPrefix(line, "SCAN ") && !slices.Contains(bounded, line) {
				t.Errorf("%s\nplan has %q", query, line)
			}
		}
	}
}

func planOf(t *testing.T, s *Store, query string) string {
	t.Helper()
	var args []any
	for n := 1; strings.Contains(query, fmt.Sprint("$", n)); n++ {
		args = append(args, "")
	}
	var plan []string
	err := s.db.read(t.Context(), func(ctx context.Context, q querier) error {
		return all(ctx, q, "EXPLAIN QUERY PLAN "+query, args, func(rows *stdsql.Rows) error {
			var id, parent, unused int
			var detail string
			err := rows.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		})
	})
	if err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return strings.Join(plan, "\n")
}

// Lists of rooms read an index in order, and stop.
func TestPostgreSQLListsRoomsByIndexes(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{DSN: testservers.Postgres(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Enough of them for their order to be worth an index.
	err = s.db.write(t.Context(), func(ctx context.Context, q querier) error {
		for _, query := range []string{
			`INSERT INTO rooms (id, game, version, state, capacity, created_at, swept)
				SELECT 'room-' || i, CASE WHEN i % 20 = 0 THEN 'g' ELSE 'h' END, '1', 'open', 2, i, FALSE FROM generate_series(1, 20000) i`,
			`INSERT INTO room_labels (room, name, game, created_at, text, number)
				SELECT id, 'track', game, created_at, CASE WHEN created_at % 50 = 0 THEN 'desert' ELSE 'forest' END, NULL FROM rooms`,
			`INSERT INTO room_labels (room, name, game, created_at, text, number) SELECT id, 'level', game, created_at, NULL, created_at % 10 FROM rooms`,
			`ANALYZE rooms`, `ANALYZE room_labels`,
		} {
			if _, err := q.exec(ctx, query); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter store.RoomFilter
		want   string
	}{
		{store.RoomFilter{Game: "g", State: store.Open}, "rooms_listed_by_game"},
		{store.RoomFilter{State: store.Open}, "rooms_listed_by_age"},
		{store.RoomFilter{Game: "g", Free: true}, "rooms_listed_by_game"},
		{store.RoomFilter{Game: "g", Labels: []store.LabelFilter{{Name: "level", Least: 3, Most: 5}}}, "rooms_listed_by_game"},
		{store.RoomFilter{Game: "g", Labels: []store.LabelFilter{{Name: "track", Text: "desert"}}}, "room_labels_by_text"},
	} {
		page, last := listing(c.filter, spot{15_000, "r"}, 20)
		for _, query := range []*clauses{page, last} {
			if query == nil {
				continue
			}
			var plan []string
			err := s.db.read(t.Context(), func(ctx context.Context, q querier) error {
				return all(ctx, q, "EXPLAIN "+query.query, query.args, func(rows *stdsql.Rows) error {
					var line string
					err := rows.Scan(&line)
					plan = append(plan, line)
					return err
				})
			})
			got := strings.Join(plan, "\n")
			if err != nil || !strings.Contains(got, c.want) || strings.Contains(got, "Seq Scan") {
				t.Errorf("%s\ngot plan %v\n%s\nwant in it %s, and no Seq Scan", query.query, err, got, c.want)
			}
		}
	}
}
