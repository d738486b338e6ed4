package handlers_test

import (
	"fmt"
	"time"

	"github.com/madang-games/madang/handlers"
)

// A quiz of one question: the first right answer wins, and after half a minute nobody has.
type quiz struct {
	Answer string            // what is right
	Tries  map[string]int    // by user
	Names  map[string]string // by user
}

func Example() {
	game := handlers.New("quiz", func() *quiz {
		return &quiz{Answer: "madang", Tries: map[string]int{}, Names: map[string]string{}}
	})
	handlers.Joined(game, func(room *handlers.Room, q *quiz, p handlers.Player) error {
		q.Names[p.ID] = p.Name
		return room.After(30*time.Second, "over", nil)
	})
	handlers.On(game, "answer", func(room *handlers.Room, q *quiz, answer string) error {
		if q.Tries[room.From()] == 3 {
			return handlers.Reject("no_tries_left", "three tries are all")
		}
		q.Tries[room.From()]++
		if answer != q.Answer {
			return room.Reply("wrong", nil) // only the sender learns it
		}
		room.Award(handlers.Award{User: room.From(), Gold: 5, Win: 1})
		room.End()
		return room.Send("won", q.Names[room.From()])
	})
	handlers.OnTimer(game, "over", func(room *handlers.Room, q *quiz, _ struct{}) error {
		room.End()
		return room.Send("nobody", q.Answer)
	})

	// What follows is the machinery's part; tests use handlerstest for it.
	opening, _ := game.Open("r1", nil, time.UnixMilli(0))
	room, _ := game.Load("r1", opening.Memory)
	room.Play(handlers.Event{Kind: handlers.EventJoin, User: "u1", Name: "Ann"})
	for _, answer := range []string{`"yard"`, `"madang"`} {
		res := room.Play(handlers.Event{Type: "answer", User: "u1", Body: []byte(answer)})
		for _, out := range res.Outputs {
			fmt.Println(out.Type, string(out.Body), out.To)
		}
	}
	// Output:
	// wrong  [u1]
	// won "Ann" []
	// $closed {"reason":"ended"} []
}

// Middleware sees every message before its handler does.
func ExampleGame_Use() {
	game := handlers.New("chat", func() *struct{} { return &struct{}{} })
	handlers.OnAny(game, func(room *handlers.Room, _ *struct{}, m handlers.Message) error {
		return room.Send(m.Type, handlers.Raw{ContentType: m.ContentType, Body: m.Body})
	})
	game.Use(func(next handlers.Handler) handlers.Handler {
		return func(room *handlers.Room, m handlers.Message) error {
			if len(m.Body) > 140 {
				return handlers.Reject("too_long", "140 bytes are enough")
			}
			return next(room, m)
		}
	})

	opening, _ := game.Open("r1", nil, time.UnixMilli(0))
	room, _ := game.Load("r1", opening.Memory)
	room.Play(handlers.Event{Kind: handlers.EventJoin, User: "u1", Name: "Ann"})
	fmt.Println(room.Play(handlers.Event{Type: "say", User: "u1", Body: make([]byte, 141)}).Refused)
	// Output: too_long
}
