package lobby

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

func versioned(version string) handlers.Definition {
	return handlers.New("arena", func() *struct{} { return &struct{}{} }).WithVersion(version)
}

// serviceWith knows versions 1, 2 and 10, and has heard of workers with these versions.
func serviceWith(t *testing.T, canary map[string]Canary, played ...string) *Service {
	t.Helper()
	games, err := newCatalog([]handlers.Definition{versioned("1"), versioned("10"), versioned("2")})
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{games: games, config: Config{Canary: canary, Now: time.Now, Process: "me"}}
	for i, v := range played {
		s.hear(t, broker.Process{ID: fmt.Sprint("worker-", i), Games: map[string][]string{"arena": {v}}})
	}
	return s
}

func (s *Service) hear(t *testing.T, p broker.Process) {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	s.roster.Observe(broker.Notice{Kind: broker.NoticeProcess, From: p.ID, Body: body}, s.config.Now())
}

func TestNewRoomsGetTheNewestVersionThatIsPlayed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		played []string
		want   string
	}{
		{"nobody there", nil, "10"},
		{"all", []string{"1", "2", "10"}, "10"},
		{"the newest is not played", []string{"1", "2"}, "2"},
		{"only the oldest", []string{"1"}, "1"},
		{"only one that the lobby does not know", []string{"11"}, "10"},
	} {
		if got := serviceWith(t, nil, c.played...).versionFor("arena", "ann").Version(); got != c.want {
			t.Errorf("%s: got version %s, want %s", c.name, got, c.want)
		}
	}
	if got := serviceWith(t, nil).versionFor("chess", "ann"); got != nil {
		t.Errorf("unknown game: got %v", got)
	}
}

func TestVersionsOfDrainingWorkersAreNotForNewRooms(t *testing.T) {
	t.Parallel()
	s := serviceWith(t, nil, "1", "2")
	s.hear(t, broker.Process{ID: "worker-1", Games: map[string][]string{"arena": {"2"}}, Drains: true})
	if got := s.versionFor("arena", "ann").Version(); got != "1" {
		t.Errorf("got version %s, want 1", got)
	}
}

func TestCanaryGetsItsShareAndPlayersKeepTheirVersion(t *testing.T) {
	t.Parallel()
	s := serviceWith(t, map[string]Canary{"arena": {"10", 20}}, "1", "2", "10")
	count := map[string]int{}
	for i := range 5000 {
		user := fmt.Sprint("user-", i)
		v := s.versionFor("arena", user).Version()
		if again := s.versionFor("arena", user).Version(); again != v {
			t.Fatalf("%s gets %s and then %s", user, v, again)
		}
		count[v]++
	}
	if count["10"] < 850 || count["10"] > 1150 || count["2"] != 5000-count["10"] {
		t.Errorf("got %v, want about 1000 with version 10 and the others with 2", count)
	}
	for percent, want := range map[int]string{0: "2", 100: "10"} {
		s := serviceWith(t, map[string]Canary{"arena": {"10", percent}}, "1", "2", "10")
		if got := s.versionFor("arena", "ann").Version(); got != want {
			t.Errorf("%d percent: got %s, want %s", percent, got, want)
		}
	}
	for percent, want := range map[int]string{99: "2", 100: "10"} {
		s := serviceWith(t, map[string]Canary{"arena": {"10", percent}}, "1", "2", "10")
		if got := s.versionFor("arena", "").Version(); got != want {
			t.Errorf("nobody in particular at %d percent: got %s, want %s", percent, got, want)
		}
	}
	newer := serviceWith(t, map[string]Canary{"arena": {"1", 10}}, "2")
	if got := newer.versionFor("arena", "ann").Version(); got != "2" {
		t.Errorf("only one newer than the canary is played: got %s, want 2", got)
	}
	alone := serviceWith(t, map[string]Canary{"arena": {"10", 0}}, "10")
	if got := alone.versionFor("arena", "ann").Version(); got != "10" {
		t.Errorf("the canary alone is played: got %s, want 10", got)
	}
}

func TestSilentBoardForgetsNobody(t *testing.T) {
	t.Parallel()
	s := serviceWith(t, nil, "1")
	now := time.Now()
	s.config.Now = func() time.Time { return now }
	now = now.Add(time.Minute)
	s.forget()
	if got := s.versionFor("arena", "ann").Version(); got != "1" {
		t.Errorf("the board is silent: got version %s, want still 1", got)
	}
	s.hear(t, broker.Process{ID: "me"})
	s.forget()
	if got := s.versionFor("arena", "ann").Version(); got != "10" {
		t.Errorf("the worker is silent: got version %s, want 10", got)
	}
}
