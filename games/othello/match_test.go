package othello

import (
	"errors"
	"testing"

	"github.com/madang-games/madang/handlers"
)

func TestNoMoveAfterTheEnd(t *testing.T) {
	t.Parallel()
	m := &Match{Board: Start(), Next: Black, Black: "ann", White: "bob", Started: true}
	m.end(White, "exit")
	_, err := m.put("ann", "d3")
	if r, ok := errors.AsType[*handlers.Rejection](err); !ok || r.Code != "game_over" {
		t.Errorf("got %v, want game_over", err)
	}
}

func TestAnEvenBoardIsADraw(t *testing.T) {
	t.Parallel()
	m := &Match{Board: Start(), Started: true}
	if o := m.end("", "finished"); o.Winner != "draw" || o.Black != 2 || o.White != 2 {
		t.Errorf("got %+v, want a draw 2:2", o)
	}
}
