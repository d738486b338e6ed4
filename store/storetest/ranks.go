package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

var wins = store.Board{Game: "othello", Mode: "", Period: "all"}

// score is a score on a board where more is better.
func score(b store.Board, user string, value int64, counts store.Counts, at time.Time) store.Score {
	return store.Score{Board: b, User: user, Value: value, Counts: counts, At: at}
}

// order is a list of standings in short: "1 user-0001 30, 2 ...".
func order(list []store.Standing) string {
	text := ""
	for i, s := range list {
		if i > 0 {
			text += ", "
		}
		text += words(s.Rank, s.User, s.Value)
	}
	return text
}

func (t *suite) top(s store.Store, b store.Board) string {
	t.Helper()
	page, err := s.Top(t.ctx(), b, "", store.MaxStandings)
	t.fatal("list board", err)
	if page.Players != int64(len(page.List)) {
		t.Errorf("%d players, %d on the page", page.Players, len(page.List))
	}
	return order(page.List)
}

func duel(winner, loser string, at time.Time) store.Outcome {
	return store.Outcome{Game: "othello", At: at, Sides: []store.Side{{Place: 1, Users: []string{winner}}, {Place: 2, Users: []string{loser}}}}
}

func (t *suite) rating(s store.Store, user string) store.Rating {
	t.Helper()
	all, err := s.Ratings(t.ctx(), user)
	t.fatal("read ratings", err)
	if len(all) != 1 {
		t.Fatalf("got ratings %v, want one", all)
	}
	return all[0]
}

