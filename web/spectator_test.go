package web_test

import (
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

func TestSpectatorsSeeAndMayNotSend(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		b.desk.set(func() { b.desk.watching = map[string]bool{"r1 ann": true} })
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		if m := r.next(broker.Attach); m.Reason != broker.ReasonSpectator || m.User != "ann" {
			t.Errorf("the room is told %+v, want an attach of a spectator", m)
		}
		ann.message("$snapshot", "all of it")
		r.say("to all")
		ann.message("said", "to all")
		ann.send("SEND\ndestination:/queue/room.r1\ntype:a\nseq:4\nreceipt:9\n\n\x00")
		ann.message("error", `{"code":"spectator","message":"spectators may not send; join the room first"}`,
			"code", "spectator", "request", "4", "receipt-id", "9", "subscription", "s1")
		r.quiet()

		// A worker that has the room anew hears of it as a spectator again.
		r.line(&broker.Output{Type: "$suspended", To: []string{"ann"}, Body: []byte(`{"user":"ann"}`)})
		ann.message("$suspended", `{"user":"ann"}`)
		if m := r.next(broker.Attach); m.Reason != broker.ReasonSpectator {
			t.Errorf("attached again with the reason %q", m.Reason)
		}
		ann.message("$snapshot", "all of it")

		// It joins, and speaks by the same subscription.
		b.desk.set(func() { b.desk.watching = nil })
		ann.send("SEND\ndestination:/queue/room.r1\ntype:a\nseq:5\nreceipt:10\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "10")
		if m := r.next(broker.Say); m.Seq != 5 {
			t.Errorf("got %+v", m)
		}
		ann.silent()
	})
}

func TestASpectatorWithoutASubscriptionMayNotSend(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		b.desk.set(func() { b.desk.watching = map[string]bool{"r1 ann": true} })
		ann := b.signIn("ann")
		ann.send("SEND\ndestination:/queue/room.r1\ntype:a\n\n\x00")
		ann.refused("spectator", 1008)
		r.quiet()
	})
}
