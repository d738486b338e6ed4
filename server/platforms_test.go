package server

import (
	"maps"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// Flags and the environment give the same platforms.
func TestPlatformsAreConfigured(t *testing.T) {
	want := []string{"apple", "gamecenter", "google"}
	parse := func(args ...string) Config {
		t.Helper()
		var c Config
		parser, err := kong.New(&c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		return c
	}
	check := func(what string, c Config) {
		t.Helper()
		c, err := c.filled()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		all, err := c.signInPlatforms()
		if got := slices.Sorted(maps.Keys(all)); err != nil || !slices.Equal(got, want) || !slices.Equal(c.Platforms, []string{"guest", "password"}) {
			t.Errorf("%s: got %q and %q, %v; want %q", what, c.Platforms, got, err, want)
		}
	}
	check("flags", parse("--platforms=guest,password", "--oidc=google=https://accounts.google.com,id-1,id-2", "--oidc=apple=https://appleid.apple.com,id-3", "--game-center=com.example.game"))
	for name, value := range map[string]string{
		"MADANG_PLATFORMS": "guest,password", "MADANG_GAME_CENTER": "com.example.game,com.example.other",
		"MADANG_OIDC": "google=https://accounts.google.com,id-1,id-2;apple=https://appleid.apple.com,id-3",
	} {
		t.Setenv(name, value)
	}
	check("environment", parse())
}

func TestPlatformsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"unknown":        {Platforms: []string{"steam"}},
		"no name":        {OIDC: []string{"https://accounts.google.com,id"}},
		"our name":       {OIDC: []string{"guest=https://accounts.google.com,id"}},
		"twice":          {OIDC: []string{"a=https://a.example,id", "a=https://b.example,id"}},
		"game center's":  {OIDC: []string{"gamecenter=https://a.example,id"}},
		"no client":      {OIDC: []string{"google=https://accounts.google.com"}},
		"no https":       {OIDC: []string{"google=http://accounts.google.com,id"}},
		"empty bundle":   {GameCenter: []string{""}},
		"capital letter": {OIDC: []string{"Google=https://accounts.google.com,id"}},
	} {
		if _, err := c.filled(); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
