package store

import (
	"context"
	"time"
)

// MaxScore is the most that a score is, and the least with its sign turned: what every JSON reader takes.
const MaxScore = 1<<53 - 1

// Bounds of what is put and asked for at once.
const (
	MaxScores    = 1000 // of PutRanks, and of outcomes as well
	MaxStandings = 100  // of a page, and of a set of players
)

// Counts says which of a player's results on a board is its score.
type Counts string

const (
	Best Counts = "best" // the best one
	Sum  Counts = "sum"  // all of them together
	Last Counts = "last" // the newest one
)

// Board names a leaderboard. Mode and Period are the caller's words: one mode may have boards for all time, for a day...
type Board struct {
	Game, Mode, Period string
}

// Score is what a player has reached. A new result that leaves the player's score as it is does not change its standing.
type Score struct {
	Board  Board
	User   string
	Value  int64 // what is beyond MaxScore is cut
	Counts Counts
	// Lower: less is better. A board stays as its first score says.
	Lower bool
	At    time.Time
	// Until is when the board is over, zero for never: from then on it is as if it were not there, and what is put there is
	// left out. A board stays as its first score says.
	Until time.Time
}

// Standing is where a player stands on a board. Of equal scores the one that was reached first stands before.
type Standing struct {
	User, Name string
	Rank       int64 // from 1
	Value      int64
	At         time.Time // when it was reached
}

// Standings are neighbours on a board, by rank.
type Standings struct {
	Players int64 // on the whole board
	List    []Standing
	Next    string // the cursor of what follows; "" at the end
}

// Outcome is how a match has ended, for the ratings of its players in a game and mode.
type Outcome struct {
	Game, Mode string
	At         time.Time
	Sides      []Side
}

// Side is a player or a team. Places begin with 1, the best; sides with the same place have drawn.
type Side struct {
	Place int
	Users []string
}

// Rating is a player's skill in a game and mode, by Glicko-2.
type Rating struct {
	Game, Mode string
	Value      float64 // 1500 to begin with
	Deviation  float64 // as it was At: it grows with time
	Volatility float64
	Matches    int64
	At         time.Time // of the newest match
}

// Ranks keeps leaderboards and ratings. Two results of one player at once both count. Results of different players do not
// wait for each other, however many come into one board.
//
// What is read is one moment of the board; it costs the same at its top, in its middle and at its end.
type Ranks interface {
	// PutRanks puts scores and outcomes, as a Commit does: those of players who are not there are left out, and of an
	// outcome all, if it has less than two sides with players who are. Nothing of it can be refused but what is over the bounds.
	PutRanks(ctx context.Context, scores []Score, outcomes []Outcome) error
	// Top lists a board from the top, at most limit (1 to MaxStandings) from cursor on ("" begins). A board that is not there
	// is empty. A malformed cursor is ErrNotFound. Who moves between two pages may be on both or on none.
	Top(ctx context.Context, b Board, cursor string, limit int) (Standings, error)
	// Around lists up to limit (1 to MaxStandings) players of whom user is in the middle, or nearer to an end of the board.
	// ErrNotFound: it is not on the board.
	Around(ctx context.Context, b Board, user string, limit int) (Standings, error)
	// Standing is where one player stands, and how many there are. ErrNotFound.
	Standing(ctx context.Context, b Board, user string) (s Standing, players int64, err error)
	// StandingsOf lists those of users (at most MaxStandings) who are on the board, with their ranks among all.
	StandingsOf(ctx context.Context, b Board, users []string) (Standings, error)
	// DropBoards removes what is left of boards whose Until is an hour before now, at most limit scores; more says that it is
	// worth calling again.
	DropBoards(ctx context.Context, now time.Time, limit int) (more bool, err error)
	// Ratings lists a player's ratings by game and mode; none for a player who has not played.
	Ratings(ctx context.Context, user string) ([]Rating, error)
}
