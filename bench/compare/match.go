package main

import (
	"context"
	"fmt"
)

// match: rooms of 10 that tick 10 times a second, each player sends 2 messages a second, every other one goes to all 10. The bare program does
// not tick.
func match(ctx context.Context, b *bench) error {
	const rooms, deliveries = 800, 10 * 10 // of a room, a second
	size := fmt.Sprintf("--rooms=%d", rooms)
	reports, err := b.take(ctx, []string{"bare", "echo"}, "--match", size)
	if err != nil {
		return err
	}
	tellOf("8,000 in matches, told at once", []figure{cpu, cost, p50, p99}, reports)
	reports, err = b.take(ctx, []string{"echo"}, "--match", "--collect", size)
	if err != nil {
		return err
	}
	for _, f := range []figure{cpu, cost, p50, p99, after, last} {
		row("8,000 in matches, told at the tick: "+f.name, f.format, 0, median(reports[0], f.of))
	}
	for _, c := range []struct {
		name string
		late figure
		load []string
	}{
		{"told at once, p99 <= 50 ms", p99, []string{"--match"}},
		{"told at the tick, p99 <= 50 ms beyond it", last, []string{"--match", "--collect"}},
	} {
		found, err := b.limit(ctx, "echo", 200, 200, deliveries, c.late, c.load...)
		if err != nil {
			return err
		}
		row("most players in matches, "+c.name, "%.0f", 0, float64(found.Clients))
	}
	return nil
}
