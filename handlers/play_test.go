package handlers_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// board is the state of the game that most tests play.
type board struct {
	N    int
	Said []string
	F    float64
}

// play is a game whose messages do what its tests need.
func play(p handlers.Policy) *handlers.Game[board] {
	p.Boards = []handlers.Board{{}}
	g := handlers.New("play", func() *board { return &board{} }).WithPolicy(p)
	handlers.On(g, "add", func(room *handlers.Room, b *board, n int) error {
		b.N += n
		return room.Send("sum", b.N)
	})
	handlers.On(g, "say", func(_ *handlers.Room, b *board, text string) error {
		b.Said = append(b.Said, text)
		return nil
	})
	handlers.On(g, "fail", func(room *handlers.Room, b *board, how string) error {
		b.N, b.Said = -1, append(b.Said, "half")
		room.Begin()
		room.Award(handlers.Award{User: room.From(), Gold: 1})
		room.Grant(room.From(), "hat", 1)
		room.Score(handlers.Score{User: room.From(), Value: 1})
		room.Outcome(handlers.Outcome{Sides: []handlers.Side{{Place: 1, Users: []string{"ann"}}, {Place: 2, Users: []string{"bob"}}}})
		if err := room.After(time.Second, "bell", nil); err != nil {
			return err
		}
		if err := room.Send("half", nil); err != nil {
			return err
		}
		switch how {
		case "reject":
			return fmt.Errorf("wrapped: %w", handlers.Reject("no_way", "not like this"))
		case "error":
			return errors.New("broken")
		}
		panic("broken")
	})
	handlers.On(g, "nan", func(_ *handlers.Room, b *board, _ struct{}) error {
		b.F = math.NaN()
		return nil
	})
	handlers.OnTimer(g, "bell", func(room *handlers.Room, b *board, text string) error {
		b.N++
		return room.Send("rang", text)
	})
	handlers.On(g, "ring", func(room *handlers.Room, _ *board, d time.Duration) error {
		return room.After(d, "bell", "ding")
	})
	handlers.On(g, "hush", func(room *handlers.Room, _ *board, _ struct{}) error {
		room.Cancel("bell")
		return nil
	})
	handlers.On(g, "end", func(room *handlers.Room, _ *board, _ struct{}) error {
		room.End()
		return room.Send("bye", nil)
	})
	handlers.Snapshot(g, func(_ *handlers.Room, b *board, _ string) (any, error) { return b, nil })
	return g
}

func stateOfRoom(t *testing.T, room *handlerstest.Room) (b board) {
	t.Helper()
	room.Snapshot("ann", &b)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFailedMessageLeavesTheRoomAsItWas(t *testing.T) {
	t.Parallel()
	for how, code := range map[string]string{"reject": "no_way", "error": "internal", "panic": "internal"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			room := handlerstest.New(t, play(handlers.Policy{}))
			room.Join("ann", "bob")
			must(t, room.Send("ann", "add", 5))
			must(t, room.Send("bob", "say", `"hello"`))
			res := room.Play(handlers.Event{Type: "fail", User: "ann", Seq: 9, Body: []byte(`"` + how + `"`)})
			if got := stateOfRoom(t, room); got.N != 5 || len(got.Said) != 1 {
				t.Errorf("state: got %+v, want 5 and one word", got)
			}
			if len(res.Awards)+len(res.Grants)+len(res.Scores)+len(res.Outcomes) > 0 || res.Begun || len(res.Outputs) != 1 {
				t.Errorf("got %+v, want one output and nothing else", res)
			}
			out := room.Last("ann")
			if out.Type != "error" || out.Code != code || out.Request != 9 || len(out.To) != 1 || out.To[0] != "ann" {
				t.Errorf("got %+v, want error %s to ann for 9", out, code)
			}
			if panicked, ok := errors.AsType[*handlers.PanicError](res.Failure); ok != (how == "panic") || ok && len(panicked.Stack) == 0 {
				t.Errorf("failure: got %v", res.Failure)
			}
			if (res.Refused == code) != (how == "reject") || (res.Failure == nil) != (how == "reject") {
				t.Errorf("refused %q, failure %v", res.Refused, res.Failure)
			}
			again := room.Play(handlers.Event{Type: "fail", User: "ann", Seq: 9, Body: []byte(`"` + how + `"`)})
			if !again.Duplicate || again.Changed || len(again.Outputs) != 0 {
				t.Errorf("second copy: got %+v, want a duplicate", again)
			}
			room.Advance(time.Minute) // the timer is undone, too
			room.Restart()
			room.Expect("bob", "$joined", "$joined", "sum")
		})
	}
}

