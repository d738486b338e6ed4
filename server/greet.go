package server

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// greet tells the person at the terminal where to go, once there is something to see.
func (s *Server) greet(ctx context.Context, out io.Writer) {
	select {
	case <-s.built:
	case <-ctx.Done():
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Madang is up:  %s\n\n", s.URL())
	if len(s.games) > 0 {
		for i, g := range s.games {
			title := ""
			if i == 0 {
				title = "games"
			}
			fmt.Fprintf(&b, "  %-6s %-10s version %s, up to %d players\n", title, g.Name(), g.Version(), g.Policy().Capacity)
		}
	}
	if s.config.has(RoleLobby) {
		if s.config.has(RoleWeb) {
			b.WriteString("\n  Open the address in two browser tabs and play: each tab is a player of its own.\n")
		}
		fmt.Fprintf(&b, "  API: %s/openapi.yaml\n", s.URL())
	}
	b.WriteString("  Ctrl-C stops in order.\n\n")
	_, _ = io.WriteString(out, b.String())
}
