package lobby

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// Canary gives a share of the players to one version of a game, before all others get it.
type Canary struct {
	Version string
	Percent int // of the players, 0 to 100
}

// watchAgain is the pause before the board is watched again when it could not be.
const watchAgain = time.Second

// watch follows the board until ctx ends, so that new rooms get versions which somebody plays.
func (s *Service) watch(ctx context.Context) {
	for ctx.Err() == nil {
		now := s.config.Now()
		s.hearing.Store(&now)
		err := s.config.Broker.Watch(ctx, func(n broker.Notice) { s.roster.Observe(n, s.config.Now()) })
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			s.config.Log.Warn("the bulletin board can't be watched; new rooms get the newest versions", "err", err)
		}
		select {
		case <-time.After(watchAgain):
		case <-ctx.Done():
		}
	}
}

// forget strikes silent processes off, unless all are silent: then it is the board that is.
func (s *Service) forget() {
	now := s.config.Now()
	if s.roster.Has(s.config.Process, now, broker.DefaultMissing) {
		s.roster.Expire(now, broker.DefaultMissing)
	} else if s.hearing.Load() != nil {
		s.hearing.Store(&now)
	}
}

// versionFor is the version of the game that user's new room gets: the newest that some worker plays and that is no
// canary's, or the canary's, if user is among those who get it. What nobody plays counts as played while nobody plays
// any: rooms wait for a worker. User "" is nobody in particular and gets what most get. nil: the game is unknown.
func (s *Service) versionFor(name, user string) handlers.Definition {
	versions := s.games.versions(name)
	if len(versions) == 0 {
		return nil
	}
	played := map[string]bool{}
	for _, p := range s.roster.All() {
		if p.Drains {
			continue
		}
		for _, v := range p.Games[name] {
			played[v] = true
		}
	}
	canary, share := s.config.Canary[name], 0
	if canary.Version != "" {
		share = canary.Percent
	}
	var best, try, newest string
	for _, v := range versions { // newest first
		switch {
		case len(played) > 0 && !played[v]:
			continue
		case v == canary.Version:
			try = v
		case best == "" && (canary.Version == "" || compareVersions(v, canary.Version) < 0):
			best = v
		}
		if newest == "" {
			newest = v
		}
	}
	if try != "" && (best == "" || shareOf(name, user) < share) {
		best = try
	}
	if best == "" { // all that are played are newer than the canary
		best = newest
	}
	if best == "" { // none that this lobby knows is played
		best = s.games.newest[name].Version()
	}
	return s.games.all[gameKey(name, best)]
}

// shareOf puts a user at one of a hundred places, the same each time for the game; "" at the last.
func shareOf(game, user string) int {
	if user == "" {
		return 99
	}
	h := fnv.New32a()
	h.Write([]byte(game))
	h.Write([]byte{0})
	h.Write([]byte(user))
	return int(h.Sum32() % 100)
}
