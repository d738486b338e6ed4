package worker

import (
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// effects: the change is about more than the room, so it may not be done twice.
func (c *change) effects() bool {
	return len(c.awards) > 0 || len(c.grants) > 0 || len(c.scores) > 0 || len(c.outcomes) > 0 || len(c.jobs) > 0 || c.backfill != nil
}

// addRanks adds an event's results, with the time of the event: played again, they go to the boards of the same day.
func (r *room) addRanks(ev *handlers.Event, res *handlers.Result) {
	c := &r.awake.change
	for _, s := range res.Scores {
		b := r.game.policy.Board(s.Mode)
		for _, p := range b.Periods(ev.Time) {
			c.scores = append(c.scores, store.Score{
				Board: store.Board{Game: r.game.name, Mode: s.Mode, Period: p.Name}, User: s.User, Value: s.Value,
				Counts: store.Counts(b.Counts), Lower: b.Lower, At: ev.Time, Until: p.Until,
			})
		}
	}
	for _, o := range res.Outcomes {
		out := store.Outcome{Game: r.game.name, Mode: o.Mode, At: ev.Time}
		for _, side := range o.Sides {
			out.Sides = append(out.Sides, store.Side(side))
		}
		c.outcomes = append(c.outcomes, out)
	}
}
