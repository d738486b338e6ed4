package othello

import (
	"time"

	"github.com/madang-games/madang/match"
)

// QuickMatch is how players are found for a ranked game of two: for a lobby.App's Match, with the usual mode, whose ratings
// count. Somebody of like skill at first; after a minute almost anybody who is there.
var QuickMatch = match.Rules{
	Teams:   2,
	Skill:   match.Window{From: 150, PerSecond: 20},
	MaxWait: 5 * time.Minute,
}
