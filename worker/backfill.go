package worker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// tellPairs is how long whoever finds players is told for that a room asks for some. It looks by itself a little later.
const tellPairs = time.Second

// addBackfill adds what an event asks of those who find players.
func (r *room) addBackfill(ev *handlers.Event, res *handlers.Result) {
	b := res.Backfill
	if b == nil {
		return
	}
	wants, _ := json.Marshal(struct {
		Regions    []string       `json:"regions,omitempty"`
		Properties map[string]any `json:"properties,omitempty"`
	}{b.Regions, b.Properties}) // the room has seen to it that this can't fail
	r.awake.change.backfill = &store.Backfill{Room: r.id, Game: r.game.name, Mode: b.Mode, Wants: wants, Size: b.Size, Since: ev.Time}
}

// tellBackfill tells whoever finds players of what the room asks for, which is in the store by now.
func (r *room) tellBackfill(b *store.Backfill) {
	if b == nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.w.work, tellPairs)
	defer cancel()
	m := broker.Changed{Game: b.Game, Mode: b.Mode, Room: b.Room}.Message(r.w.now())
	if err := r.w.broker.Send(ctx, m); err != nil {
		r.w.log.Debug("nobody was told yet that a room asks for players", "room", r.id, "error", err)
	}
}
