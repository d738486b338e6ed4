package server

import (
	"slices"
	"strings"
	"testing"
)

func TestZeroConfigIsTheProgramWithoutFlags(t *testing.T) {
	t.Parallel()
	c, err := Config{}.filled()
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":8080" || c.Data != "./data" || c.Store != "sqlite" || !c.embedded() ||
		!slices.Equal(c.Role, []string{"lobby", "web", "worker"}) {
		t.Errorf("got %+v", c)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	rabbit := []string{"amqp://guest:secret@localhost:5672/"}
	for name, c := range map[string]struct {
		config Config
		want   string // part of the error
	}{
		"unknown role":                {Config{Role: []string{"chef"}}, `--role "chef"`},
		"memory in many processes":    {Config{Role: []string{"web"}}, "--broker memory"},
		"memory and another":          {Config{Broker: []string{"memory", "amqp://x"}}, "--broker memory"},
		"not a broker":                {Config{Broker: []string{"kafka://x"}}, "--broker"},
		"not a store":                 {Config{Store: "mysql://x"}, "--store"},
		"not a public URL":            {Config{PublicURL: "play.example.org"}, "--public-url"},
		"a lobby that can't point on": {Config{Role: []string{"lobby"}, Broker: rabbit}, "--public-url"},
		"not a level":                 {Config{Log: "loud"}, "--log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.config.filled()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error about %s", err, c.want)
			}
		})
	}
}

func TestPasswordsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	_, err := Config{Broker: []string{"http://me:secret@host"}}.filled()
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func TestRolesAreASet(t *testing.T) {
	t.Parallel()
	got, err := roles([]string{"worker", "all", "web"})
	if want := []string{"lobby", "web", "worker"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}
