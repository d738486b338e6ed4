package web

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
)

// Run connects the gateway to the broker, which it waits for, and keeps it so until ctx ends. Then no client is taken
// in any more, those that are there are told to come back (ERROR draining), 2 ms apart but within half of Config.Drain,
// and rooms are told that they are gone; what is not done when Config.Drain is over, counted from the call of Drain if
// there was one, is cut. On return all goroutines of the gateway have ended. Run is called once. The error is that of
// closing the feed.
func (g *Gateway) Run(ctx context.Context) error {
	if g.start(ctx) == nil {
		g.ready.Store(true)
		g.reread() // of those who have come before the board was heard
		g.log.Info("gateway serves")
		g.mind(ctx)
	}
	g.sendAway()
	if g.feed == nil {
		return nil
	}
	if err := g.feed.Close(); err != nil {
		return fmt.Errorf("close the feed: %w", err)
	}
	return nil
}

// start opens the feed, which stays open while clients are sent away, and watches the board, trying until ctx ends.
func (g *Gateway) start(ctx context.Context) error {
	receiver := broker.Receiver{Deliver: g.hub.deliver, Broken: g.hub.broken, Doubt: g.inDoubt}
	err := g.insist(ctx, "feed", func() error {
		feed, err := g.broker.Feed(ctx, receiver)
		if err == nil {
			g.feed = feed
		}
		return err
	})
	if err != nil {
		return err
	}
	close(g.fed)
	if err := g.insist(ctx, "board", func() error { return g.broker.Watch(ctx, g.see) }); err != nil {
		return err
	}
	return g.insist(ctx, "announcements", func() error { return g.askAnnounced(ctx) })
}

func (g *Gateway) insist(ctx context.Context, what string, do func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			g.log.Warn("not reached yet; trying again", "what", what, "err", err)
		}
		if sleep(ctx, wait) != nil {
			return err
		}
	}
}

// mind runs errands and checks sessions until ctx ends.
func (g *Gateway) mind(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	missing := time.NewTicker(time.Second)
	defer missing.Stop()
	var settling sync.WaitGroup
	settling.Go(func() { g.settleDoubts(ctx) })
	settling.Go(func() { g.tellDoubts(ctx) })
	settling.Go(func() { g.rereadNotes(ctx) })
	settling.Go(func() { g.keepPresences(ctx) })
	defer settling.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case do := <-g.errands:
			do(ctx)
		case <-ticker.C:
			g.sweep(ctx)
			g.refresh(ctx)
		case <-missing.C:
			g.strikeOff()
		}
	}
}

// awayPace is the time between two clients that are sent away when Run ends, if there is time.
const awayPace = 2 * time.Millisecond

// awaySpread is over how long Drain sends clients away, if there is time: all come back elsewhere at once.
const awaySpread = 5 * time.Second

// Drain takes no new client from now on and tells those that are there to come back (ERROR draining), evenly with
// jitter over 5 s, or over half of Config.Drain if that is shorter. Until it is told a client is served as ever. Drain
// returns when all have been told or ctx ends; what is left then is for Run to end. It is called once, while Run runs.
func (g *Gateway) Drain(ctx context.Context) {
	all, begun := g.refuseNew()
	g.log.Info("gateway drains", "connections", len(all))
	slot := min(awaySpread, g.drain/2) / time.Duration(max(len(all), 1))
	for i, s := range all {
		at := begun.Add(slot*time.Duration(i) + rand.N(max(slot, 1)))
		if sleep(ctx, time.Until(at)) != nil {
			return
		}
		s.end(refuseDraining, "")
	}
}

// refuseNew begins the end: no client is taken in any more. It returns those that are there, in no order, and when it
// was called first.
func (g *Gateway) refuseNew() ([]*session, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining {
		g.draining, g.drains = true, time.Now()
	}
	return slices.Collect(maps.Keys(g.sessions)), g.drains
}

// sendAway ends all sessions and keepers.
func (g *Gateway) sendAway() {
	all, since := g.refuseNew()
	g.log.Info("gateway ends", "connections", len(all))
	over := time.NewTimer(time.Until(since.Add(g.drain)))
	defer over.Stop()
	done := make(chan struct{})
	go func() {
		g.open.Wait()
		g.pulses.Wait()
		g.keepers.Wait() // no session is left to give them anything
		close(done)
	}()
	begun := time.Now()
	pace := min(awayPace, g.drain/time.Duration(2*max(len(all), 1)))
	for i, s := range all {
		time.Sleep(time.Until(begun.Add(pace * time.Duration(i))))
		s.end(refuseDraining, "")
	}
	select {
	case <-done:
	case <-over.C:
		g.log.Warn("gateway cuts what did not end in time", "connections", g.Conns())
	}
	g.die()
	g.mu.Lock()
	for s := range g.sessions {
		s.ctx.end()
		if s.socket != nil {
			s.socket.conn.Close()
		}
	}
	g.mu.Unlock()
	<-done
	g.gatherer.end()
}
