package handlers

import (
	"fmt"
	"time"
)

// Tick registers fn to be called perSecond times a second, 1 to 100, while somebody is online in the room. It is for
// games that are Checkpointed or Ephemeral: say so with [Game.WithPolicy] before.
func Tick[S any](g *Game[S], perSecond int, fn func(room *Room, state *S) error) {
	g.mayRegister("Tick")
	g.checkOnce("Tick", fn == nil, g.tick != nil)
	if perSecond < 1 || perSecond > 100 {
		panic(fmt.Sprintf("game %q: handlers.Tick(%d); write 1 to 100 ticks a second", g.name, perSecond))
	}
	if _, durable := g.policy.Keep.(Durable); durable {
		panic(g.durableTick())
	}
	g.tickEvery = time.Second / time.Duration(perSecond)
	g.tick = func(room *Room) error {
		room.touched = true
		return fn(room, room.state.(*S))
	}
}

func (r *rules) durableTick() string {
	return fmt.Sprintf("game %q ticks and is Durable, which would commit every tick; write WithPolicy(handlers.Policy{Keep: handlers.Checkpointed{}}) before Tick, or use After for single moments", r.name)
}

// Joined registers fn for players who come into the room; they are members already, and others are told by $joined. An
// error lets the player go again: with [Reject] it is told why.
func Joined[S any](g *Game[S], fn func(room *Room, state *S, p Player) error) {
	setHook(g, "Joined", &g.joined, fn)
}

// Left registers fn for players who have left; they are no members any more, and others are told by $left.
// [Room.Reason] says why: "timeout" when a lost connection did not come back in time. The player stays gone whatever
// fn returns.
func Left[S any](g *Game[S], fn func(room *Room, state *S, p Player) error) {
	setHook(g, "Left", &g.left, fn)
}

// Suspended registers fn for members whose connection is gone. They keep their seat for the policy's Grace, whatever fn
// returns.
func Suspended[S any](g *Game[S], fn func(room *Room, state *S, p Player) error) {
	setHook(g, "Suspended", &g.suspended, fn)
}

// Resumed registers fn for suspended members who are back. They are online whatever fn returns.
func Resumed[S any](g *Game[S], fn func(room *Room, state *S, p Player) error) {
	setHook(g, "Resumed", &g.resumed, fn)
}

func setHook[S any](g *Game[S], call string, h *hook, fn func(*Room, *S, Player) error) {
	g.mayRegister(call)
	g.checkOnce(call, fn == nil, *h != nil)
	*h = func(room *Room, p Player) error {
		room.touched = true
		return fn(room, room.state.(*S), p)
	}
}

// Snapshot registers fn to tell the room as user may see it: the body of $snapshot, at most [MaxSnapshot] bytes. A client
// that begins to listen, or has missed too much, starts from it. fn may change nothing: not the state, and neither Send
// nor the like work in it. Without it the body is {"players":[{"id","name","online"}]}.
func Snapshot[S any](g *Game[S], fn func(room *Room, state *S, user string) (any, error)) {
	g.mayRegister("Snapshot")
	g.checkOnce("Snapshot", fn == nil, g.snapshot != nil)
	g.snapshot = func(room *Room, user string) (any, error) { return fn(room, room.state.(*S), user) }
}
