package othello

import (
	"errors"
	"math/bits"
)

// Color is a side.
type Color string

// The two sides. Black moves first.
const (
	Black Color = "black"
	White Color = "white"
)

// Other is the opponent.
func (c Color) Other() Color {
	if c == Black {
		return White
	}
	return Black
}

// Square is a place on the board, 0 to 63: row by row from a1, the column first.
type Square uint8

var errSquare = errors.New("a square is a letter a to h and a digit 1 to 8")

// ParseSquare reads "a1" to "h8": the letter is the column from the left, the digit the row from the top.
func ParseSquare(s string) (Square, error) {
	if len(s) != 2 || s[0] < 'a' || s[0] > 'h' || s[1] < '1' || s[1] > '8' {
		return 0, errSquare
	}
	return Square(s[0]-'a') + 8*Square(s[1]-'1'), nil
}

func (q Square) String() string { return string([]byte{'a' + byte(q%8), '1' + byte(q/8)}) }

// Set is squares, one bit each: bit n is Square n.
type Set uint64

// Len is how many squares are in s.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// Names are the squares in s in board order, as players write them; never nil.
func (s Set) Names() []string {
	names := make([]string, 0, s.Len())
	for ; s != 0; s &= s - 1 {
		names = append(names, Square(bits.TrailingZeros64(uint64(s))).String())
	}
	return names
}

// Board is the discs. The zero value is empty.
type Board struct {
	Black Set `json:"black"`
	White Set `json:"white"`
}

// Start is the board at the beginning: white on d4 and e5, black on e4 and d5.
func Start() Board {
	return Board{Black: 1<<28 | 1<<35, White: 1<<27 | 1<<36}
}

// String is 64 characters of "." for an empty square, "b" and "w", row by row from a1.
func (b Board) String() string {
	text := make([]byte, 64)
	for i := range text {
		switch bit := Set(1) << i; {
		case b.Black&bit != 0:
			text[i] = 'b'
		case b.White&bit != 0:
			text[i] = 'w'
		default:
			text[i] = '.'
		}
	}
	return string(text)
}

func (b Board) sides(c Color) (own, other Set) {
	if c == Black {
		return b.Black, b.White
	}
	return b.White, b.Black
}

const (
	notA Set = 0xfefefefefefefefe // all but the left column
	notH Set = 0x7f7f7f7f7f7f7f7f // all but the right column
)

// step moves every square of s by one in direction d, 0 to 7; those that leave the board are gone.
func step(s Set, d int) Set {
	switch d {
	case 0:
		return s << 1 & notA
	case 1:
		return s >> 1 & notH
	case 2:
		return s << 8
	case 3:
		return s >> 8
	case 4:
		return s << 9 & notA
	case 5:
		return s >> 9 & notH
	case 6:
		return s << 7 & notH
	default:
		return s >> 7 & notA
	}
}

// Moves are the squares where c may put a disc: empty ones from which a straight line of the other's discs ends in an
// own one.
func (b Board) Moves(c Color) Set {
	own, other := b.sides(c)
	var moves Set
	for d := range 8 {
		line := step(own, d) & other
		for range 5 { // at most six discs lie between two
			line |= step(line, d) & other
		}
		moves |= step(line, d)
	}
	return moves &^ (own | other)
}

// Flips are the discs that c turns by a disc on q; none when the move is not legal.
func (b Board) Flips(c Color, q Square) Set {
	own, other := b.sides(c)
	at := Set(1) << q
	if at&(own|other) != 0 {
		return 0
	}
	var flips Set
	for d := range 8 {
		var line Set
		next := step(at, d)
		for next&other != 0 {
			line |= next
			next = step(next, d)
		}
		if next&own != 0 {
			flips |= line
		}
	}
	return flips
}

// Put is the board after c has put a disc on q and turned flips, which Flips gave.
func (b Board) Put(c Color, q Square, flips Set) Board {
	if c == Black {
		return Board{b.Black | flips | 1<<q, b.White &^ flips}
	}
	return Board{b.Black &^ flips, b.White | flips | 1<<q}
}
