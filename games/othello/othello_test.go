package othello_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type at struct {
	At string `json:"at"`
}

type view struct {
	Board        string
	Next         *string
	Moves        []string
	Black, White *string
	Over         *othello.Over
}

func begin(t *testing.T) *handlerstest.Room {
	t.Helper()
	room := handlerstest.New(t, othello.Game())
	if err := room.Join("ann", "bob"); err != nil {
		t.Fatal(err)
	}
	return room
}

func refused(t *testing.T, room *handlerstest.Room, user, typ string, body any, want string) {
	t.Helper()
	if got := handlerstest.Code(room.Send(user, typ, body)); got != want {
		t.Errorf("%s %v by %s: got code %q, want %q", typ, body, user, got, want)
	}
}

func TestAMoveIsTold(t *testing.T) {
	t.Parallel()
	room := begin(t)
	if err := room.Send("ann", "put", at{"d3"}); err != nil {
		t.Fatal(err)
	}
	room.Expect("bob", "$joined", "$joined", "started", "placed")
	const want = `{"at":"d3","color":"black","flipped":["d4"],"board":"...................b.......bb......bw...........................","next":"white","moves":["c3","e3","c5"],"turn_ms":120000}`
	if got := string(room.Last("bob").Body); got != want {
		t.Errorf("placed\n got %s\nwant %s", got, want)
	}
}

func TestStartedNamesTheSides(t *testing.T) {
	t.Parallel()
	room := begin(t)
	if got, want := string(room.Last("ann").Body), `{"black":"ann","white":"bob","turn_ms":120000}`; got != want {
		t.Errorf("started: got %s, want %s", got, want)
	}
	if !room.Begun() {
		t.Error("the room has not begun with the second player")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, othello.Game())
	room.Join("ann")
	refused(t, room, "ann", "put", at{"d3"}, "not_started")
	refused(t, room, "ann", "exit", nil, "not_started")
	refused(t, room, "bob", "put", at{"d3"}, "not_seated")
	room.Join("bob")
	refused(t, room, "bob", "put", at{"c3"}, "not_your_turn")
	refused(t, room, "ann", "put", at{"a1"}, "illegal_move")
	refused(t, room, "ann", "put", at{"d4"}, "illegal_move")
	refused(t, room, "ann", "put", at{"z9"}, "bad_square")
	refused(t, room, "ann", "put", nil, "bad_square")
	refused(t, room, "ann", "put", `{"at":1}`, "bad_message")
	refused(t, room, "ann", "jump", nil, "unknown_type")
	if got := handlerstest.Code(room.Seat("eve")); got != "room_full" {
		t.Errorf("third player: got code %q, want room_full", got)
	}
	var v view
	room.Snapshot("ann", &v)
	if v.Board != othello.Start().String() {
		t.Errorf("the board has changed: %s", v.Board)
	}
}

func TestAWholeGame(t *testing.T) {
	t.Parallel()
	room := begin(t)
	var v view
	moves, passes := 0, 0
	for !room.Ended() {
		room.Snapshot("ann", &v)
		user := *v.Black
		if *v.Next == "white" {
			user = *v.White
		}
		if err := room.Send(user, "put", at{v.Moves[moves%len(v.Moves)]}); err != nil {
			t.Fatal(err)
		}
		moves++
		if moves%7 == 0 && !room.Ended() {
			room.Restart()
		}
	}
	for _, out := range room.Sent() {
		if out.Type == "passed" {
			passes++
		}
	}
	seen := handlerstest.Types(room.For("bob"))
	if got, want := seen[len(seen)-3:], []string{"placed", "over", "$closed"}; !slices.Equal(got, want) {
		t.Errorf("the end: got %q, want %q", got, want)
	}
	var last struct {
		Board string
		Next  *string
	}
	var over othello.Over
	sent := room.For("bob")
	room.Decode(sent[len(sent)-3], &last)
	room.Decode(sent[len(sent)-2], &over)
	black, white := count(last.Board, 'b'), count(last.Board, 'w')
	if last.Next != nil || over.Reason != "finished" || over.Black != black || over.White != white || black+white != moves+4 {
		t.Errorf("got %+v after %d moves and %d passes with the board %s, next %v", over, moves, passes, last.Board, last.Next)
	}
	var wins, exp int64
	for _, a := range room.Awards() {
		wins, exp = wins+a.Win, exp+a.Exp
	}
	if len(room.Awards()) != 2 || over.Winner != "draw" && (wins != 1 || exp != 13) || over.Winner == "draw" && (wins != 0 || exp != 10) {
		t.Errorf("awards for winner %s: %+v", over.Winner, room.Awards())
	}
}

func count(board string, disc rune) (n int) {
	for _, d := range board {
		if d == disc {
			n++
		}
	}
	return n
}

// The shortest game: white has no disc after nine moves.
func TestAGameWithoutMovesLeftEndsEarly(t *testing.T) {
	t.Parallel()
	room := begin(t)
	users := []string{"ann", "bob"}
	for i, sq := range []string{"e6", "f4", "e3", "f6", "g5", "d6", "e7", "f5", "c5"} {
		if err := room.Send(users[i%2], "put", at{sq}); err != nil {
			t.Fatalf("move %d %s: %v", i+1, sq, err)
		}
	}
	var over othello.Over
	sent := room.For("ann")
	room.Decode(sent[len(sent)-2], &over)
	if want := (othello.Over{Winner: "black", Black: 13, White: 0, Reason: "finished"}); over != want {
		t.Errorf("got %+v, want %+v", over, want)
	}
}

