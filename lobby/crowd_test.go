package lobby

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pile is ids that players have come by, from anybody, by what they are of.
type pile struct {
	mu  sync.Mutex
	ids map[string][]string
}

func (p *pile) add(kind string, ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(ids) > 0 {
		p.ids[kind] = append(p.ids[kind], ids...)
	}
}

// any is an id of that kind, mostly one of the last ones; now and then of any kind.
func (p *pile) any(kind string, r *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ids[kind]) == 0 || r.IntN(10) == 0 {
		kinds := slices.Sorted(maps.Keys(p.ids))
		kind = kinds[r.IntN(len(kinds))]
	}
	ids := p.ids[kind]
	if last := ids[max(0, len(ids)-8):]; r.IntN(4) > 0 {
		ids = last
	}
	return ids[r.IntN(len(ids))]
}

// kind is of what a place takes the id.
func (p place) kind() string {
	segment, _, _ := strings.Cut(p.key, "/")
	switch p.name {
	case "user", "to":
		return "users"
	case "party":
		return "parties"
	case "from", "room":
		return "rooms"
	}
	return segment
}

// Players who do everything to each other at once, through two lobbies, are refused or not, but nothing fails.
func TestNoCallFailsWhateverOthersDoMeanwhile(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		const players, calls = 8, 150
		tokens, err := newRing()
		if err != nil {
			t.Fatal(err)
		}
		var lobbies []*hostage
		common := &pile{ids: map[string][]string{"items": {"potion", "crown"}, "leaderboards": {"othello"}, "identities": {"steam"}}}
		for range 2 {
			lobbies = append(lobbies, newHostage(t, database(t, dsn), func(_ *App, c *Config) { c.Tokens = tokens }))
		}
		var all sync.WaitGroup
		for i := range players {
			h := *lobbies[i%2]
			h.said = map[string]bool{}
			h.enter()
			all.Go(func() { h.mingle(common, rand.New(rand.NewPCG(1, uint64(i))), calls) })
		}
		all.Wait()
	})
}

// mingle makes calls at random, each with the ids of anything.
func (h *hostage) mingle(common *pile, r *rand.Rand, calls int) {
	h.t.Helper()
	some := slices.DeleteFunc(slices.Clone(h.calls), func(c *call) bool { return c.game || c.open })
	known := ""
	for range calls {
		if known != h.token {
			var me struct{ User struct{ ID string } }
			_ = json.Unmarshal(h.do("GET", "/v1/user", h.token, "").body, &me)
			common.add("users", me.User.ID)
			known = h.token
		}
		c := some[r.IntN(len(some))]
		values, fields := map[string]string{}, map[string]string{}
		for _, p := range placesOf(c) {
			switch p.in {
			case "path":
				values[p.name] = common.any(p.kind(), r)
			case "body":
				fields[p.name] = common.any(p.kind(), r)
			}
		}
		body := ""
		if len(c.good) > 0 {
			good := c.good[r.IntN(len(c.good))]
			if object, ok := good.(map[string]any); ok {
				object, least := maps.Clone(object), c.least(object)
				for name, id := range fields {
					least[name] = id
					if _, given := object[name]; given {
						object[name] = id
					}
				}
				if good = any(object); r.IntN(2) == 0 {
					good = least
				}
			}
			body = text(good)
		}
		var answer any
		_ = json.Unmarshal(h.send(c, "others at it", c.target(values), body).body, &answer)
		if c.responses["201"] != nil {
			common.add(c.path[strings.LastIndexByte(c.path, '/')+1:], idsIn(answer)...)
		}
	}
}
