package lobby

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

var (
	unknownBoard = entry(404, "unknown_board", "There is no such leaderboard", "The game has no leaderboard of this mode and period: GET /v1/games lists them.")
	notRanked    = entry(404, "not_ranked", "The player is not ranked", "The player has no result on this leaderboard.")
)

// maxFriends is how many players a call may ask for by name.
const maxFriends = 50

// standingJSON is where a player stands, on the wire.
type standingJSON struct {
	User  string    `json:"user"`
	Name  string    `json:"name"`
	Rank  int64     `json:"rank"`
	Score int64     `json:"score"`
	At    time.Time `json:"at"` // when it was reached
}

func standingOf(s store.Standing) standingJSON {
	return standingJSON{s.User, s.Name, s.Rank, s.Value, s.At}
}

// boardJSON names a leaderboard on the wire.
type boardJSON struct {
	Game   string `json:"game"`
	Mode   string `json:"mode"`
	Period string `json:"period"` // in full: week:2026-W48
}

// boardsJSON are a mode's leaderboards, in the list of games.
type boardsJSON struct {
	Mode    string          `json:"mode"`
	Counts  handlers.Counts `json:"counts"`
	Lower   bool            `json:"lower"`
	Periods []string        `json:"periods"`
}

func boardsOf(p handlers.Policy) []boardsJSON {
	boards := []boardsJSON{}
	for i := range p.Boards {
		b := &p.Boards[i]
		out := boardsJSON{b.Mode, b.Counts, b.Lower, []string{"all"}}
		if b.Days {
			out.Periods = append(out.Periods, "day")
		}
		if b.Weeks {
			out.Periods = append(out.Periods, "week")
		}
		for _, s := range b.Seasons {
			out.Periods = append(out.Periods, "season:"+s.Name)
		}
		boards = append(boards, out)
	}
	return boards
}

// pastPeriod is a day or week that is named in full.
var pastPeriod = regexp.MustCompile(`^(day:\d{4}-\d\d-\d\d|week:\d{4}-W\d\d)$`)

// boardOf finds the leaderboard that a call asks for.
func (s *Service) boardOf(c *Context) (b store.Board, err error) {
	game := s.games.newest[c.Param("game")]
	if game == nil {
		return b, unknownGame
	}
	policy := game.Policy()
	declared := policy.Board(c.Query("mode"))
	if declared == nil {
		return b, unknownBoard
	}
	b = store.Board{Game: game.Name(), Mode: declared.Mode, Period: c.Query("period")}
	if b.Period == "" {
		b.Period = "all"
	}
	// What is asked for by kind is the one of now.
	for _, p := range declared.Periods(s.config.Now()) {
		kind, _, _ := strings.Cut(p.Name, ":")
		if b.Period == p.Name || b.Period == kind {
			b.Period = p.Name
			return b, nil
		}
	}
	kind, name, named := strings.Cut(b.Period, ":")
	switch {
	case kind == "season" && slices.ContainsFunc(declared.Seasons, func(s handlers.Season) bool { return named && s.Name == name }):
		return b, nil
	case pastPeriod.MatchString(b.Period) && (kind == "day" && declared.Days || kind == "week" && declared.Weeks):
		return b, nil
	}
	return b, unknownBoard
}

// leaderboard is GET /leaderboards/:game: from the top, around a player, or those named.
func (s *Service) leaderboard(c *Context) error {
	b, err := s.boardOf(c)
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	cursor, around, friends := c.Query("cursor"), c.Query("around"), c.Query("friends")
	asked := 0
	for _, text := range []string{cursor, around, friends} {
		if text != "" {
			asked++
		}
	}
	var page store.Standings
	switch {
	case asked > 1:
		return badRequest.because("Give one of around, friends and cursor.")
	case around != "":
		page, err = s.around(c, b, around, limit)
	case friends != "":
		page, err = s.friends(c, b, friends)
	case !goodCursor(cursor):
		return badCursor
	default:
		if page, err = s.config.Store.Top(c.ctx, b, cursor, limit); errors.Is(err, store.ErrNotFound) {
			return badCursor
		}
	}
	if err != nil {
		return err
	}
	standings := make([]standingJSON, len(page.List))
	for i, st := range page.List {
		standings[i] = standingOf(st)
	}
	return c.JSON(http.StatusOK, struct {
		boardJSON
		Players   int64          `json:"players"` // on the whole leaderboard
		Standings []standingJSON `json:"standings"`
		Next      string         `json:"next"` // the cursor of the next page; "" after the last
	}{boardJSON(b), page.Players, standings, page.Next})
}

// who is the player that a word of a call names: me, or an id. "": none that could be.
func who(c *Context, word string) string {
	switch {
	case word == "me":
		return c.session.User
	case goodID.MatchString(word):
		return word
	}
	return ""
}

func (s *Service) around(c *Context, b store.Board, word string, limit int) (page store.Standings, err error) {
	user := who(c, word)
	if user == "" {
		return page, notRanked
	}
	if page, err = s.config.Store.Around(c.ctx, b, user, limit); errors.Is(err, store.ErrNotFound) {
		return page, notRanked
	}
	return page, err
}

// friends are the players named, with their ranks among all; those who are not on the board are left out.
func (s *Service) friends(c *Context, b store.Board, list string) (page store.Standings, err error) {
	if strings.Count(list, ",") >= maxFriends {
		return page, badRequest.because("At most %d players can be asked for.", maxFriends)
	}
	var users []string
	for word := range strings.SplitSeq(list, ",") {
		user := who(c, word)
		if user == "" {
			return page, badRequest.because("%q is no player's id.", word)
		}
		users = append(users, user)
	}
	return s.config.Store.StandingsOf(c.ctx, b, users)
}

// standing is GET /leaderboards/:game/:user.
func (s *Service) standing(c *Context) error {
	b, err := s.boardOf(c)
	if err != nil {
		return err
	}
	page, err := s.around(c, b, c.Param("user"), 1)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		boardJSON
		Players  int64        `json:"players"`
		Standing standingJSON `json:"standing"`
	}{boardJSON(b), page.Players, standingOf(page.List[0])})
}
