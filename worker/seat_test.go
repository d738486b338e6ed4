package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// What a room is told of seats comes late, twice, or not at all: in the end it is as the store says.

// seats is a world with a room where ann and bob are in.
func seats(t *testing.T, spectators int) *world {
	t.Helper()
	w := newWorld(t, tallyGame(handlers.Policy{Spectators: spectators}, 0))
	w.account("ann")
	w.account("bob")
	opening, err := w.game.Open("r", nil, time.Now())
	if err == nil {
		err = w.store.CreateRoom(t.Context(), store.Room{
			ID: "r", Game: w.game.Name(), Version: w.game.Version(), Capacity: 2, MaxSpectators: spectators, CreatedAt: time.Now(),
		}, opening.Memory, "ann")
	}
	if err == nil {
		err = w.broker.Open(t.Context(), broker.Spec{Room: "r"})
	}
	if err != nil {
		t.Fatal(err)
	}
	w.listen("r")
	w.start(nil, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)
	return w
}

func (w *world) takeSeat(user string) {
	w.t.Helper()
	if _, err := w.store.TakeSeat(w.t.Context(), "r", user, time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) giveUpSeat(user string) {
	w.t.Helper()
	if err := w.store.GiveUpSeat(w.t.Context(), "r", user, time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) leave(user string) {
	w.t.Helper()
	w.tell(&broker.Message{Room: "r", Kind: broker.Leave, User: user, Reason: "left"})
}

// settled waits until the room has played and committed what it was told.
func (w *world) settled(seq uint64) {
	w.t.Helper()
	w.say("r", "ann", seq, "add", said{})
	w.awaitType("added", int(seq))
}

// sits checks a user's seat; "" for none.
func (w *world) sits(user string, want store.SeatState) {
	w.t.Helper()
	seat, err := w.store.Seat(w.t.Context(), "r", user)
	if seat.State != want {
		w.t.Errorf("%s's seat is %q, %v; want %q", user, seat.State, err, want)
	}
}

// tellPending tells the room again of the seats that wait for it, as a lobby does.
func (w *world) tellPending() {
	w.t.Helper()
	pending, err := w.store.PendingSeats(w.t.Context(), time.Now().Add(time.Hour), 10)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, seat := range pending {
		m := &broker.Message{Room: seat.Room, Kind: broker.Join, User: seat.User, Name: seat.Name}
		switch {
		case seat.State == store.Leaving:
			m.Kind = broker.Leave
		case seat.Spectator:
			m.Reason = broker.ReasonSpectator
		}
		w.tell(m)
	}
}

func TestALeaveToldTwiceLeavesTheSeatTakenAgain(t *testing.T) {
	t.Parallel()
	w := seats(t, 0)
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(1)
	w.giveUpSeat("bob")
	w.takeSeat("bob")
	for n := range uint64(2) {
		w.leave("bob")
		w.settled(2 + n)
		w.sits("bob", store.Joining)
	}
	w.join("r", "bob")
	w.settled(4)
	w.sits("bob", store.Seated)
	if r := w.record("r"); r.Players != 2 {
		t.Errorf("the room has %d players, want 2", r.Players)
	}
}

func TestALeaveToldTooLateCostsNoSeat(t *testing.T) {
	t.Parallel()
	w := seats(t, 0)
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(1)
	w.giveUpSeat("bob")
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(2)
	w.sits("bob", store.Seated)
	w.leave("bob")
	w.settled(3)
	w.tellPending()
	w.settled(4)
	w.sits("bob", store.Seated)
	w.say("r", "bob", 1, "ask", said{})
	w.awaitType("told", 1)
	w.giveUpSeat("bob")
	w.leave("bob")
	w.settled(5)
	w.tellPending()
	w.settled(6)
	w.sits("bob", "")
	if r := w.record("r"); r.Players != 1 {
		t.Errorf("the room has %d players, want 1", r.Players)
	}
}

// A gateway has looked the seat up before it was given up, or the player was banned.
func TestAnAttachOfWhomNoSeatIsLeftTakesNobodyIn(t *testing.T) {
	t.Parallel()
	w := seats(t, 0)
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(1)
	w.giveUpSeat("bob")
	w.leave("bob")
	w.settled(2)
	w.attach("r", "bob", "bob-1", "late", broker.Position{})
	w.settled(3)
	heard := w.awaitType("added", 3)
	if n := len(ofType(t, heard, "$joined")); n != 2 || answers(heard, "late") != "" {
		t.Errorf("got %d joinings and the answer %q, want 2 and none; heard %s", n, answers(heard, "late"), show(heard))
	}
	w.takeSeat("bob")
	w.attach("r", "bob", "bob-1", "again", broker.Position{})
	w.awaitType("$joined", 3)
	w.awaitPart(broker.Snapshot, 1)
	w.sits("bob", store.Seated)
}

func (w *world) watch(user string) {
	w.t.Helper()
	if _, err := w.store.TakeSpectatorSeat(w.t.Context(), "r", user, time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) joinAsSpectator(user string) {
	w.t.Helper()
	w.tell(&broker.Message{Room: "r", Kind: broker.Join, User: user, Name: user, Reason: broker.ReasonSpectator})
}

// plays checks that the user has a say in the room, or is refused as a spectator.
func (w *world) plays(user string, want bool) {
	w.t.Helper()
	before := len(ofType(w.t, w.await("anything", func([]*broker.Output) bool { return true }), "error"))
	w.say("r", user, 1, "ask", said{})
	got := w.await("an answer", func(heard []*broker.Output) bool {
		return len(ofType(w.t, heard, "error")) > before || len(ofType(w.t, heard, "told")) > 0
	})
	if plays := len(ofType(w.t, got, "told")) > 0; plays != want {
		w.t.Errorf("%s plays: got %t, want %t; heard %s", user, plays, want, show(got))
	}
}

// The lobby dies before it has told the room that a spectator plays; a word of the spectator's connection is still on its way.
func TestASpectatorWhoPlaysIsTold(t *testing.T) {
	t.Parallel()
	w := seats(t, 1)
	w.watch("bob")
	w.joinAsSpectator("bob")
	w.settled(1)
	w.takeSeat("bob")
	w.tell(&broker.Message{
		Room: "r", Kind: broker.Attach, User: "bob", Name: "bob", Conn: "bob-1", ConnSeq: 1, Attempt: "one", Reason: broker.ReasonSpectator,
	})
	w.joinAsSpectator("bob")
	w.settled(2)
	w.tellPending()
	w.settled(3)
	w.sits("bob", store.Seated)
	w.plays("bob", true)
}

// The lobby dies before it has told the room that a player left, who watches then.
func TestAPlayerWhoWatchesPlaysNoMore(t *testing.T) {
	t.Parallel()
	w := seats(t, 1)
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(1)
	w.giveUpSeat("bob")
	w.watch("bob")
	w.tellPending()
	w.settled(2)
	w.tellPending()
	w.settled(3)
	w.sits("bob", store.Seated)
	w.plays("bob", false)
	left := ofType(t, w.awaitType("$left", 1), "$left")
	if len(left) != 1 || left[0].Unseat != "bob" || !left[0].MayHear("ann") {
		t.Errorf("heard %s, want that bob left", show(left))
	}
}

func TestAJoinOfAPlayerThatComesLateMakesNoneOfASpectator(t *testing.T) {
	t.Parallel()
	w := seats(t, 1)
	w.takeSeat("bob")
	w.join("r", "bob")
	w.settled(1)
	w.giveUpSeat("bob")
	w.leave("bob")
	w.watch("bob")
	w.joinAsSpectator("bob")
	w.settled(2)
	w.join("r", "bob")
	w.attach("r", "bob", "bob-1", "late", broker.Position{})
	w.settled(3)
	w.sits("bob", store.Seated)
	w.plays("bob", false)
}

// Whom the room has told once that it is in may come to listen as often as it likes: no seat waits for that, and nothing has to be kept.
func TestAnAttachOfWhomASeatWasToldNeedsNoCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tallyGame(handlers.Policy{Keep: handlers.Checkpointed{Every: time.Hour}}, 0))
	w.room("r", "ann", "bob")
	w.listen("r")
	var seated [][]string // by commit
	p := w.start(func(p *process) {
		p.beforeCommit = func(c *store.Commit) error {
			seated = append(seated, c.Seated)
			return nil
		}
	}, nil)
	w.join("r", "ann")
	w.awaitType("$joined", 1)
	for n := range 5 {
		w.attach("r", "ann", fmt.Sprint("ann-", n), fmt.Sprint(n), broker.Position{})
		w.awaitPart(broker.Snapshot, n+1)
	}
	told := p.commits.Load()
	w.attach("r", "bob", "bob-1", "new", broker.Position{}) // nobody has told the room of bob
	w.awaitType("$joined", 2)
	p.end()
	if told != 1 || len(seated) < 2 || fmt.Sprint(seated[:2]) != "[[ann] [bob]]" {
		t.Errorf("got %d commits for who was told, and commits for %v seated; want 1, and the first ones for ann and bob", told, seated)
	}
}
