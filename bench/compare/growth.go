package main

import (
	"context"
	"fmt"
)

// growth: the same deliveries a second in ever more rooms. What grows with the bare program, too, is the system's: more sockets, colder caches.
// The largest are as many as a process may have connections here.
func growth(ctx context.Context, b *bench) error {
	for _, c := range []struct {
		game       string
		clients    int // of a room
		deliveries float64
		rooms      []int
	}{
		{"ephemeral", 10, 20_000, []int{10, 100, 1000, 1950}},
		{"ephemeral", 2, 5_000, []int{10, 100, 1000, 9750}},
		{"checkpointed", 2, 5_000, []int{10, 100, 1000, 9750}},
	} {
		var first [2]float64
		for _, rooms := range c.rooms {
			rate := c.deliveries / float64(rooms*c.clients*c.clients)
			reports, err := b.take(ctx, []string{"bare", "echo"}, "--game="+c.game, fmt.Sprintf("--rooms=%d", rooms),
				fmt.Sprintf("--clients=%d", c.clients), fmt.Sprintf("--rate=%g", rate), "--connecting=256", "--warmup=12s") // until even the rarest speakers have begun
			if err != nil {
				return err
			}
			what := fmt.Sprintf("%s, %.0f deliveries/s, %d rooms of %d", c.game, c.deliveries, rooms, c.clients)
			tellOf(what, []figure{cost}, reports)
			now := [2]float64{median(reports[0], cost.of), median(reports[1], cost.of)}
			if first[0] == 0 {
				first = now
				continue
			}
			row(fmt.Sprintf("%s / %d rooms", what, c.rooms[0]), "%.2f", now[0]/first[0], now[1]/first[1])
		}
	}
	return nil
}
