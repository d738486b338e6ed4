package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// What runs often must find its rows by an index, however many there are.
func TestSQLiteScansNoTable(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "madang.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ query, want string }{
		{deleteLog, "SEARCH log USING PRIMARY KEY (room=? AND (epoch,last)<(?,?))"},
		{selectLog, "SEARCH log USING PRIMARY KEY (room=? AND epoch=? AND last>?)"},
		{selectAlive, "SEARCH r USING INDEX rooms_alive_by_game (game=? AND version=? AND id>?)"},
		{selectFree, "SEARCH r USING INDEX rooms_alive_by_game (game=? AND version=?)"},
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
		{selectSearching, "SEARCH ticket_players USING INDEX ticket_players_open (account=?)"},
		{selectTicket, "SEARCH p USING PRIMARY KEY (ticket=?)"},
		{selectTicketsOf, "SEARCH ticket_players USING COVERING INDEX ticket_players_by_account (account=?)"},
		{selectBackfills, "SEARCH b USING INDEX backfills_by_pool (game=? AND mode=? AND room>?)"},
		{cancelByDeletion, "SEARCH ticket_players USING COVERING INDEX ticket_players_by_account (account=?)"},
		{fmt.Sprintf(selectSession, "0"), "SEARCH s USING INDEX sqlite_autoindex_sessions_2 (token=?)"},
	} {
		var args []any
		for n := 1; strings.Contains(c.query, fmt.Sprint("$", n)); n++ {
			args = append(args, "")
		}
		var plan []string
		err := s.db.read(t.Context(), func(ctx context.Context, q querier) error {
			return all(ctx, q, "EXPLAIN QUERY PLAN "+c.query, args, func(rows *stdsql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plan = append(plan, detail)
				return err
			})
		})
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
		}
		if got := strings.Join(plan, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot plan\n%s\nwant in it\n%s", c.query, got, c.want)
		}
	}
}
