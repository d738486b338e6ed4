package web

import (
	"context"
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
)

// What the board may have lost is found in the store, when there is a sign of that.

// reread has all inboxes compared with the store soon: notices may have been missed.
func (g *Gateway) reread() {
	select {
	case g.rereads <- struct{}{}:
	default:
	}
}

// compared is how many users are asked for at a time when notices may have been missed.
const compared = 64

// rereadNotes compares inboxes with the store as often as asked to, until ctx ends.
func (g *Gateway) rereadNotes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.rereads:
		}
		var all []*inbox
		for _, s := range g.everybody() {
			if b := s.openInbox(); b != nil {
				all = append(all, b)
			}
		}
		for some := range slices.Chunk(all, compared) {
			err := g.insist(ctx, "notes", func() error { return g.compare(ctx, some) })
			if err != nil {
				return
			}
		}
	}
}

func (g *Gateway) compare(ctx context.Context, some []*inbox) error {
	users := make([]string, len(some))
	for i, b := range some {
		users[i] = b.s.user.User
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	last, err := g.store.LastNotes(ctx, users)
	for _, b := range some {
		if n := last[b.s.user.User]; err == nil && n > 0 {
			b.miss(n)
		}
	}
	return err
}

// strikeOff looks for processes that have fallen silent: a lobby that died may have kept notes and told nobody, and the connections
// to a gateway are gone with it.
func (g *Gateway) strikeOff() {
	now := g.now()
	if !g.roster.Has(g.process, now, broker.DefaultMissing) {
		g.hearing.Store(0) // it is the board that is silent
		return
	}
	g.hearing.CompareAndSwap(0, now.UnixNano())
	for _, p := range g.roster.Expire(now, broker.DefaultMissing) {
		if slices.Contains(p.Roles, "lobby") {
			g.reread()
		}
		if slices.Contains(p.Roles, "web") {
			select {
			case g.presences.swept <- struct{}{}:
			default:
			}
		}
	}
}
