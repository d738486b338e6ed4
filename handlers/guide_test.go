package handlers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

func TestTheGuideShowsTheExampleAndItsTest(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "docs", "games.md"))
	if err != nil {
		t.Fatal(err)
	}
	for file, marks := range map[string][2]string{
		"example_test.go": {"\tgame := handlers.New(\"quiz\"", "\n\n\t// What follows"},
		"guide_test.go":   {"\troom := handlerstest" + ".New", "\n}\n"},
	} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		begin := strings.Index(string(source), marks[0])
		code, _, _ := strings.Cut(string(source)[begin:], marks[1])
		code = strings.ReplaceAll(strings.TrimPrefix(code, "\t"), "\n\t", "\n")
		if !strings.Contains(string(guide), code) {
			t.Errorf("docs/games.md does not show what %s has:\n%s", file, code)
		}
	}
}

func TestQuiz(t *testing.T) {
	t.Parallel()
	game := handlers.New("quiz", func() *quiz {
		return &quiz{Answer: "madang", Tries: map[string]int{}, Names: map[string]string{}}
	}).WithPolicy(handlers.Policy{Grace: time.Minute})
	handlers.On(game, "answer", func(room *handlers.Room, _ *quiz, _ string) error { return room.Reply("wrong", nil) })
	handlers.Joined(game, func(room *handlers.Room, _ *quiz, _ handlers.Player) error {
		return room.After(30*time.Second, "over", nil)
	})
	handlers.OnTimer(game, "over", func(room *handlers.Room, q *quiz, _ struct{}) error {
		room.End()
		return room.Send("nobody", q.Answer)
	})

	room := handlerstest.New(t, game)
	room.Join("ann", "bob")
	if err := room.Send("ann", "answer", `"yard"`); err != nil {
		t.Fatal(err)
	}
	room.Expect("ann", "$joined", "$joined", "wrong")
	room.Restart() // as after a crash: nothing may be lost
	room.Advance(30 * time.Second)
	room.Expect("ann", "nobody", "$closed")
}
