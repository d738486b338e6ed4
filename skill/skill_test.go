package skill

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The paper's example: 1500 with deviation 200 beats 1400 (30), and loses to 1550 (100) and 1700 (300).
func TestThePapersExample(t *testing.T) {
	t.Parallel()
	got := Rating{1500, 200, 0.06}.Played([]Game{
		{Rating{1400, 30, 0.06}, 1}, {Rating{1550, 100, 0.06}, 0}, {Rating{1700, 300, 0.06}, 0},
	})
	near(t, "rating", got.Value, 1464.06, 0.01)
	near(t, "deviation", got.Deviation, 151.52, 0.01)
	near(t, "volatility", got.Volatility, 0.05999, 0.00001)
}

func TestRestMakesUncertain(t *testing.T) {
	t.Parallel()
	r := Rating{1600, 50, 0.06}
	got := r.Rested(Period)
	near(t, "after one period", got.Deviation, math.Hypot(50, 0.06*scale), 1e-9)
	near(t, "rating", got.Value, 1600, 0)
	near(t, "in two halves", r.Rested(Period/2).Rested(Period/2).Deviation, got.Deviation, 1e-9)
	near(t, "after ages", r.Rested(100*365*24*time.Hour).Deviation, StartDeviation, 0)
	if r.Rested(-time.Hour) != r || r.Played(nil) != r {
		t.Error("no time and no games change the rating")
	}
}

func TestADrawOfEqualsMovesNobody(t *testing.T) {
	t.Parallel()
	for i, side := range Match([]Side{{1, []Rating{New()}}, {1, []Rating{New()}}}) {
		near(t, "rating", side[0].Value, Start, 1e-9)
		if side[0].Deviation >= StartDeviation {
			t.Errorf("side %d: got deviation %v, want it smaller", i, side[0].Deviation)
		}
	}
}

func TestTheWinnerGainsWhatTheLoserLoses(t *testing.T) {
	t.Parallel()
	after := Match([]Side{{1, []Rating{New()}}, {2, []Rating{New()}}})
	near(t, "sum", after[0][0].Value+after[1][0].Value, 2*Start, 1e-9)
	near(t, "winner", after[0][0].Value, 1662.31, 0.01)
}

func TestTeamsAndManySides(t *testing.T) {
	t.Parallel()
	strong, weak := Rating{1800, 60, 0.06}, Rating{1300, 60, 0.06}
	after := Match([]Side{{2, []Rating{strong, weak}}, {1, []Rating{New(), New()}}, {3, []Rating{New()}}, {4, nil}})
	if len(after) != 4 || len(after[0]) != 2 || len(after[3]) != 0 {
		t.Fatalf("got %v", after)
	}
	if after[1][0] != after[1][1] || after[1][0].Value <= Start || after[2][0].Value >= Start {
		t.Errorf("got %v", after)
	}
	if gain, loss := after[0][1].Value-weak.Value, after[0][0].Value-strong.Value; gain <= loss {
		t.Errorf("the weak one changes by %v, the strong one by %v", gain, loss)
	}
	if alone := Match([]Side{{1, []Rating{strong}}}); alone[0][0] != strong {
		t.Errorf("alone: got %v, want %v", alone[0][0], strong)
	}
}

func TestRatingsFindTheTruth(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	truth := []float64{1200, 1400, 1600, 1800}
	ratings := []Rating{New(), New(), New(), New()}
	for range 2000 {
		a, b := random.IntN(4), random.IntN(4)
		if a == b {
			continue
		}
		places := [2]int{1, 2}
		if random.Float64() > 1/(1+math.Pow(10, (truth[b]-truth[a])/400)) {
			places = [2]int{2, 1}
		}
		after := Match([]Side{{places[0], []Rating{ratings[a]}}, {places[1], []Rating{ratings[b]}}})
		ratings[a], ratings[b] = after[0][0], after[1][0]
	}
	for i, r := range ratings {
		near(t, "rating", r.Value, truth[i], 120)
	}
}

func TestExtremesStayFinite(t *testing.T) {
	t.Parallel()
	for _, r := range []Rating{{-1e5, 350, 0.06}, {1e5, 1e-3, 1e-6}, {1500, 350, 10}} {
		for _, o := range []Rating{{1e5, 350, 0.06}, {-1e5, 1e-3, 0.06}} {
			for _, score := range []float64{0, 0.5, 1} {
				got := r.Played([]Game{{o, score}})
				for _, x := range []float64{got.Value, got.Deviation, got.Volatility} {
					if math.IsNaN(x) || math.IsInf(x, 0) {
						t.Errorf("%v against %v with %v: got %v", r, o, score, got)
					}
				}
			}
		}
	}
}