var rankCases = []testCase{
	{"ABoardKeepsWhatItsPolicySays", func(t *suite) {
		s := t.open()
		user := t.user(s)
		for i, c := range []struct {
			counts store.Counts
			lower  bool
			want   int64
		}{{store.Best, false, 9}, {store.Sum, false, 16}, {store.Last, false, 3}, {store.Best, true, 3}, {store.Sum, true, 16}, {store.Last, true, 3}} {
			b := store.Board{Game: "g", Mode: fmt.Sprint(i), Period: "all"}
			for n, value := range []int64{4, 9, 3} {
				x := score(b, user, value, c.counts, after(time.Duration(n)*time.Second))
				x.Lower = c.lower
				t.fatal("put", s.PutRanks(t.ctx(), []store.Score{x}, nil))
			}
			st, players, err := s.Standing(t.ctx(), b, user)
			t.fatal("find", err)
			equal(t, fmt.Sprint(c.counts, " lower ", c.lower), st.Value, c.want)
			equal(t, "name", words(st.Name, st.Rank, players), "Player 1 1 1")
		}
	}},
	{"WhoHadAScoreFirstStandsBefore", func(t *suite) {
		s := t.open()
		a, b, c := t.user(s), t.user(s), t.user(s)
		t.fatal("put", s.PutRanks(t.ctx(), []store.Score{
			score(wins, c, 5, store.Best, after(2*time.Second)), score(wins, b, 5, store.Best, after(time.Second)), score(wins, a, 9, store.Best, after(3*time.Second)),
			score(wins, b, 5, store.Best, after(9*time.Second)), score(wins, b, 4, store.Best, after(9*time.Second)), // change nothing
		}, nil))
		equal(t, "board", t.top(s, wins), words(1, a, 9)+", "+words(2, b, 5)+", "+words(3, c, 5))
		st, _, err := s.Standing(t.ctx(), wins, b)
		t.fatal("find", err)
		equal(t, "at", st.At, after(time.Second))
	}},
	{"UnknownBoardsAndPlayers", func(t *suite) {
		s := t.open()
		user, other := t.user(s), t.user(s)
		t.fatal("put", s.PutRanks(t.ctx(), []store.Score{score(wins, user, 1, store.Best, begin), score(wins, "nobody", 1, store.Best, begin), score(wins, "\x00", 1, store.Best, begin)}, nil))
		for _, b := range []store.Board{{Game: "chess", Period: "all"}, {Game: "othello", Mode: "blitz", Period: "all"}, {Game: "othello", Period: "day"}, {Game: "\x00"}} {
			equal(t, "board", t.top(s, b), "")
			_, _, err := s.Standing(t.ctx(), b, user)
			t.want("find on an unknown board", err, store.ErrNotFound)
		}
		equal(t, "board", t.top(s, wins), words(1, user, 1))
		for _, who := range []string{other, "nobody", "\x00"} {
			_, err := s.Around(t.ctx(), wins, who, 10)
			t.want("around "+who, err, store.ErrNotFound)
		}
		for _, cursor := range []string{"x", "1", "1.2", "-", "\x00"} {
			_, err := s.Top(t.ctx(), wins, cursor, 10)
			t.want("cursor "+cursor, err, store.ErrNotFound)
		}
		all, err := s.Ratings(t.ctx(), other)
		equal(t, "ratings", words(len(all), err), words(0, error(nil)))
	}},
	{"ScoresAreCutNotWrapped", func(t *suite) {
		s := t.open()
		user := t.user(s)
		for _, v := range []int64{math.MaxInt64, math.MaxInt64, 1} {
			t.fatal("put", s.PutRanks(t.ctx(), []store.Score{score(wins, user, v, store.Sum, begin)}, nil))
		}
		equal(t, "board", t.top(s, wins), words(1, user, store.MaxScore))
		t.fatal("put", s.PutRanks(t.ctx(), []store.Score{score(wins, user, math.MinInt64, store.Last, begin)}, nil))
		equal(t, "board", t.top(s, wins), words(1, user, -store.MaxScore))
	}},
	{"ResultsOfOnePlayerAtOnceAllCount", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		user, others, ctx := t.user(stores[0]), []string{}, t.ctx()
		for range 20 {
			others = append(others, t.user(stores[0]))
		}
		together(20, func(i int) {
			scores := []store.Score{score(wins, user, 1, store.Sum, begin), score(wins, others[i], 1, store.Sum, begin)}
			outcome := duel(user, others[i], begin)
			if i%3 == 0 {
				slices.Reverse(scores)
				slices.Reverse(outcome.Sides)
			}
			if err := stores[i%2].PutRanks(ctx, scores, []store.Outcome{outcome}); err != nil {
				t.Errorf("put: %v", err)
			}
		})
		st, players, err := stores[1].Standing(ctx, wins, user)
		t.fatal("find", err)
		equal(t, "standing", words(st.Rank, st.Value, players), "1 20 21")
		equal(t, "matches", t.rating(stores[1], user).Matches, 20)
	}},
	{"ScoresAndOutcomesComeExactlyWithTheCommit", func(t *suite) {
		s := t.open()
		one, two := t.user(s), t.user(s)
		r := t.held(s, 2)
		c := commit(r)
		c.N, c.Memory = 1, []byte("one")
		c.Scores = []store.Score{score(wins, one, 1, store.Sum, begin), score(wins, two, 0, store.Sum, begin), score(wins, "nobody", 1, store.Sum, begin)}
		c.Outcomes = []store.Outcome{duel(one, two, begin), duel(one, "nobody", begin)}
		c.Awards = []store.Award{{User: two, Gold: 1}, {User: one, Win: 1}}
		t.commit(s, c)
		stale := *c
		stale.Term--
		_, err := s.Commit(t.ctx(), &stale)
		t.want("commit again", err, store.ErrStaleTerm)
		equal(t, "board", t.top(s, wins), words(1, one, 1)+", "+words(2, two, 0))
		winner, loser := t.rating(s, one), t.rating(s, two)
		equal(t, "matches", words(winner.Matches, loser.Matches), "1 1")
		if math.Abs(winner.Value-1662.31) > 0.01 || math.Abs(loser.Value-1337.69) > 0.01 || winner.Game != "othello" || !winner.At.Equal(begin) {
			t.Errorf("got ratings %+v and %+v", winner, loser)
		}
	}},
	{"RatingsRestAndNeverGoBackInTime", func(t *suite) {
		s := t.open()
		one, two := t.user(s), t.user(s)
		t.fatal("put", s.PutRanks(t.ctx(), nil, []store.Outcome{duel(one, two, after(time.Hour)), duel(two, one, begin)}))
		got := t.rating(s, one)
		equal(t, "at", got.At, after(time.Hour))
		t.fatal("put", s.PutRanks(t.ctx(), nil, []store.Outcome{duel(one, two, after(20*365*24*time.Hour))}))
		equal(t, "matches", t.rating(s, one).Matches, 3)
		if later := t.rating(s, one); later.Deviation <= got.Deviation {
			t.Errorf("deviation %v after 20 years, %v before", later.Deviation, got.Deviation)
		}
	}},
	{"OldBoardsAreDroppedBitByBit", func(t *suite) {
		s := t.open()
		now := time.Now()
		old, kept := store.Board{Game: "g", Period: "old"}, store.Board{Game: "g", Period: "new"}
		for range 7 {
			x := score(old, t.user(s), 1, store.Best, begin)
			y := score(kept, x.User, 1, store.Best, begin)
			x.Until, y.Until = now.Add(time.Hour), now.Add(5*time.Hour)
			t.fatal("put", s.PutRanks(t.ctx(), []store.Score{x, y}, nil))
		}
		over := score(store.Board{Game: "g", Period: "over"}, "user-0001", 1, store.Best, begin)
		over.Until = now.Add(-time.Second)
		t.fatal("put what is over", s.PutRanks(t.ctx(), []store.Score{over}, nil))
		equal(t, "what is over", t.top(s, over.Board), "")
		more, err := s.DropBoards(t.ctx(), now.Add(90*time.Minute), 3)
		equal(t, "before its time", words(more, err), words(false, error(nil)))
		calls := 0
		for more = true; more; calls++ {
			more, err = s.DropBoards(t.ctx(), now.Add(3*time.Hour), 3)
			t.fatal("drop", err)
		}
		equal(t, "calls", calls, 4)
		equal(t, "dropped", t.top(s, old), "")
		page, err := s.Top(t.ctx(), kept, "", 1)
		t.fatal("list", err)
		equal(t, "kept", page.Players, 7)
	}},
	{"ADeletedPlayerIsOnNoBoard", func(t *suite) {
		s := t.open()
		a, b, c := t.user(s), t.user(s), t.user(s)
		t.fatal("put", s.PutRanks(t.ctx(), []store.Score{score(wins, a, 3, store.Best, begin), score(wins, b, 2, store.Best, begin), score(wins, c, 1, store.Best, begin)},
			[]store.Outcome{duel(a, b, begin)}))
		_, err := s.DeleteAccount(t.ctx(), a, begin)
		t.fatal("delete", err)
		t.fatal("put", s.PutRanks(t.ctx(), []store.Score{score(wins, a, 3, store.Best, begin)}, []store.Outcome{duel(a, b, begin)}))
		equal(t, "board", t.top(s, wins), words(1, b, 2)+", "+words(2, c, 1))
		equal(t, "matches of the other", t.rating(s, b).Matches, 1)
	}},
	{"RandomResultsAgainstASortedSlice", func(t *suite) { randomRanks(t) }},
	{"ReadersSeeOneMoment", func(t *suite) { ranksAreOneMoment(t) }},
}

