// Command compare measures Madang beside the bare program of ../bare in one run on one machine: the server on one core, the load
// on another. docs/performance.md says what the figures mean.
//
//	go run ./bench/compare            # all cases
//	go run ./bench/compare -case echo # one of them
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	only := flag.String("case", "", "one case: "+strings.Join(names(), ", ")+"; default all")
	rounds := flag.Int("rounds", 3, "how often each figure is taken; the median counts")
	seconds := flag.Int("seconds", 8, "how long each is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *rounds, time.Duration(*seconds)*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// cases are what is compared, in this order.
var cases = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"echo", echo},
	{"most", most},
	{"room", oneRoom},
	{"storm", storm},
	{"idle", idle},
	{"match", match},
	{"growth", growth},
}

func names() (all []string) {
	for _, c := range cases {
		all = append(all, c.name)
	}
	return all
}

func run(ctx context.Context, only string, rounds int, long time.Duration) error {
	if only != "" && !slices.Contains(names(), only) {
		return fmt.Errorf("no case %q; there are %s", only, strings.Join(names(), ", "))
	}
	b, err := build(ctx, rounds, long)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Printf("| figure | bare | Madang | Madang / bare |\n| --- | ---: | ---: | ---: |\n")
	for _, c := range cases {
		if only == "" || only == c.name {
			if err := c.run(ctx, b); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

// both runs the load against both and prints the figures that tell finds in the medians of their reports.
func (b *bench) both(ctx context.Context, what string, tell []figure, load ...string) error {
	reports, err := b.take(ctx, []string{"bare", "madang"}, load...)
	if err != nil {
		return err
	}
	tellOf(what, tell, reports)
	return nil
}

// take loads each of the servers in each round, in turn, so that what else the machine does meets all.
func (b *bench) take(ctx context.Context, servers []string, load ...string) (reports [][]report, err error) {
	reports = make([][]report, len(servers))
	for range b.rounds {
		for i, server := range servers {
			r, err := b.measure(ctx, server, load...)
			if err != nil {
				return nil, err
			}
			reports[i] = append(reports[i], r)
		}
	}
	return reports, nil
}

// tellOf prints the figures of both.
func tellOf(what string, tell []figure, reports [][]report) {
	for _, f := range tell {
		row(what+": "+f.name, f.format, median(reports[0], f.of), median(reports[1], f.of))
	}
}

// row prints one figure; bare 0: there is none of the bare program.
func row(name, format string, bare, madang float64) {
	if bare == 0 {
		fmt.Printf("| %s | | "+format+" | |\n", name, madang)
		return
	}
	fmt.Printf("| %s | "+format+" | "+format+" | %.2f |\n", name, bare, madang, madang/bare)
}

type figure struct {
	name, format string
	of           func(report) float64
}

func median(reports []report, of func(report) float64) float64 {
	values := make([]float64, len(reports))
	for i, r := range reports {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

var (
	cost   = figure{"CPU for 1,000 deliveries, ms", "%.2f", func(r report) float64 { return r.Cost }}
	p50    = figure{"p50, ms", "%.2f", func(r report) float64 { return r.P50 }}
	p99    = figure{"p99, ms", "%.2f", func(r report) float64 { return r.P99 }}
	rate   = figure{"deliveries/s", "%.0f", func(r report) float64 { return r.Rate }}
	joins  = figure{"joins/s", "%.0f", func(r report) float64 { return float64(r.Clients) / r.JoinSeconds }}
	joined = figure{"joins, p99 ms", "%.0f", func(r report) float64 { return r.JoinP99 }}
	memory = figure{"KiB a client", "%.1f", func(r report) float64 { return r.Memory }}
	cpu    = figure{"CPU, % of a core", "%.2f", func(r report) float64 { return r.CPU }}
	after  = figure{"p50 beyond the tick, ms", "%.2f", func(r report) float64 { return r.BeyondP50 }}
	last   = figure{"p99 beyond the tick, ms", "%.2f", func(r report) float64 { return r.BeyondP99 }}
)

// echo: 20,000 deliveries a second.
func echo(ctx context.Context, b *bench) error {
	return b.both(ctx, "20 rooms of 10, 20,000 deliveries/s", []figure{cost, p50, p99}, "--rooms=20", "--rate=10")
}

// most looks for the most rooms at which p99 stays under 50 ms.
func most(ctx context.Context, b *bench) error {
	var best [2][]float64
	for range b.rounds {
		for i, server := range []string{"bare", "madang"} {
			found, err := b.limit(ctx, server, 80, 40, 1000, p99, "--rate=10")
			if err != nil {
				return err
			}
			best[i] = append(best[i], found.Rate)
		}
	}
	for i := range best {
		slices.Sort(best[i])
	}
	row("rooms of 10: deliveries/s at p99 <= 50 ms", "%.0f", best[0][b.rounds/2], best[1][b.rounds/2])
	return nil
}

// limit looks for the most rooms at which late stays under 50 ms and nothing is put off, in steps, each of them half of the one before: a room
// has so many deliveries a second. It returns the report of the last that went.
func (b *bench) limit(ctx context.Context, server string, rooms, step int, each float64, late figure, load ...string) (found report, err error) {
	for least := step / 4; step >= least; rooms += step {
		r, err := b.measure(ctx, server, append([]string{fmt.Sprintf("--rooms=%d", rooms)}, load...)...)
		if err != nil {
			return found, err
		}
		if late.of(r) <= 50 && r.Rate > 0.95*each*float64(rooms) {
			found = r
			continue
		}
		rooms -= step // back to what went, and on in smaller steps
		step /= 2
	}
	return found, nil
}

func oneRoom(ctx context.Context, b *bench) error {
	return b.both(ctx, "one room of 1,000, 3,000 messages/s", []figure{rate, cost}, "--rooms=1", "--clients=1000", "--rate=3", "--size=100")
}

func storm(ctx context.Context, b *bench) error {
	return b.both(ctx, "5,000 at once", []figure{joins, joined}, "--rooms=500", "--connecting=5000", "--idle", "--time=1s")
}

func idle(ctx context.Context, b *bench) error {
	if err := b.both(ctx, "10,000 idle", []figure{memory, cpu}, "--rooms=1000", "--idle", "--time=10s", "--warmup=5s"); err != nil {
		return err
	}
	// What a room costs whose players say nothing is the difference of these two. The game holds seats long enough for all to come.
	for _, c := range []struct{ rooms, clients int }{{10, 1000}, {10_000, 1}} {
		what := fmt.Sprintf("10,000 idle in %d rooms, a minute", c.rooms)
		reports, err := b.take(ctx, []string{"bare", "echo"}, "--game=checkpointed", fmt.Sprintf("--rooms=%d", c.rooms),
			fmt.Sprintf("--clients=%d", c.clients), "--idle", "--time=60s", "--warmup=15s")
		if err != nil {
			return err
		}
		tellOf(what, []figure{cpu}, reports)
	}
	return nil
}
