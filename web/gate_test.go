package web_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

// gate is shut for all but bob.
type gate struct{ shut atomic.Bool }

func (g *gate) Shut(user string) bool {
	return g.shut.Load() && !slices.Contains([]string{"bob"}, user)
}

func TestAShutGateLetsNobodyBe(t *testing.T) {
	g := &gate{}
	play(t, web.Config{Gate: g}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		g.shut.Store(true)
		time.Sleep(time.Second)
		ann.refused("maintenance", websocket.StatusTryAgainLater)
		s := b.socket()
		s.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		s.refused("maintenance", websocket.StatusTryAgainLater)
		r.say("still here")
		bob.expect("MESSAGE", "message-id", "1-1")
		g.shut.Store(false)
		r.next(broker.Detach)
		b.subscribed(r, "ann")
	})
}
