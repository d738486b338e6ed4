package othello

import (
	"strings"
	"testing"
)

// perft counts the lines of play of the given depth; a pass is a move.
func perft(b Board, c Color, depth int, passed bool) int {
	if depth == 0 {
		return 1
	}
	moves := b.Moves(c)
	if moves == 0 {
		if passed {
			return 1 // the game is over
		}
		return perft(b, c.Other(), depth-1, true)
	}
	n := 0
	for q := Square(0); q < 64; q++ {
		if moves&(1<<q) != 0 {
			n += perft(b.Put(c, q, b.Flips(c, q)), c.Other(), depth-1, false)
		}
	}
	return n
}

// The published counts of Othello.
func TestPerft(t *testing.T) {
	t.Parallel()
	for i, want := range []int{4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288} {
		if got := perft(Start(), Black, i+1, false); got != want {
			t.Errorf("depth %d: got %d lines, want %d", i+1, got, want)
		}
	}
}

func TestMovesAreTheSquaresThatFlip(t *testing.T) {
	t.Parallel()
	// A game in which each side takes its first move, or its last: every position of it is looked at.
	for _, last := range []bool{false, true} {
		b, c, passes := Start(), Black, 0
		for passes < 2 {
			var flipping Set
			var pick Square
			for q := Square(0); q < 64; q++ {
				if b.Flips(c, q) != 0 && (flipping == 0 || last) {
					pick = q
				}
				if b.Flips(c, q) != 0 {
					flipping |= 1 << q
				}
			}
			if got := b.Moves(c); got != flipping {
				t.Fatalf("moves of %s on %s: got %v, want %v", c, b, got.Names(), flipping.Names())
			}
			if passes++; flipping != 0 {
				b, passes = b.Put(c, pick, b.Flips(c, pick)), 0
			}
			if b.Black&b.White != 0 {
				t.Fatalf("two discs on one square: %v", (b.Black & b.White).Names())
			}
			c = c.Other()
		}
	}
}

func TestSquares(t *testing.T) {
	t.Parallel()
	for q := Square(0); q < 64; q++ {
		if got, err := ParseSquare(q.String()); err != nil || got != q {
			t.Errorf("%s: got %d, %v, want %d", q, got, err, q)
		}
	}
	for _, s := range []string{"", "a", "a0", "a9", "i1", "A1", "a1 ", "11", "ä1"} {
		if q, err := ParseSquare(s); err == nil {
			t.Errorf("%q: got %s, want an error", s, q)
		}
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	want := strings.Repeat(".", 27) + "wb" + strings.Repeat(".", 6) + "bw" + strings.Repeat(".", 27)
	if got := Start().String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := strings.Join(Start().Moves(Black).Names(), " "), "d3 c4 f5 e6"; got != want {
		t.Errorf("black's moves: got %s, want %s", got, want)
	}
}
