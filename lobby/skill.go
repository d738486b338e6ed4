package lobby

import (
	"context"
	"net/http"
	"time"
)

// ratingJSON is a player's skill in a game and mode, on the wire.
type ratingJSON struct {
	Game       string    `json:"game"`
	Mode       string    `json:"mode"`
	Rating     float64   `json:"rating"`
	Deviation  float64   `json:"deviation"`
	Volatility float64   `json:"volatility"`
	Matches    int64     `json:"matches"`
	At         time.Time `json:"at"` // of the newest match
}

// userSkill is GET /user/skill.
func (s *Service) userSkill(c *Context) error {
	skills, err := s.ratings(c, c.session.User)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Skills []ratingJSON `json:"skills"`
	}{skills})
}

// ratings are a player's, by game and mode.
func (s *Service) ratings(c *Context, user string) ([]ratingJSON, error) {
	ratings, err := s.config.Store.Ratings(c.ctx, user)
	if err != nil {
		return nil, err
	}
	skills := make([]ratingJSON, len(ratings))
	for i, r := range ratings {
		skills[i] = ratingJSON{r.Game, r.Mode, r.Value, r.Deviation, r.Volatility, r.Matches, r.At}
	}
	return skills, nil
}

// dropAtOnce is how many scores of boards that are over one transaction drops, and dropRounds how many it does in a row.
const (
	dropAtOnce = 500
	dropRounds = 20
)

// dropBoards drops leaderboards whose time is over, bit by bit.
func (s *Service) dropBoards(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	for range dropRounds {
		more, err := s.config.Store.DropBoards(ctx, s.config.Now(), dropAtOnce)
		if err != nil {
			s.config.Log.Debug("old leaderboards can't be dropped yet", "error", err)
		}
		if !more {
			return
		}
	}
}
