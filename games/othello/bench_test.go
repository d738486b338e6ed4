package othello_test

import (
	"testing"

	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

// BenchmarkPut is one put and the memory after it, as a durable room pays for each of its messages.
func BenchmarkPut(b *testing.B) {
	g := othello.Game()
	opening, err := g.Open("r", nil, handlerstest.Start)
	if err != nil {
		b.Fatal(err)
	}
	begin := func() *handlers.Instance {
		room, err := g.Load("r", opening.Memory)
		if err != nil {
			b.Fatal(err)
		}
		room.Play(handlers.Event{Kind: handlers.EventAttach, User: "ann", Conn: "a", ConnSeq: 1})
		room.Play(handlers.Event{Kind: handlers.EventAttach, User: "bob", Conn: "b", ConnSeq: 1})
		return room
	}
	puts := []handlers.Event{{User: "ann", Body: []byte(`{"at":"d3"}`)}, {User: "bob", Body: []byte(`{"at":"c3"}`)}, {User: "ann", Body: []byte(`{"at":"c4"}`)}}
	room, n := begin(), 0
	b.ReportAllocs()
	for b.Loop() {
		if n == len(puts) {
			b.StopTimer()
			room, n = begin(), 0
			b.StartTimer()
		}
		put := puts[n]
		put.Type = "put"
		if res := room.Play(put); res.Refused != "" || res.Failure != nil {
			b.Fatalf("got %+v", res)
		}
		if _, err := room.Memory(); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
