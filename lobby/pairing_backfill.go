package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
)

// readBackfills looks which rooms ask for players.
func (p *pairing) readBackfills(ctx context.Context) error {
	before := p.rooms
	p.rooms = map[string]store.Backfill{}
	for after := ""; ; {
		page, err := p.s.config.Store.PoolBackfills(ctx, p.pool, after, store.MaxTicketsAtOnce)
		if err != nil {
			return err
		}
		for _, b := range page {
			p.rooms[b.Room] = b
			delete(before, b.Room)
			p.open(b)
		}
		if len(page) < store.MaxTicketsAtOnce {
			break
		}
		after = page[len(page)-1].Room
	}
	for room := range before {
		p.open(store.Backfill{Room: room})
	}
	return nil
}

// refreshBackfill looks at one room that has asked for players.
func (p *pairing) refreshBackfill(ctx context.Context, room string) error {
	b, err := p.s.config.Store.PoolBackfill(ctx, p.pool, room)
	switch {
	case errors.Is(err, store.ErrNotFound):
		delete(p.rooms, room)
		p.open(store.Backfill{Room: room})
		return nil
	case err != nil:
		return err
	}
	p.rooms[room] = b
	p.open(b)
	return nil
}

// open has a room take as many players as it has places for, none among them.
func (p *pairing) open(b store.Backfill) {
	o := match.Opening{Room: b.Room, Since: b.Since}
	var wants wantsJSON
	if len(b.Wants) > 0 {
		if err := json.Unmarshal(b.Wants, &wants); err != nil {
			p.refuseRoom(b.Room, err)
			return
		}
	}
	o.Regions, o.Properties = wants.Regions, wants.Properties
	if b.Free > 0 {
		team := match.OpenTeam{Free: min(b.Free, match.MaxPlayers)}
		for _, player := range b.Players[:min(len(b.Players), match.MaxPlayers)] {
			team.Players = append(team.Players, match.Player{User: player.User, Rating: player.Rating})
		}
		o.Teams = []match.OpenTeam{team}
	} else {
		o.Regions, o.Properties = nil, nil
	}
	if err := p.match.Backfill(o); err != nil && b.Free > 0 {
		p.refuseRoom(b.Room, err)
	}
}

func (p *pairing) refuseRoom(room string, err error) {
	p.s.config.Log.Warn("a room can't be given players", "room", room, "game", p.mode.game, "mode", p.mode.name, "error", err)
}

// prepareBackfill reads the room that a group goes to.
func (p *pairing) prepareBackfill(ctx context.Context, f *placing) (err error) {
	f.room, err = p.s.config.Store.Room(ctx, f.group.Room)
	if err != nil {
		return fmt.Errorf("read the room of a match: %w", err)
	}
	return nil
}
