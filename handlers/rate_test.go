package handlers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// chatty counts what it has heard.
type chatty struct{ Heard int }

func chattyGame(r handlers.Rates) *handlers.Game[chatty] {
	g := handlers.New("chatty", func() *chatty { return &chatty{} }).WithPolicy(handlers.Policy{Capacity: 10, Rates: r})
	handlers.OnAny(g, func(room *handlers.Room, s *chatty, _ handlers.Message) error {
		s.Heard++
		return room.Send("heard", s.Heard)
	})
	return g
}

func TestRatesRefuseWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	g := chattyGame(handlers.Rates{Player: 2, PlayerBurst: 3, Room: 4, RoomBurst: 5})
	opening, err := g.Open("r", nil, handlerstest.Start)
	if err != nil {
		t.Fatal(err)
	}
	room, err := g.Load("r", opening.Memory)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"ann", "bob"} {
		room.Play(handlers.Event{Kind: handlers.EventAttach, User: user, Name: user, Conn: user, ConnSeq: 1, Time: handlerstest.Start})
	}
	seq := map[string]uint64{}
	say := func(user string, at time.Duration) handlers.Result {
		seq[user]++
		return room.Play(handlers.Event{Type: "say", User: user, Seq: seq[user], Conn: user, ConnSeq: seq[user] + 1, Time: handlerstest.Start.Add(at)})
	}
	var got string
	for _, m := range []struct {
		user string
		at   time.Duration
	}{
		{"ann", 0}, {"ann", 0}, {"ann", 0}, {"ann", 0}, // one more than she may at once
		{"bob", 0}, {"bob", 0}, {"bob", 0}, // and one more than all together may
		{"ann", -time.Hour}, // no clock gives any back
		{"ann", time.Second}, {"ann", time.Second}, {"ann", time.Second},
		{"bob", time.Second}, {"bob", time.Second}, {"bob", time.Second},
	} {
		res := say(m.user, m.at)
		if res.Refused == "" {
			got += "+"
			continue
		}
		got += "-"
		if o := res.Outputs[0]; res.Refused != handlers.CodeRateLimited || len(res.Outputs) != 1 || o.Code != "rate_limited" || o.Request != seq[m.user] || fmt.Sprint(o.To) != "["+m.user+"]" {
			t.Errorf("message %d of %s: got %+v, want an answer to that one alone", seq[m.user], m.user, res)
		}
	}
	if want := "+++-++--++-++-"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	again := room.Play(handlers.Event{Type: "say", User: "ann", Seq: 4, Conn: "ann", ConnSeq: 5, Time: handlerstest.Start.Add(time.Hour)})
	if !again.Duplicate {
		t.Error("a message that was refused is played when it is sent again")
	}
}

func TestRatesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, r := range []handlers.Rates{{Player: -1}, {RoomBurst: -1}, {Room: handlers.MaxRate + 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was taken", r)
				}
			}()
			chattyGame(r)
		}()
	}
}

func BenchmarkRates(b *testing.B) {
	g := chattyGame(handlers.Rates{Player: 1e6, Room: 1e6})
	opening, err := g.Open("r", nil, handlerstest.Start)
	if err != nil {
		b.Fatal(err)
	}
	room, err := g.Load("r", opening.Memory)
	if err != nil {
		b.Fatal(err)
	}
	room.Play(handlers.Event{Kind: handlers.EventAttach, User: "ann", Name: "ann", Conn: "ann", ConnSeq: 1, Time: handlerstest.Start})
	at, seq := handlerstest.Start, uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		at = at.Add(time.Millisecond)
		if res := room.Play(handlers.Event{Type: "say", User: "ann", Seq: seq, Conn: "ann", ConnSeq: seq + 1, Time: at}); res.Refused != "" {
			b.Fatalf("got %+v", res)
		}
	}
}
