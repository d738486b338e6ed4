// Command fairness lets a simulated population play 5 against 5 and shows how long players wait, and how close in skill their
// matches are, for several window rules:
//
//	go run ./match/fairness -plot docs/matching.svg
//
// It prints a table in Markdown. The same flags give the same figures.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/madang-games/madang/match"
)

// populations are how many players there are, in matches or waiting for one.
var populations = []int{200, 2_000, 20_000}

// named is rules with a name for the legend.
type named struct {
	name  string
	skill match.Window
}

var windows = []named{
	{"50, +2/s to 300", match.Window{From: 50, PerSecond: 2, To: 300}},
	{"100, +5/s to 600", match.Window{From: 100, PerSecond: 5, To: 600}},
	{"300 always", match.Window{From: 300}},
	{"any skill", match.Window{}},
}

func main() {
	plot := flag.String("plot", "", "`file` to write the plot to, as SVG")
	players := flag.Int("players", 40_000, "how many players come, for each population and window")
	seed := flag.Uint64("seed", 1, "of the population")
	flag.Parse()
	fmt.Println("| players | window | wait p50 | p95 | parties p95 | gave up | distance p50 | p95 | teams apart p50 | p95 |")
	fmt.Println("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	var panels []panel
	for _, population := range populations {
		p := panel{title: fmt.Sprintf("%d players", population)}
		for _, w := range windows {
			r := simulate(population, w.skill, *players, *seed)
			p.lines = append(p.lines, line{w.name, r.byWait()})
			fmt.Printf("| %d | %s | %s | %s | %s | %.1f %% | %.0f | %.0f | %.0f | %.0f |\n", population, w.name,
				seconds(quantile(r.waits(everyone), 0.5)), seconds(quantile(r.waits(everyone), 0.95)), seconds(quantile(r.waits(parties), 0.95)),
				100*r.gaveUp(), quantile(r.distances(), 0.5), quantile(r.distances(), 0.95), quantile(r.gaps, 0.5), quantile(r.gaps, 0.95))
		}
		panels = append(panels, p)
	}
	if *plot == "" {
		return
	}
	if err := os.WriteFile(*plot, draw(panels), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func seconds(s float64) string {
	return (time.Duration(s*1000) * time.Millisecond).Round(100 * time.Millisecond).String()
}
