package othello

import "github.com/madang-games/madang/handlers"

// Match is the state of a room.
type Match struct {
	Board   Board  `json:"board"`
	Next    Color  `json:"next"`  // whose turn it is; "" when nobody's
	Black   string `json:"black"` // user; "" for a free side
	White   string `json:"white"`
	Started bool   `json:"started"`
	Over    *Over  `json:"over"`
	// TurnEnds is when the time of the side to move is over, in milliseconds since 1970; 0: nobody's time runs.
	TurnEnds int64 `json:"turn_ends,omitempty"`
}

// Over is how a match has ended.
type Over struct {
	Winner string `json:"winner"` // black, white or draw
	Black  int    `json:"black"`  // discs
	White  int    `json:"white"`
	Reason string `json:"reason"` // finished, exit or timeout
}

// color is the user's side, or "".
func (m *Match) color(user string) Color {
	switch user {
	case "":
		return ""
	case m.Black:
		return Black
	case m.White:
		return White
	}
	return ""
}

// sit gives user the first free side; false: there is none.
func (m *Match) sit(user string) bool {
	switch {
	case m.Black == "":
		m.Black = user
	case m.White == "":
		m.White = user
	default:
		return false
	}
	return true
}

// stand frees the user's side.
func (m *Match) stand(user string) {
	switch m.color(user) {
	case Black:
		m.Black = ""
	case White:
		m.White = ""
	}
}

// put plays user's move to the square named at, and the pass that may follow it. A *handlers.Rejection says why not.
func (m *Match) put(user, at string) (done move, err error) {
	c := m.color(user)
	switch {
	case m.Over != nil:
		return move{}, handlers.Reject("game_over", "the game is over")
	case c == "":
		return move{}, handlers.Reject("not_seated", "you do not play in this game")
	case !m.Started:
		return move{}, handlers.Reject("not_started", "wait for the other player")
	}
	q, err := ParseSquare(at)
	switch {
	case err != nil:
		return move{}, handlers.Reject("bad_square", err.Error())
	case m.Next != c:
		return move{}, handlers.Reject("not_your_turn", "it is the other player's turn")
	}
	flips := m.Board.Flips(c, q)
	if flips == 0 {
		return move{}, handlers.Reject("illegal_move", "a disc on "+at+" turns nothing")
	}
	m.Board = m.Board.Put(c, q, flips)
	done = move{color: c, at: q, flips: flips, next: c.Other(), moves: m.Board.Moves(c.Other())}
	m.Next = done.next
	if done.moves == 0 {
		if done.again = m.Board.Moves(c); done.again != 0 {
			m.Next = c
		} else {
			done.next, m.Next = "", ""
		}
	}
	return done, nil
}

// move is what a put did.
type move struct {
	color Color
	at    Square
	flips Set
	next  Color // the opponent; "": neither side can move
	moves Set   // the opponent's
	again Set   // the mover's own moves, when the opponent has none and so has passed
}

// end notes how the match has ended. With loser "" the discs decide.
func (m *Match) end(loser Color, reason string) Over {
	o := Over{Winner: "draw", Black: m.Board.Black.Len(), White: m.Board.White.Len(), Reason: reason}
	switch {
	case loser != "":
		o.Winner = string(loser.Other())
	case o.Black > o.White:
		o.Winner = string(Black)
	case o.White > o.Black:
		o.Winner = string(White)
	}
	m.Over, m.Next, m.TurnEnds = &o, "", 0
	return o
}
