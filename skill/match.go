package skill

import "math"

// Side is one of those who play a match against each other: a player, or a team.
type Side struct {
	Place   int // from 1, the best; equal places are a draw
	Players []Rating
}

// Match rates everybody who has played a match, as a rating period of its own, and returns the new ratings in the order of
// sides and players. Each player meets each other side once: one opponent with the side's mean rating, and with the root mean
// square of its deviations. Sides without players, and a match with one side, change nothing.
func Match(sides []Side) [][]Rating {
	teams := make([]Rating, len(sides))
	for i, s := range sides {
		teams[i] = team(s.Players)
	}
	after := make([][]Rating, len(sides))
	for i, s := range sides {
		var games []Game
		for j, other := range sides {
			if j == i || len(other.Players) == 0 {
				continue
			}
			g := Game{Opponent: teams[j], Score: 0.5}
			if s.Place < other.Place {
				g.Score = 1
			} else if s.Place > other.Place {
				g.Score = 0
			}
			games = append(games, g)
		}
		for _, r := range s.Players {
			after[i] = append(after[i], r.Played(games))
		}
	}
	return after
}

func team(players []Rating) Rating {
	var value, square float64
	for _, p := range players {
		value += p.Value
		square += p.Deviation * p.Deviation
	}
	n := float64(max(len(players), 1))
	return Rating{Value: value / n, Deviation: math.Sqrt(square / n), Volatility: StartVolatility}
}