// randomRanks puts random results, often equal ones, and holds what the board says against a sorted slice.
func randomRanks(t *suite) {
	const players, rounds = 1500, 60
	stores := []store.Store{t.open(), t.open()}
	users := make([]string, players)
	for i := range users {
		users[i] = t.user(stores[0])
	}
	random := rand.New(rand.NewPCG(5, 2026))
	model := map[string]store.Standing{}
	for round := range rounds {
		var scores []store.Score
		for range 150 {
			// Once all are there, many go up and away from where they were.
			x := score(wins, users[random.IntN(players)], int64(random.IntN(30)), store.Sum, begin)
			if round < 20 {
				x.Value = int64(random.IntN(3)) - 1
			}
			x.At = after(time.Duration(round*150+len(scores)) * time.Second)
			scores = append(scores, x)
			was, known := model[x.User]
			if !known || x.Value != 0 {
				model[x.User] = store.Standing{User: x.User, Value: was.Value + x.Value, At: x.At}
			}
		}
		t.fatal("put", stores[round%2].PutRanks(t.ctx(), scores, nil))
		if round%6 == 5 {
			compareRanks(t, stores[round%2], model, random)
		}
	}
}

func compareRanks(t *suite, s store.Store, model map[string]store.Standing, random *rand.Rand) {
	var want []store.Standing
	for _, st := range model {
		want = append(want, st)
	}
	slices.SortFunc(want, func(a, b store.Standing) int { return cmp.Or(cmp.Compare(b.Value, a.Value), a.At.Compare(b.At)) })
	for i := range want {
		want[i].Rank = int64(i) + 1
	}
	var got []store.Standing
	for cursor := ""; ; {
		page, err := s.Top(t.ctx(), wins, cursor, 70)
		t.fatal("list", err)
		equal(t, "players", page.Players, int64(len(want)))
		got = append(got, page.List...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if order(got) != order(want) {
		t.Fatalf("board:\n got %s\nwant %s", order(got), order(want))
	}
	for range 20 {
		i, limit := random.IntN(len(want)), 1+random.IntN(12)
		from := max(0, min(i-(limit-1)/2, len(want)-limit))
		page, err := s.Around(t.ctx(), wins, want[i].User, limit)
		t.fatal("around", err)
		equal(t, fmt.Sprintf("%d around %d", limit, i), order(page.List), order(want[from:min(from+limit, len(want))]))
		j := random.IntN(len(want))
		set := []store.Standing{want[min(i, j)], want[max(i, j)]}
		page, err = s.StandingsOf(t.ctx(), wins, []string{want[j].User, "nobody", want[i].User, want[j].User})
		t.fatal("a set", err)
		equal(t, "a set", order(page.List), order(slices.Compact(set)))
	}
}

// ranksAreOneMoment: while players pass each other, nobody who stands still is seen to move.
func ranksAreOneMoment(t *suite) {
	stores := []store.Store{t.open(), t.open()}
	ctx := t.ctx()
	var scores []store.Score
	for i := range 60 {
		scores = append(scores, score(wins, t.user(stores[0]), int64(1000-10*i), store.Last, begin))
	}
	t.fatal("put", stores[0].PutRanks(ctx, scores, nil))
	still := scores[59].User // all others stay above it
	together(5, func(g int) {
		for n := range 40 {
			if g == 4 {
				st, players, err := stores[1].Standing(ctx, wins, still)
				if err != nil || st.Rank != 60 || players != 60 {
					t.Errorf("got rank %d of %d, %v; want 60 of 60", st.Rank, players, err)
				}
				continue
			}
			x := scores[(n*7+g*13)%59]
			x.Value = int64(2000 + (n*31+g*17)%500)
			if err := stores[g%2].PutRanks(ctx, []store.Score{x}, nil); err != nil {
				t.Errorf("put: %v", err)
			}
		}
	})
}
