package lobby

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

var rankNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newArena is a lobby with a database, and with a game that has leaderboards.
func newArena(t *testing.T) (*fixture, store.Store) {
	t.Helper()
	s := database(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	game := handlers.New("chess", func() *struct{} { return &struct{}{} }).WithPolicy(handlers.Policy{Boards: []handlers.Board{
		{Counts: handlers.Sum, Days: true, Weeks: true, Seasons: []handlers.Season{
			{Name: "autumn", From: rankNow.AddDate(0, -1, 0), To: rankNow.AddDate(0, 1, 0)},
			{Name: "summer", From: rankNow.AddDate(0, -5, 0), To: rankNow.AddDate(0, -1, 0)},
		}},
		{Mode: "race", Lower: true},
	}})
	f := newFixture(t, func(_ *App, c *Config) {
		c.Store, c.Games, c.Now = s, append(c.Games, game), func() time.Time { return rankNow }
	})
	return f, s
}

type boardAnswer struct {
	Game, Mode, Period, Next string
	Players                  int64
	Standings                []standingJSON
}

func (a boardAnswer) String() string {
	text := fmt.Sprintf("%s/%s/%s %d:", a.Game, a.Mode, a.Period, a.Players)
	for _, s := range a.Standings {
		text += fmt.Sprintf(" %d %s %d,", s.Rank, s.Name, s.Score)
	}
	return strings.TrimSuffix(text, ",")
}

// names signs four players in and puts scores for three of them, a over b over c.
func names(t *testing.T, f *fixture, s store.Store) (players []signedIn) {
	t.Helper()
	for _, name := range []string{"Ann", "Bob", "Cid", "Dot"} {
		var in signedIn
		f.do("POST", "/v1/login", "", body(map[string]string{"platform": "guest", "name": name})).into(t, 200, &in)
		players = append(players, in)
	}
	for _, period := range []string{"all", "day:2026-11-23", "week:2026-W48", "season:autumn"} {
		var scores []store.Score
		for i, in := range players[:3] {
			scores = append(scores, store.Score{Board: store.Board{Game: "chess", Period: period}, User: in.User.ID, Value: int64(30 - 10*i), At: rankNow})
		}
		if err := s.PutRanks(t.Context(), scores, nil); err != nil {
			t.Fatal(err)
		}
	}
	return players
}

func TestLeaderboard(t *testing.T) {
	t.Parallel()
	f, s := newArena(t)
	players := names(t, f, s)
	ann, bob, dot := players[0], players[1], players[3]
	const whole = " 3: 1 Ann 30, 2 Bob 20, 3 Cid 10"
	for query, want := range map[string]string{
		"":                                    "chess//all" + whole,
		"?period=all":                         "chess//all" + whole,
		"?period=day":                         "chess//day:2026-11-23" + whole,
		"?period=week":                        "chess//week:2026-W48" + whole,
		"?period=week:2026-W48":               "chess//week:2026-W48" + whole,
		"?period=season":                      "chess//season:autumn" + whole,
		"?period=season:summer":               "chess//season:summer 0:",
		"?period=day:2026-11-01":              "chess//day:2026-11-01 0:",
		"?mode=race":                          "chess/race/all 0:",
		"?limit=2":                            "chess//all 3: 1 Ann 30, 2 Bob 20",
		"?around=me&limit=1":                  "chess//all 3: 2 Bob 20",
		"?around=me&limit=2":                  "chess//all 3: 2 Bob 20, 3 Cid 10",
		"?around=" + ann.User.ID + "&limit=2": "chess//all 3: 1 Ann 30, 2 Bob 20",
		"?friends=me," + ann.User.ID + "," + dot.User.ID: "chess//all 3: 1 Ann 30, 2 Bob 20",
	} {
		var got boardAnswer
		f.do("GET", "/v1/leaderboards/chess"+query, bob.Token, "").into(t, 200, &got)
		if got.String() != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	var page boardAnswer
	f.do("GET", "/v1/leaderboards/chess?limit=2", bob.Token, "").into(t, 200, &page)
	f.do("GET", "/v1/leaderboards/chess?limit=2&cursor="+page.Next, bob.Token, "").into(t, 200, &page)
	if got, want := page.String(), "chess//all 3: 3 Cid 10"; got != want || page.Next != "" {
		t.Errorf("second page: got %s and next %q, want %s", got, page.Next, want)
	}
	for _, user := range []string{"me", bob.User.ID} {
		var one struct {
			Game, Mode, Period string
			Players            int64
			Standing           standingJSON
		}
		f.do("GET", "/v1/leaderboards/chess/"+user, bob.Token, "").into(t, 200, &one)
		if one.Players != 3 || one.Standing.Rank != 2 || one.Standing.Score != 20 || one.Standing.Name != "Bob" || !one.Standing.At.Equal(rankNow) {
			t.Errorf("standing of %s: got %+v", user, one)
		}
	}
}

func TestLeaderboardRefusals(t *testing.T) {
	t.Parallel()
	f, s := newArena(t)
	players := names(t, f, s)
	dot := players[3]
	for call, want := range map[string]string{
		"go":                           "404 unknown_game",
		"pair":                         "404 unknown_board",
		"chess?mode=blitz":             "404 unknown_board",
		"chess?mode=race&period=day":   "404 unknown_board",
		"chess?period=year":            "404 unknown_board",
		"chess?period=day:yesterday":   "404 unknown_board",
		"chess?period=season:spring":   "404 unknown_board",
		"chess?period=season:":         "404 unknown_board",
		"chess?period=%00":             "404 unknown_board",
		"chess?limit=0":                "400 bad_request",
		"chess?limit=101":              "400 bad_request",
		"chess?limit=x":                "400 bad_request",
		"chess?cursor=x":               "400 bad_cursor",
		"chess?cursor=%00":             "400 bad_cursor",
		"chess?around=me&cursor=1.1.1": "400 bad_request",
		"chess?around=me":              "404 not_ranked",
		"chess?around=%00":             "404 not_ranked",
		"chess?friends=a,,b":           "400 bad_request",
		"chess?friends=%00":            "400 bad_request",
		"chess?friends=a" + strings.Repeat(",a", maxFriends): "400 bad_request",
		"chess/me":             "404 not_ranked",
		"chess/nobody":         "404 not_ranked",
		"chess/me?period=year": "404 unknown_board",
	} {
		r := f.do("GET", "/v1/leaderboards/"+call, dot.Token, "")
		var p struct{ Code string }
		_ = json.Unmarshal(r.body, &p)
		if got := fmt.Sprint(r.status, " ", p.Code); got != want {
			t.Errorf("%s: got %s, want %s", call, got, want)
		}
	}
	for _, call := range []string{"/v1/leaderboards/chess", "/v1/leaderboards/chess/me", "/v1/user/skill"} {
		f.do("GET", call, "", "").refused(t, 401, "not_signed_in")
	}
}

func TestSkill(t *testing.T) {
	t.Parallel()
	f, s := newArena(t)
	players := names(t, f, s)
	err := s.PutRanks(t.Context(), nil, []store.Outcome{{Game: "chess", Mode: "race", At: rankNow, Sides: []store.Side{
		{Place: 1, Users: []string{players[0].User.ID}}, {Place: 2, Users: []string{players[1].User.ID}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"race 1662 1", "race 1338 1", ""} {
		var answer struct{ Skills []ratingJSON }
		f.do("GET", "/v1/user/skill", players[i].Token, "").into(t, 200, &answer)
		got := ""
		for _, r := range answer.Skills {
			got = fmt.Sprintf("%s %.0f %d", r.Mode, r.Rating, r.Matches)
		}
		if got != want || answer.Skills == nil {
			t.Errorf("player %d: got %q, want %q", i, got, want)
		}
	}
}

func TestGamesNameTheirBoards(t *testing.T) {
	t.Parallel()
	f, _ := newArena(t)
	var list struct{ Games []gameJSON }
	f.do("GET", "/v1/games", "", "").into(t, 200, &list)
	for _, g := range list.Games {
		want := "[]"
		if g.Name == "chess" {
			want = `[{"mode":"","counts":"sum","lower":false,"periods":["all","day","week","season:autumn","season:summer"]},` +
				`{"mode":"race","counts":"best","lower":true,"periods":["all"]}]`
		}
		if got := body(g.Boards); got != want {
			t.Errorf("%s: got %s, want %s", g.Name, got, want)
		}
	}
}

// TestRankAnswersAreAsDescribed holds the answers of these calls against the description.
func TestRankAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	doc := described(t)
	f, s := newArena(t)
	players := names(t, f, s)
	duel := store.Outcome{Game: "chess", At: rankNow, Sides: []store.Side{{Place: 1, Users: []string{players[0].User.ID}}, {Place: 1, Users: []string{players[1].User.ID}}}}
	if err := s.PutRanks(t.Context(), nil, []store.Outcome{duel}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, described, status string }{
		{"/v1/leaderboards/chess", "/v1/leaderboards/{game}", "200"},
		{"/v1/leaderboards/chess?limit=x", "/v1/leaderboards/{game}", "400"},
		{"/v1/leaderboards/go", "/v1/leaderboards/{game}", "404"},
		{"/v1/leaderboards/chess/me", "/v1/leaderboards/{game}/{user}", "200"},
		{"/v1/leaderboards/chess/nobody", "/v1/leaderboards/{game}/{user}", "404"},
		{"/v1/user/skill", "/v1/user/skill", "200"},
		{"/v1/games", "/v1/games", "200"},
	} {
		r := f.do("GET", c.path, players[0].Token, "")
		response := at(doc, "paths", c.described, "get", "responses", c.status)
		if ref, ok := at(response, "$ref").(string); ok {
			response = resolve(doc, ref)
		}
		schema := at(response, "content", r.header.Get("Content-Type"), "schema")
		var value any
		if err := json.Unmarshal(r.body, &value); err != nil || fmt.Sprint(r.status) != c.status || schema == nil {
			t.Errorf("%s: got %d %s, %v, schema %v", c.path, r.status, r.body, err, schema)
			continue
		}
		if err := fits(doc, schema, value); err != nil {
			t.Errorf("%s: %s: %v", c.path, r.body, err)
		}
	}
}
