package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

// quietBench is a bench whose connections wait in the lot as soon as they are quiet.
func quietBench(t *testing.T) *bench {
	b := overTCP(t)
	b.gateway.ParkAfter(time.Nanosecond)
	return b
}

// parked waits until so many wait in the lot.
func (b *bench) parked(want int) {
	b.Helper()
	if !web.HasLot {
		return
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for b.gateway.Parked() != want {
		select {
		case <-tick.C:
		case <-b.Context().Done():
			b.Fatal("the test is over")
		}
	}
}

func TestWhoIsQuietWaitsWithoutAGoroutineAndMissesNothing(t *testing.T) {
	t.Parallel()
	const players = 20
	b := quietBench(t)
	for i := range players {
		user := fmt.Sprint("u", i)
		b.desk.signIn(user, "s-"+user)
		b.desk.set(func() { b.desk.seats["r1 "+user] = true })
	}
	r := b.open()
	var clients []*client
	for i := range players {
		clients = append(clients, b.subscribed(r, fmt.Sprint("u", i)))
	}
	for round := range 2 {
		b.parked(players)
		r.line(&broker.Output{Type: "news", Body: []byte(fmt.Sprint(round))})
		for i, c := range clients {
			c.message("news", fmt.Sprint(round))
			c.send("\n") // a heart-beat
			c.send(fmt.Sprintf("SEND\ndestination:/queue/room.r1\ntype:chat\nreceipt:%d\n\n%d\x00", i, i))
			c.expect("RECEIPT", "receipt-id", fmt.Sprint(i))
			if m := r.next(broker.Say); string(m.Body) != fmt.Sprint(i) {
				t.Fatalf("got %q from %d", m.Body, i)
			}
		}
	}
}

func TestWhoWaitsInTheLotCanGoAndBeSentAway(t *testing.T) {
	t.Parallel()
	b := quietBench(t)
	for _, user := range []string{"ann", "bob", "cy"} {
		b.desk.signIn(user, "s-"+user)
		b.desk.set(func() { b.desk.seats["r1 "+user] = true })
	}
	r := b.open()
	ann, bob, cy := b.subscribed(r, "ann"), b.subscribed(r, "bob"), b.subscribed(r, "cy")
	b.parked(3)

	ann.conn.CloseNow() // without a word
	if m := r.next(broker.Detach); m.User != "ann" || m.Reason != broker.ReasonLost {
		t.Errorf("got %+v, want ann lost", m)
	}
	b.desk.signIn("bob", "s-bob")
	again := b.signIn("bob")
	bob.refused("session_replaced", 1008)
	if m := r.next(broker.Detach); m.User != "bob" {
		t.Errorf("got %+v, want bob gone", m)
	}
	b.parked(2)
	again.send("DISCONNECT\nreceipt:1\n\n\x00")
	again.expect("RECEIPT", "receipt-id", "1")
	again.ends(1000, "disconnect")
	cy.send("DISCONNECT\nreceipt:2\n\n\x00")
	cy.expect("RECEIPT", "receipt-id", "2")
	cy.ends(1000, "disconnect")
	b.parked(0)
}

func TestWhoWaitsInTheLotIsCutAtTheEnd(t *testing.T) {
	t.Parallel()
	b := quietBench(t)
	b.desk.signIn("ann", "s-ann")
	b.desk.seats["r1 ann"] = true
	r := b.open()
	b.subscribed(r, "ann")
	b.parked(1)
	// The gateway ends with the test, and waits for all that it has begun.
}

// A line end between frames may be cut in two, with a wait in the lot in between.
func TestALineEndThatIsCutIsNoHeartBeat(t *testing.T) {
	t.Parallel()
	b := quietBench(t)
	b.desk.signIn("ann", "s-ann")
	b.desk.seats["r1 ann"] = true
	r := b.open()
	ann := b.subscribed(r, "ann")
	for i := range 2 {
		ann.send(fmt.Sprintf("SEND\ndestination:/queue/room.r1\ntype:chat\nreceipt:%d\n\n%d\x00\r", i, i))
		ann.expect("RECEIPT", "receipt-id", fmt.Sprint(i))
		if m := r.next(broker.Say); string(m.Body) != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", m.Body, i)
		}
		b.parked(1)
		ann.send("\n")
	}
}
