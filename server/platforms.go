package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/madang-games/madang/lobby/platform"
)

// gameCenter is the name of Apple's Game Center among the platforms.
const gameCenter = "gamecenter"

var (
	platformName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	ownPlatforms = []string{"guest", "custom", "password"}
)

// signInPlatforms reads Platforms, OIDC and GameCenter. It asks nobody yet.
func (c *Config) signInPlatforms() (map[string]platform.Platform, error) {
	for _, name := range c.Platforms {
		if !slices.Contains(ownPlatforms, name) {
			return nil, fmt.Errorf("--platforms %q is none of %s", name, strings.Join(ownPlatforms, ", "))
		}
	}
	all := map[string]platform.Platform{}
	for _, text := range c.OIDC {
		name, rest, _ := strings.Cut(text, "=")
		issuer, clients, _ := strings.Cut(rest, ",")
		if !platformName.MatchString(name) || slices.Contains(ownPlatforms, name) || name == gameCenter || all[name] != nil {
			return nil, fmt.Errorf("--oidc %q: the name is taken, or not 1 to 32 of a-z, 0-9, _ and -; the form is google=https://accounts.google.com,<client id>", text)
		}
		o, err := platform.NewOpenID(platform.OpenIDConfig{Issuer: issuer, ClientIDs: strings.Split(clients, ",")})
		if err != nil {
			return nil, fmt.Errorf("--oidc %q: %w", text, err)
		}
		all[name] = o
	}
	if len(c.GameCenter) > 0 {
		g, err := platform.NewGameCenter(platform.GameCenterConfig{Bundles: c.GameCenter})
		if err != nil {
			return nil, fmt.Errorf("--game-center: %w", err)
		}
		all[gameCenter] = g
	}
	return all, nil
}
