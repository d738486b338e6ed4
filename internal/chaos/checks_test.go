package chaos

import (
	"reflect"
	"testing"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
)

// A check that can't fail is none: these feed the checks with what may not be.

func TestNumbersThatAreLostDoubledOrOutOfOrderAreSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		heard               []uint64
		missing             []uint64
		doubled, outOfOrder int64
	}{
		"all in order":           {[]uint64{1, 2, 3, 4, 5}, nil, 0, 0},
		"a hole":                 {[]uint64{1, 2, 4, 5}, []uint64{3}, 0, 0},
		"the first is missing":   {[]uint64{2, 3, 4, 5}, []uint64{1}, 0, 0},
		"the last are missing":   {[]uint64{1, 2, 3}, []uint64{4, 5}, 0, 0},
		"nothing at all":         {nil, []uint64{1, 2, 3, 4, 5}, 0, 0},
		"one twice":              {[]uint64{1, 2, 2, 3, 4, 5}, nil, 1, 0},
		"an old one once more":   {[]uint64{1, 2, 3, 4, 5, 2}, nil, 1, 0},
		"two changed places":     {[]uint64{1, 3, 2, 4, 5}, nil, 0, 1},
		"late, and then again":   {[]uint64{1, 3, 2, 2, 4, 5}, nil, 1, 1},
		"one refused, not heard": {[]uint64{1, 2, 3, 4}, nil, 0, 0},
	} {
		p := &player{load: &numbers{}, room: &client.Room{}, heard: map[string]*line{}}
		for _, n := range c.heard {
			p.note(&client.Message{From: "mina"}, n)
		}
		refused := map[uint64]bool{5: name == "one refused, not heard"}
		if got := p.missing("mina", 5, refused); !reflect.DeepEqual(got, c.missing) || p.Doubled != c.doubled || p.OutOfOrder != c.outOfOrder {
			t.Errorf("%s: got %v missing, %d doubled, %d out of order, want %v, %d, %d", name, got, p.Doubled, p.OutOfOrder,
				c.missing, c.doubled, c.outOfOrder)
		}
	}
}

func TestGamesThatDifferOrHaveNoEndAreSeen(t *testing.T) {
	t.Parallel()
	black := bot.Result{Color: "black", Board: "b", Over: &bot.Over{Winner: "black", Reason: "finished"}}
	white := bot.Result{Color: "white", Board: "b", Over: &bot.Over{Winner: "black", Reason: "finished"}}
	changed := func(r bot.Result, change func(*bot.Result)) bot.Result {
		over := *r.Over
		r.Over = &over
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		results [2]bot.Result
		want    played
	}{
		"equal":          {[2]bot.Result{black, white}, played{Finished: 1}},
		"another board":  {[2]bot.Result{black, changed(white, func(r *bot.Result) { r.Board = "w" })}, played{Finished: 1, Differing: 1}},
		"another winner": {[2]bot.Result{black, changed(white, func(r *bot.Result) { r.Over.Winner = "draw" })}, played{Finished: 1, Differing: 1}},
		"both are black": {[2]bot.Result{black, changed(white, func(r *bot.Result) { r.Color = "black" })}, played{Finished: 1, Differing: 1}},
		"one side only":  {[2]bot.Result{black, changed(white, func(r *bot.Result) { r.Over = nil })}, played{Finished: 1, Unseen: 1}},
		"no side":        {[2]bot.Result{{}, {}}, played{Broken: 1}},
		"out of time":    {[2]bot.Result{changed(black, func(r *bot.Result) { r.Over.Reason = "timeout" }), changed(white, func(r *bot.Result) { r.Over.Reason = "timeout" })}, played{Otherwise: 1}},
	} {
		g := newGames("")
		two := [2]*account{{}, {}}
		g.book("room", two, c.results)
		if g.played != c.want {
			t.Errorf("%s: got %+v, want %+v", name, g.played, c.want)
		}
		wins := balance{Win: 1, Gold: 10, Exp: 10}
		if known := c.want.Broken == 0; known && (two[0].want != wins || two[1].want != balance{Lose: 1, Exp: 3}) {
			t.Errorf("%s: got balances %+v and %+v, want black to win", name, two[0].want, two[1].want)
		} else if two[0].unsure == known {
			t.Errorf("%s: got unsure %v", name, two[0].unsure)
		}
	}
}

func TestARowWithAnythingWrongFails(t *testing.T) {
	t.Parallel()
	right := row{sums: sums{Sent: 3, Receipted: 3, score: score{Heard: 9}}}
	if got := right.wrong(); got != "" {
		t.Errorf("a row that is right: got %q", got)
	}
	for name, change := range map[string]func(*row){
		"lost":           func(r *row) { r.Lost = 1 },
		"doubled":        func(r *row) { r.Doubled = 1 },
		"out of order":   func(r *row) { r.OutOfOrder = 1 },
		"snapshots":      func(r *row) { r.Resets = 1 },
		"refused":        func(r *row) { r.Refused = 1 },
		"receipt":        func(r *row) { r.Receipted = 2 },
		"differ":         func(r *row) { r.Differing = 1 },
		"knows":          func(r *row) { r.Broken = 1 },
		"not heard":      func(r *row) { r.Unseen = 1 },
		"timeout":        func(r *row) { r.Otherwise = 1 },
		"balances wrong": func(r *row) { r.BalancesWrong = 1 },
		"nothing was":    func(r *row) { r.Sent, r.Receipted = 0, 0 },
		"fault failed":   func(r *row) { r.Failures = []string{"fault failed"} },
	} {
		r := right
		change(&r)
		if r.wrong() == "" {
			t.Errorf("%s: got no complaint", name)
		}
	}
}
