package bot

import (
	"context"
	"sync"

	"github.com/madang-games/madang/client"
)

// playPairs plays two bots against each other, game after game.
func playPairs(ctx context.Context, c Config, t *table) {
	var two [2]*player
	for i := range two {
		p, err := newPlayer(c)
		if err != nil { // the Config has been checked
			panic(err)
		}
		two[i] = p
		defer p.close()
	}
	for ctx.Err() == nil && t.claim() {
		place, err := meet(ctx, two)
		if err != nil {
			t.giveBack()
			if ctx.Err() == nil {
				c.Log.Warn("cannot begin a game; trying again", "err", err)
				rest(ctx, err)
			}
			continue
		}
		results, errs := playBoth(ctx, two, place, c)
		if ctx.Err() != nil && (results[0].Over == nil || results[1].Over == nil) {
			t.giveBack()
			return
		}
		finished := results[0].Finished() && results[1].Finished()
		equal := finished && results[0].Board == results[1].Board && *results[0].Over == *results[1].Over
		failed := errs[0] != nil || errs[1] != nil
		if !equal || failed {
			c.Log.Error("game went wrong", "room", place[0].Room.ID, "first", results[0], "second", results[1], "errs", errs)
		}
		t.note(finished, equal, failed, results[0].Moves+results[1].Moves)
	}
}

// meet seats both in a new room.
func meet(ctx context.Context, two [2]*player) (places [2]client.Place, err error) {
	for _, p := range two {
		if err := p.ready(ctx); err != nil {
			return places, err
		}
	}
	if places[0], err = two[0].client.CreateRoom(ctx, game, nil); err != nil {
		return places, err
	}
	if places[1], err = two[1].client.JoinRoom(ctx, places[0].Room.ID); err != nil {
		leave(ctx, two[0].client, places[0])
	}
	return places, err
}

func playBoth(ctx context.Context, two [2]*player, places [2]client.Place, c Config) (results [2]Result, errs [2]error) {
	// One that breaks off leaves, so that the other one's game ends, too.
	var both sync.WaitGroup
	for i, p := range two {
		both.Go(func() {
			results[i], errs[i] = PlayOne(ctx, p.conn, places[i], c.Think)
			if errs[i] != nil {
				leave(ctx, p.client, places[i])
			}
		})
	}
	both.Wait()
	return results, errs
}
