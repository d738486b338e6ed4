package handlers

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Board is a leaderboard of a game, for one of its modes; [Room.Score] puts results on it. There is always one for all time.
type Board struct {
	// Mode: 1 to 32 of a-z, 0-9, _ and -; "" is the game's usual one.
	Mode string
	// Counts says which of a player's results is its score. Default: Best.
	Counts Counts
	// Lower: less is better. It can't be changed for a board that has scores.
	Lower bool
	// Days and Weeks: there is one for each day, and for each week from Monday, of UTC, too. They are kept for 8 days and 8
	// weeks after their end.
	Days, Weeks bool
	// Seasons: there is one for each of them, too. They are kept for ever.
	Seasons []Season
}

// Counts says which of a player's results on a board counts.
type Counts string

const (
	Best Counts = "best"
	Sum  Counts = "sum"
	Last Counts = "last"
)

// Season is a time with a board of its own: From is in it, To is not.
type Season struct {
	Name     string // 1 to 32 of a-z, 0-9, _ and -
	From, To time.Time
}

// Period is a time for which there is a board.
type Period struct {
	// Name is all, day:2026-11-23, week:2026-W48 (ISO 8601) or season:<name>.
	Name string
	// Until is when the board is dropped; zero: never.
	Until time.Time
}

// MaxScore is the largest score, and with its sign turned the least: what every JSON reader takes.
const MaxScore = 1<<53 - 1

const (
	daysKept  = 8
	weeksKept = 8
)

var boardWord = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Periods are those that t is in.
func (b *Board) Periods(t time.Time) []Period {
	t = t.UTC()
	periods := []Period{{Name: "all"}}
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	if b.Days {
		periods = append(periods, Period{midnight.Format("day:2006-01-02"), midnight.AddDate(0, 0, 1+daysKept)})
	}
	if b.Weeks {
		monday := midnight.AddDate(0, 0, -(int(t.Weekday())+6)%7)
		year, week := t.ISOWeek()
		periods = append(periods, Period{fmt.Sprintf("week:%d-W%02d", year, week), monday.AddDate(0, 0, 7*(1+weeksKept))})
	}
	for _, s := range b.Seasons {
		if !t.Before(s.From) && t.Before(s.To) {
			periods = append(periods, Period{Name: "season:" + s.Name})
		}
	}
	return periods
}

// filled is b with its defaults, and what to write instead when something is wrong.
func (b Board) filled() (Board, error) {
	if b.Mode != "" && !boardWord.MatchString(b.Mode) {
		return b, fmt.Errorf("board of mode %q; write 1 to 32 of a-z, 0-9, _ and -, or leave it out", b.Mode)
	}
	switch b.Counts {
	case "":
		b.Counts = Best
	case Best, Sum, Last:
	default:
		return b, fmt.Errorf("board %q counts %q; write handlers.Best, Sum or Last", b.Mode, b.Counts)
	}
	b.Seasons = slices.Clone(b.Seasons)
	for i, s := range b.Seasons {
		if !boardWord.MatchString(s.Name) {
			return b, fmt.Errorf("board %q: season %q; write 1 to 32 of a-z, 0-9, _ and -", b.Mode, s.Name)
		}
		if !s.From.Before(s.To) {
			return b, fmt.Errorf("board %q: season %q does not begin before it ends", b.Mode, s.Name)
		}
		for _, o := range b.Seasons[:i] {
			if o.Name == s.Name {
				return b, fmt.Errorf("board %q: season %q is there twice", b.Mode, s.Name)
			}
			if s.From.Before(o.To) && o.From.Before(s.To) {
				return b, fmt.Errorf("board %q: seasons %q and %q overlap; let one end where the other begins", b.Mode, o.Name, s.Name)
			}
		}
	}
	return b, nil
}

// fillBoards is filled for all boards of a game.
func fillBoards(boards []Board) ([]Board, error) {
	all := make([]Board, 0, len(boards))
	for _, b := range boards {
		b, err := b.filled()
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			if o.Mode == b.Mode {
				return nil, fmt.Errorf("two boards of mode %q; give each a mode of its own", b.Mode)
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// Board is the board of a mode; nil: there is none.
func (p *Policy) Board(mode string) *Board {
	for i := range p.Boards {
		if p.Boards[i].Mode == mode {
			return &p.Boards[i]
		}
	}
	return nil
}