func TestASideWithoutMovePasses(t *testing.T) {
	t.Parallel()
	room := begin(t)
	users := map[string]string{"black": "ann", "white": "bob"}
	// Always the first square that is legal: that game has a pass.
	for !room.Ended() {
		var v view
		room.Snapshot("ann", &v)
		if err := room.Send(users[*v.Next], "put", at{v.Moves[0]}); err != nil {
			t.Fatal(err)
		}
		sent := room.Sent()
		out := sent[len(sent)-1]
		if out.Type != "passed" {
			continue
		}
		var placed, passed struct {
			Color, Next string
			Moves       []string
		}
		room.Decode(sent[len(sent)-2], &placed)
		room.Decode(out, &passed)
		if passed.Color != placed.Next || passed.Next != placed.Color || len(placed.Moves) != 0 || len(passed.Moves) == 0 {
			t.Errorf("placed %+v, then passed %+v", placed, passed)
		}
		return
	}
	t.Error("the game had no pass; choose other moves")
}

func TestWhoGoesLoses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason, winner string
		do             func(*handlerstest.Room)
	}{
		"exit":       {"exit", "white", func(r *handlerstest.Room) { r.Send("ann", "exit", nil) }},
		"leave":      {"exit", "black", func(r *handlerstest.Room) { r.Leave("bob") }},
		"lost":       {"timeout", "black", func(r *handlerstest.Room) { r.Detach("bob"); r.Advance(time.Minute) }},
		"slow":       {"timeout", "white", func(r *handlerstest.Room) { r.Advance(othello.TurnTime) }},
		"slow white": {"timeout", "black", func(r *handlerstest.Room) { r.Send("ann", "put", at{"d3"}); r.Advance(othello.TurnTime) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := begin(t)
			c.do(room)
			sent := room.Sent()
			if got, want := handlerstest.Types(sent[len(sent)-2:]), []string{"over", "$closed"}; !slices.Equal(got, want) {
				t.Fatalf("the end: got %q, want %q", got, want)
			}
			var over othello.Over
			room.Decode(sent[len(sent)-2], &over)
			if over.Winner != c.winner || over.Reason != c.reason {
				t.Errorf("got %+v, want winner %s, reason %s", over, c.winner, c.reason)
			}
			winner, loser := handlers.Award{User: "ann", Exp: 10, Gold: 10, Win: 1}, handlers.Award{User: "bob", Exp: 3, Lose: 1}
			if c.winner == "white" {
				winner.User, loser.User = "bob", "ann"
			}
			if got := room.Awards(); len(got) != 2 || !slices.Contains(got, winner) || !slices.Contains(got, loser) {
				t.Errorf("awards: got %+v, want %+v and %+v", got, winner, loser)
			}
			for _, s := range room.Scores() {
				if want := map[string]int64{winner.User: 3, loser.User: 0}[s.User]; s.Value != want || s.Mode != "" {
					t.Errorf("score: got %+v, want %d", s, want)
				}
			}
			if got := room.Outcomes(); len(got) != 1 || len(room.Scores()) != 2 || len(got[0].Sides) != 2 {
				t.Errorf("got %d scores, outcomes %+v", len(room.Scores()), got)
			}
			for _, side := range room.Outcomes()[0].Sides {
				if want := map[string]int{winner.User: 1, loser.User: 2}[side.Users[0]]; side.Place != want {
					t.Errorf("side: got %+v, want place %d", side, want)
				}
			}
		})
	}
}

func TestEachMoveGivesTheNextSideItsFullTime(t *testing.T) {
	t.Parallel()
	room := begin(t)
	room.Advance(othello.TurnTime - time.Second)
	if err := room.Send("ann", "put", at{"d3"}); err != nil {
		t.Fatal(err)
	}
	room.Restart()
	room.Advance(othello.TurnTime - time.Second)
	if room.Ended() {
		t.Error("white lost its game by black's time")
	}
	room.Advance(time.Second)
	if !room.Ended() {
		t.Error("white's time is over, and the game goes on")
	}
}

func TestASideIsFreeAgainBeforeTheStart(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, othello.Game())
	room.Join("ann")
	room.Leave("ann")
	if !room.Empty() || room.Ended() {
		t.Errorf("after the only player left: empty %v, ended %v; want true, false", room.Empty(), room.Ended())
	}
	room.Join("bob", "cid")
	if got, want := string(room.Last("bob").Body), `{"black":"bob","white":"cid","turn_ms":120000}`; got != want {
		t.Errorf("started: got %s, want %s", got, want)
	}
}

func TestSyncGivesTheSenderASnapshot(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, othello.Game())
	room.Join("ann")
	if err := room.Send("ann", "sync", `{}`); err != nil {
		t.Fatal(err)
	}
	out := room.Last("ann")
	want := `{"board":"` + othello.Start().String() + `","next":null,"moves":[],"black":"ann","white":null,"over":null,"players":[{"id":"ann","name":"ann","online":true}]}`
	if out.Type != "$snapshot" || string(out.Body) != want || out.Request != 1 || !slices.Equal(out.To, []string{"ann"}) {
		t.Errorf("got %+v %s\nwant %s", out, out.Body, want)
	}
}

func TestTheSnapshotTellsTheTimeThatIsLeft(t *testing.T) {
	t.Parallel()
	room := begin(t)
	if err := room.Send("ann", "put", at{"d3"}); err != nil {
		t.Fatal(err)
	}
	room.Advance(45 * time.Second)
	room.Restart()
	if err := room.Send("bob", "sync", struct{}{}); err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Next   string `json:"next"`
		TurnMS int64  `json:"turn_ms"`
	}
	if err := json.Unmarshal(room.Last("bob").Body, &shown); err != nil {
		t.Fatal(err)
	}
	if want := (othello.TurnTime - 45*time.Second).Milliseconds(); shown.TurnMS != want || shown.Next != "white" {
		t.Errorf("got %+v, want %d ms for white", shown, want)
	}
}
