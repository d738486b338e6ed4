package lobby

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// catalog is the games of a lobby.
type catalog struct {
	names  []string                       // ordered
	all    map[string]handlers.Definition // by name and version
	newest map[string]handlers.Definition // by name
}

func gameKey(name, version string) string { return name + "\x00" + version }

func newCatalog(games []handlers.Definition) (catalog, error) {
	c := catalog{all: map[string]handlers.Definition{}, newest: map[string]handlers.Definition{}}
	for _, g := range games {
		key := gameKey(g.Name(), g.Version())
		if c.all[key] != nil {
			return c, fmt.Errorf("lobby: game %q has version %q twice", g.Name(), g.Version())
		}
		c.all[key] = g
		newest := c.newest[g.Name()]
		if newest == nil {
			c.names = append(c.names, g.Name())
		}
		if newest == nil || compareVersions(g.Version(), newest.Version()) >= 0 {
			c.newest[g.Name()] = g
		}
	}
	slices.Sort(c.names)
	return c, nil
}

// versions lists a game's versions, newest first.
func (c *catalog) versions(name string) []string {
	var all []string
	for _, g := range c.all {
		if g.Name() == name {
			all = append(all, g.Version())
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(compareVersions(b, a), cmp.Compare(b, a)) })
	return all
}

// compareVersions orders versions as people read them: numbers as numbers, all else as text.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a = firstRun(a)
		y, b = firstRun(b)
		n, errN := strconv.ParseUint(x, 10, 64)
		m, errM := strconv.ParseUint(y, 10, 64)
		order := cmp.Compare(x, y)
		if errN == nil && errM == nil {
			order = cmp.Compare(n, m)
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}

// firstRun cuts off the digits, or the other characters, that a version begins with.
func firstRun(version string) (run, rest string) {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	first := digit(rune(version[0]))
	if i := strings.IndexFunc(version, func(r rune) bool { return digit(r) != first }); i >= 0 {
		return version[:i], version[i:]
	}
	return version, ""
}

// specOf says what a room of the game asks of the broker.
func specOf(room string, p handlers.Policy) broker.Spec {
	spec := broker.Spec{Room: room, Durability: broker.Kept, Bound: p.Queue}
	if _, ok := p.Keep.(handlers.Ephemeral); ok {
		spec.Durability = broker.Passing
	}
	return spec
}

// gameJSON is a game on the wire.
type gameJSON struct {
	Name     string       `json:"name"`
	Version  string       `json:"version"` // of new rooms
	Versions []string     `json:"versions"`
	Capacity int          `json:"capacity"`
	Policy   policyJSON   `json:"policy"`
	Boards   []boardsJSON `json:"boards"`
	Modes    []modeJSON   `json:"modes"`
	Labels   []labelJSON  `json:"labels"`
}

// labelJSON is what rooms of a game are found by.
type labelJSON struct {
	Name   string `json:"name"`
	Number bool   `json:"number"`
}

func labelsOf(p handlers.Policy) []labelJSON {
	labels := []labelJSON{}
	for _, l := range p.Labels {
		labels = append(labels, labelJSON(l))
	}
	return labels
}

type policyJSON struct {
	Keep         string `json:"keep"` // durable, checkpointed, ephemeral
	CheckpointMS int64  `json:"checkpoint_ms,omitempty"`
	GraceMS      int64  `json:"grace_ms"`
	IdleMS       int64  `json:"idle_ms"`
	Retain       int    `json:"retain"`
	Queue        int    `json:"queue"`
	Spectators   int    `json:"spectators"`
	OwnerCloses  bool   `json:"owner_closes"`
}

func policyOf(p handlers.Policy) policyJSON {
	out := policyJSON{
		Keep: "durable", GraceMS: p.Grace.Milliseconds(), IdleMS: p.Idle.Milliseconds(), Retain: p.Retain, Queue: p.Queue,
		Spectators: p.Spectators, OwnerCloses: p.OwnerCloses,
	}
	switch keep := p.Keep.(type) {
	case handlers.Checkpointed:
		out.Keep, out.CheckpointMS = "checkpointed", keep.Every.Milliseconds()
	case handlers.Ephemeral:
		out.Keep = "ephemeral"
	}
	return out
}

// listGames is GET /games.
func (s *Service) listGames(c *Context) error {
	games := []gameJSON{}
	for _, name := range s.games.names {
		g := s.versionFor(name, "")
		p := g.Policy()
		games = append(games, gameJSON{name, g.Version(), s.games.versions(name), p.Capacity, policyOf(p), boardsOf(p), s.modesOf(name), labelsOf(p)})
	}
	return c.JSON(http.StatusOK, struct {
		Games []gameJSON `json:"games"`
	}{games})
}
