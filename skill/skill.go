// Package skill rates players by Glicko-2, as Mark E. Glickman describes it in "Example of the Glicko-2 system"
// (glicko.net/glicko/glicko2.pdf, 2022); steps and names in the comments are the paper's.
package skill

import (
	"math"
	"time"
)

// What a player begins with (step 1), and the system's constant.
const (
	Start           = 1500
	StartDeviation  = 350
	StartVolatility = 0.06
	// Tau bounds how fast volatilities change; the paper's advice is 0.3 to 1.2.
	Tau = 0.5
	// Period is the rating period: a player who does not play for as long grows less certain by one step.
	Period = 24 * time.Hour
)

const (
	scale     = 173.7178 // from the scale of Glicko to that of Glicko-2, step 2
	converged = 1e-6     // epsilon of step 5
	mostSteps = 100      // of an iteration that needs about ten
)

// Rating is what is known of a player's skill: with 95 % certainty it is within two Deviations of Value.
type Rating struct {
	Value      float64
	Deviation  float64 // at most StartDeviation
	Volatility float64
}

// New is the rating of somebody who has not played.
func New() Rating { return Rating{Start, StartDeviation, StartVolatility} }

// Game is one game of a rating period: Score is 1 for a win, 0.5 for a draw, 0 for a loss.
type Game struct {
	Opponent Rating // as it was when the period began
	Score    float64
}

// Rested is r after a time in which nothing was played (step 6 alone); parts of a Period count in proportion.
func (r Rating) Rested(idle time.Duration) Rating {
	if idle <= 0 {
		return r
	}
	phi := r.Deviation / scale
	phi = math.Sqrt(phi*phi + r.Volatility*r.Volatility*float64(idle)/float64(Period))
	r.Deviation = min(phi*scale, StartDeviation)
	return r
}

// Played is r after games that count as one rating period. None changes nothing: see [Rating.Rested].
func (r Rating) Played(games []Game) Rating {
	if len(games) == 0 {
		return r
	}
	mu, phi := (r.Value-Start)/scale, r.Deviation/scale
	var precision, gain float64 // 1/v of step 3, and the sum of step 4
	for _, g := range games {
		other := g.Opponent.Deviation / scale
		weight := 1 / math.Sqrt(1+3*other*other/(math.Pi*math.Pi))
		expected := 1 / (1 + math.Exp(-weight*(mu-(g.Opponent.Value-Start)/scale)))
		precision += weight * weight * expected * (1 - expected)
		gain += weight * (g.Score - expected)
	}
	v := 1 / precision
	sigma := volatility(r.Volatility, phi, v, v*gain)
	before := phi*phi + sigma*sigma         // step 6
	phi = 1 / math.Sqrt(1/before+precision) // step 7
	mu += phi * phi * gain
	return Rating{mu*scale + Start, min(phi*scale, StartDeviation), sigma} // step 8
}

// volatility is step 5: the root of f by the Illinois algorithm.
func volatility(sigma, phi, v, delta float64) float64 {
	a := math.Log(sigma * sigma)
	f := func(x float64) float64 {
		e, d := math.Exp(x), phi*phi+v+math.Exp(x)
		return e*(delta*delta-d)/(2*d*d) - (x-a)/(Tau*Tau)
	}
	low, high := a, math.Log(max(delta*delta-phi*phi-v, math.SmallestNonzeroFloat64))
	if delta*delta <= phi*phi+v {
		high = a - Tau
		for k := 2; k <= mostSteps && f(high) < 0; k++ {
			high = a - float64(k)*Tau
		}
	}
	fLow, fHigh := f(low), f(high)
	for range mostSteps {
		if math.Abs(high-low) <= converged {
			break
		}
		next := low + (low-high)*fLow/(fHigh-fLow)
		fNext := f(next)
		if fNext*fHigh <= 0 {
			low, fLow = high, fHigh
		} else {
			fLow /= 2
		}
		high, fHigh = next, fNext
	}
	return math.Exp(low / 2)
}