func TestUndoReachesBackOverManyMessages(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{Keep: handlers.Checkpointed{}}))
	room.Join("ann")
	for i := range 1000 {
		must(t, room.Send("ann", "add", 1))
		if i%97 == 0 && room.Send("ann", "fail", `"error"`) == nil {
			t.Fatal("fail did not fail")
		}
	}
	if got := stateOfRoom(t, room).N; got != 1000 {
		t.Errorf("got %d, want 1000", got)
	}
	room.Restart()
}

func TestRefusalsOfTheEngine(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{}))
	room.Join("ann")
	for want, send := range map[string]func() error{
		"unknown_type": func() error { return room.Send("ann", "nothing", nil) },
		"bad_message":  func() error { return room.Send("ann", "add", `"x"`) },
		"not_seated":   func() error { return room.Send("eve", "add", 1) },
	} {
		if got := handlerstest.Code(send()); got != want {
			t.Errorf("got code %q, want %q", got, want)
		}
	}
	for name, body := range map[string]string{"garbage": "{", "trailing": "1 2", "large": strings.Repeat(" ", handlers.MaxBody) + "1"} {
		if got := handlerstest.Code(room.Send("ann", "add", body)); got != handlers.CodeBadMessage {
			t.Errorf("%s: got code %q, want bad_message", name, got)
		}
	}
	must(t, room.Send("ann", "add", nil)) // an empty body is zero
	if got := string(room.Last("ann").Body); got != "0" {
		t.Errorf("empty body: got sum %s, want 0", got)
	}
}

func TestAStrangerLeavesNoTrace(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{}))
	res := room.Play(handlers.Event{Type: "add", User: "eve", Seq: 3, Body: []byte("1")})
	if res.Changed || res.Refused != handlers.CodeNotSeated || room.Last("eve").Request != 3 {
		t.Errorf("got %+v", res)
	}
}

