package relay_test

import (
	"fmt"
	"testing"

	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// BenchmarkPlay is one message of 100 bytes in a room of 10, and of 1,000.
func BenchmarkPlay(b *testing.B) {
	for _, players := range []int{10, 1000} {
		b.Run(fmt.Sprint(players, "_players"), func(b *testing.B) {
			g := relay.Game()
			opening, err := g.Open("r", []byte(`{"capacity":1000}`), handlerstest.Start)
			if err != nil {
				b.Fatal(err)
			}
			room, err := g.Load("r", opening.Memory)
			if err != nil {
				b.Fatal(err)
			}
			users := make([]string, players)
			for i := range users {
				users[i] = fmt.Sprint("user-", i)
				room.Play(handlers.Event{Kind: handlers.EventAttach, User: users[i], Name: users[i], Conn: users[i], ConnSeq: 1})
			}
			body := make([]byte, 100)
			var seq uint64
			b.ReportAllocs()
			for b.Loop() {
				seq++
				user := users[seq%uint64(players)]
				res := room.Play(handlers.Event{Type: "say", User: user, Seq: seq, Conn: user, ConnSeq: seq + 1, Time: handlerstest.Start, Body: body})
				if len(res.Outputs) != 1 {
					b.Fatalf("got %+v", res)
				}
			}
		})
	}
}
