package handlers

import (
	"fmt"
	"slices"
)

// Score is a player's result for a leaderboard.
type Score struct {
	Mode  string // of a board in Policy.Boards
	User  string
	Value int64 // at most MaxScore, and at least that with its sign turned
}

// Outcome is how a match has ended: what the skill of its players is reckoned from, by Glicko-2, in this game and mode.
type Outcome struct {
	Mode  string // 1 to 32 of a-z, 0-9, _ and -; "" is the game's usual one
	Sides []Side // 2 to MaxSides
}

// Side is a player or a team. Places begin with 1, the best; sides with the same place have drawn.
type Side struct {
	Place int
	Users []string // each in one side, once
}

// MaxSides is how many sides an Outcome has at most, and MaxMatch how many players.
const (
	MaxSides = 100
	MaxMatch = 200
)

// Score puts a result on the game's leaderboard of that mode, for all periods that room.Now is in, in the same commit as
// the state: once, or not at all.
func (r *Room) Score(s Score) {
	r.must("Score")
	switch {
	case s.User == "":
		panic("handlers.Room.Score: User is empty")
	case r.in.rules.policy.Board(s.Mode) == nil:
		panic(fmt.Sprintf("handlers.Room.Score: the game has no board of mode %q; name it in Policy.Boards", s.Mode))
	case s.Value > MaxScore || s.Value < -MaxScore:
		panic(fmt.Sprintf("handlers.Room.Score: value %d; write one between -%d and %d", s.Value, int64(MaxScore), int64(MaxScore)))
	}
	r.scores = append(r.scores, s)
}

// Outcome changes the ratings of those who have played a match, in the same commit as the state: once, or not at all.
func (r *Room) Outcome(o Outcome) {
	r.must("Outcome")
	wrong := func(format string, args ...any) { panic("handlers.Room.Outcome: " + fmt.Sprintf(format, args...)) }
	if o.Mode != "" && !boardWord.MatchString(o.Mode) {
		wrong("mode %q; write 1 to 32 of a-z, 0-9, _ and -, or leave it out", o.Mode)
	}
	if len(o.Sides) < 2 || len(o.Sides) > MaxSides {
		wrong("%d sides; write 2 to %d", len(o.Sides), MaxSides)
	}
	seen := map[string]bool{}
	sides := slices.Clone(o.Sides)
	for i, side := range sides {
		if side.Place < 1 || len(side.Users) == 0 {
			wrong("a side with place %d and %d users; places begin with 1, and sides have players", side.Place, len(side.Users))
		}
		for _, user := range side.Users {
			if user == "" || seen[user] {
				wrong("user %q; name each player once", user)
			}
			seen[user] = true
		}
		sides[i].Users = slices.Clone(side.Users)
	}
	if len(seen) > MaxMatch {
		wrong("%d players; write at most %d", len(seen), MaxMatch)
	}
	r.outcomes = append(r.outcomes, Outcome{o.Mode, sides})
}