func TestATypeInTheBodyCountsWhereNoneIsGiven(t *testing.T) {
	t.Parallel()
	g := newArena()
	handlers.On(g, "move", onMove)
	room := handlerstest.New(t, g)
	room.Join("ann")
	must(t, room.Send("ann", "", `{"type":"move","X":3,"Y":4}`))
	if got, want := string(room.Last("ann").Body), `{"X":3,"Y":4}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMessagesAreHandledOnce(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{}))
	room.Join("ann")
	say := func(seq uint64, conn string, connSeq uint64) bool {
		return room.Play(handlers.Event{Type: "add", User: "ann", Seq: seq, Conn: conn, ConnSeq: connSeq, Body: []byte("1")}).Duplicate
	}
	for i, c := range []struct {
		seq     uint64
		conn    string
		connSeq uint64
		want    bool
	}{
		{1, "a", 1, false}, {1, "b", 1, true}, {2, "a", 1, true}, {2, "a", 2, false}, {0, "a", 2, true}, {0, "a", 3, false},
		{0, "", 0, false}, {0, "", 0, false}, {7, "b", 2, false}, {3, "b", 3, true},
		{0, "c", 1, false}, {0, "d", 1, false}, {0, "a", 3, true},
		{0, "e", 1, false}, {0, "a", 3, false}, // a was the fifth last
	} {
		if got := say(c.seq, c.conn, c.connSeq); got != c.want {
			t.Errorf("message %d %+v: got duplicate %v", i, c, got)
		}
		room.Restart()
	}
}

func TestTimers(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{}))
	room.Join("ann")
	must(t, room.Send("ann", "ring", 10*time.Second))
	room.Advance(9 * time.Second)
	room.Restart()
	room.Expect("ann", "$joined")
	room.Advance(time.Second)
	room.Expect("ann", "rang")
	if out := room.Last("ann"); out.From != "" || string(out.Body) != `"ding"` || !out.Time.Equal(handlerstest.Start.Add(10*time.Second)) {
		t.Errorf("got %+v with %s", out, out.Body)
	}
	must(t, room.Send("ann", "ring", time.Second))
	must(t, room.Send("ann", "ring", 3*time.Second)) // in place of the first
	room.Advance(2 * time.Second)
	room.Expect("ann")
	must(t, room.Send("ann", "hush", nil))
	room.Advance(time.Minute)
	room.Expect("ann")
}

func TestEndIsTheLastWord(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, play(handlers.Policy{}))
	room.Join("ann")
	must(t, room.Send("ann", "end", nil))
	room.Expect("ann", "$joined", "bye", "$closed")
	if got, want := string(room.Last("ann").Body), `{"reason":"ended"}`; !room.Ended() || got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := handlerstest.New(t, play(handlers.Policy{}))
	other.End("maintenance")
	if got, want := string(other.Last("ann").Body), `{"reason":"maintenance"}`; !other.Ended() || got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAStateThatCantBeKeptHarmsOneMessage(t *testing.T) {
	t.Parallel()
	t.Run("durable", func(t *testing.T) {
		t.Parallel()
		room := handlerstest.New(t, play(handlers.Policy{}))
		room.Join("ann")
		must(t, room.Send("ann", "add", 1))
		if err := room.Send("ann", "nan", nil); err == nil || !strings.Contains(err.Error(), "NaN") {
			t.Errorf("got %v, want an error about NaN", err)
		}
		must(t, room.Send("ann", "add", 1))
		if got := string(room.Last("ann").Body); got != "2" {
			t.Errorf("got sum %s, want 2", got)
		}
		room.Restart()
	})
	t.Run("checkpointed", func(t *testing.T) {
		t.Parallel()
		room := handlerstest.New(t, play(handlers.Policy{Keep: handlers.Checkpointed{}}))
		room.Join("ann")
		must(t, room.Send("ann", "add", 1))
		must(t, room.Send("ann", "nan", nil))
		must(t, room.Send("ann", "add", 1))
		room.Restart()
		if got := stateOfRoom(t, room); got.N != 2 || got.F != 0 {
			t.Errorf("got %+v, want 2 and no NaN", got)
		}
	})
}

func TestMiddlewareWrapsEveryHandler(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	var order []string
	for _, name := range []string{"outer", "inner"} {
		g.Use(func(next handlers.Handler) handlers.Handler {
			return func(room *handlers.Room, m handlers.Message) error {
				order = append(order, name)
				if m.Type == "say" {
					return handlers.Reject("silence", "")
				}
				return next(room, m)
			}
		})
	}
	room := handlerstest.New(t, g)
	room.Join("ann")
	must(t, room.Send("ann", "add", 1))
	if got := handlerstest.Code(room.Send("ann", "say", `"x"`)); got != "silence" {
		t.Errorf("got code %q, want silence", got)
	}
	if got, want := strings.Join(order, " "), "outer inner outer"; got != want {
		t.Errorf("order: got %s, want %s", got, want)
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{Keep: handlers.Ephemeral{}})
	handlers.Tick(g, 20, func(room *handlers.Room, b *board) error {
		if b.N++; b.N == 2 {
			return room.Send("two", room.Now())
		}
		return nil
	})
	room := handlerstest.New(t, g)
	room.Join("ann")
	room.Tick(3)
	room.Expect("ann", "$joined", "two")
	if got := stateOfRoom(t, room).N; got != 3 {
		t.Errorf("got %d ticks, want 3", got)
	}
	if got, want := room.Now().Sub(handlerstest.Start), 150*time.Millisecond; got != want {
		t.Errorf("three ticks at 20 a second: got %v, want %v", got, want)
	}
}
