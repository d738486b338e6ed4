package worker_test

import (
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// A spectator is one for every worker that has the room, resumes as players do, and goes with the last of these.
func TestASpectatorStaysOneOverATakeover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{Spectators: 1}, 0))
	w.account("ann")
	w.account("eve")
	opening, err := w.game.Open("r", nil, time.Now())
	if err == nil {
		err = w.store.CreateRoom(t.Context(), store.Room{
			ID: "r", Game: w.game.Name(), Version: w.game.Version(), Capacity: 1, MaxSpectators: 1, CreatedAt: time.Now(),
		}, opening.Memory, "ann")
	}
	if err == nil {
		err = w.broker.Open(t.Context(), broker.Spec{Room: "r"})
	}
	if err == nil {
		_, err = w.store.TakeSpectatorSeat(t.Context(), "r", "eve", time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	attach := func(attempt string, resume broker.Position) {
		w.tell(&broker.Message{
			Room: "r", Kind: broker.Attach, User: "eve", Name: "eve", Conn: "eve-1", Attempt: attempt, Resume: resume, Reason: broker.ReasonSpectator,
		})
	}
	w.listen("r")
	first := w.start(nil, nil)
	w.join("r", "ann")
	w.tell(&broker.Message{Room: "r", Kind: broker.Join, User: "eve", Name: "eve", Reason: broker.ReasonSpectator})
	attach("one", broker.Position{})
	w.awaitPart(broker.Snapshot, 1)
	if seat, err := w.store.Seat(t.Context(), "r", "eve"); err != nil || seat.State != store.Seated || !seat.Spectator {
		t.Errorf("eve's seat is %+v, %v; want it seated, of a spectator", seat, err)
	}
	w.say("r", "ann", 1, "add", said{})
	w.awaitType("added", 1)
	if err := first.kill(); err == nil {
		t.Fatal("the first worker did not die")
	}
	w.start(nil, nil)
	attach("two", broker.Position{Epoch: 1, N: 2}) // $joined of ann and of eve
	if got := w.awaitPart(broker.Replay, 1)[0]; got.Type != "added" || got.Attempt != "two" {
		t.Errorf("replayed %s for %s, want added for two", got.Type, got.Attempt)
	}
	w.awaitPart(broker.Live, 1)
	w.say("r", "eve", 1, "add", said{})
	if got := ofType(t, w.awaitType("error", 1), "error")[0]; got.Code != handlers.CodeSpectator || !got.Answers("eve") {
		t.Errorf("got the code %q for %q, want %q for eve", got.Code, got.To, handlers.CodeSpectator)
	}
	if r := w.record("r"); r.Players != 1 || r.Spectators != 1 {
		t.Errorf("the room has %d players and %d spectators, want one each", r.Players, r.Spectators)
	}
	if err := w.store.GiveUpSeat(t.Context(), "r", "ann", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.tell(&broker.Message{Room: "r", Kind: broker.Leave, User: "ann", Reason: "left"})
	heard := w.awaitType(broker.TypeClosed, 1)
	left := ofType(t, heard, "$left")
	if len(left) != 2 || left[0].Unseat != "ann" || left[1].Unseat != "eve" || !left[1].MayHear("eve") || left[1].MayHear("ann") {
		t.Errorf("heard %s", show(left))
	}
	if seats, err := w.store.SeatsOf(t.Context(), "eve"); err != nil || len(seats) > 0 {
		t.Errorf("eve still has %v, %v", seats, err)
	}
}
