package bot

import (
	"slices"
	"strings"
	"testing"
)

func TestChooseTakesTheCorner(t *testing.T) {
	t.Parallel()
	board := "." + strings.Repeat("w", 6) + "b" + strings.Repeat(".", 56)
	for range 50 {
		if got := choose(board, "black", []string{"b2", "a1", "c3"}); got != "a1" {
			t.Fatalf("got %s, want the corner a1", got)
		}
	}
}

func TestChooseDoesNotGiveACornerAway(t *testing.T) {
	t.Parallel()
	for range 50 {
		if got := choose(opening, "black", []string{"b2", "g7", "c4"}); got != "c4" {
			t.Fatalf("got %s, want c4", got)
		}
	}
}

func TestChooseTakesALegalMove(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		got := choose(opening, "black", openingMoves)
		if !slices.Contains(openingMoves, got) {
			t.Fatalf("got %s, want one of %v", got, openingMoves)
		}
		seen[got] = true
	}
	if len(seen) < 2 {
		t.Errorf("got only %v of four moves worth the same, want some chance", seen)
	}
	for _, only := range []string{"b2", "h8", "??"} {
		if got := choose(opening, "white", []string{only}); got != only {
			t.Errorf("got %s, want the only move %s", got, only)
		}
	}
}

func TestFlipsCountsAllDirections(t *testing.T) {
	t.Parallel()
	star := []byte(strings.Repeat(".", 64)) // around d4, in each direction a white disc and then a black one
	for _, d := range []int{-9, -8, -7, -1, 1, 7, 8, 9} {
		star[27+d], star[27+2*d] = 'w', 'b'
	}
	for name, c := range map[string]struct {
		board string
		at    int
		want  int
	}{
		"all eight":             {string(star), 27, 8},
		"the opening":           {opening, 19, 1},
		"nothing there":         {opening, 0, 0},
		"a line open at an end": {strings.Repeat(".", 57) + "wwwwwww", 56, 0},
	} {
		if got := flips(c.board, c.at, 'b', 'w'); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestCornerOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"b2": 0, "a2": 0, "g7": 63, "h2": 7, "b8": 56, "c4": -1, "d1": -1} {
		at, ok := square(name)
		if got := cornerOf(at); !ok || got != want {
			t.Errorf("%s: got corner %d, want %d", name, got, want)
		}
	}
}
