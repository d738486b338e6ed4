package bot

import "math/rand/v2"

// weights is what holding a square is worth: corners are for ever, and the squares beside an empty corner give it away.
var weights = [64]int{
	120, -20, 20, 5, 5, 20, -20, 120,
	-20, -40, -5, -5, -5, -5, -40, -20,
	20, -5, 15, 3, 3, 15, -5, 20,
	5, -5, 3, 3, 3, 3, -5, 5,
	5, -5, 3, 3, 3, 3, -5, 5,
	20, -5, 15, 3, 3, 15, -5, 20,
	-20, -40, -5, -5, -5, -5, -40, -20,
	120, -20, 20, 5, 5, 20, -20, 120,
}

// choose takes one of the legal moves: by the squares' weights, early with few discs turned, late with many, and with a
// little chance, so that no two games are the same. board has 64 characters.
func choose(board, color string, moves []string) string {
	own, other := byte('b'), byte('w')
	if color == "white" {
		own, other = other, own
	}
	empty := 0
	for i := range len(board) {
		if board[i] == '.' {
			empty++
		}
	}
	best, most := moves[0], 0
	for i, name := range moves {
		at, ok := square(name)
		if !ok {
			continue
		}
		value := weights[at]
		if corner := cornerOf(at); value < 0 && corner >= 0 && board[corner] != '.' {
			value = 5 // the corner is taken: there is nothing to give away
		}
		if turned := flips(board, at, own, other); empty > 20 {
			value -= 2 * turned
		} else {
			value += 3 * turned
		}
		value = value*4 + rand.N(16)
		if i == 0 || value > most {
			best, most = name, value
		}
	}
	return best
}

// square reads a name such as "c4".
func square(name string) (at int, ok bool) {
	if len(name) != 2 || name[0] < 'a' || name[0] > 'h' || name[1] < '1' || name[1] > '8' {
		return 0, false
	}
	return int(name[1]-'1')*8 + int(name[0]-'a'), true
}

// cornerOf is the corner that a square touches; -1 for none.
func cornerOf(at int) int {
	end := func(i int) int {
		switch {
		case i <= 1:
			return 0
		case i >= 6:
			return 7
		}
		return -1
	}
	x, y := end(at%8), end(at/8)
	if x < 0 || y < 0 {
		return -1
	}
	return y*8 + x
}

// flips counts the discs that own turns by a disc at a square.
func flips(board string, at int, own, other byte) (n int) {
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			if dx == 0 && dy == 0 {
				continue
			}
			line := 0
			x, y := at%8+dx, at/8+dy
			for x >= 0 && x < 8 && y >= 0 && y < 8 && board[y*8+x] == other {
				line++
				x, y = x+dx, y+dy
			}
			if x >= 0 && x < 8 && y >= 0 && y < 8 && board[y*8+x] == own {
				n += line
			}
		}
	}
	return n
}
