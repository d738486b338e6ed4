package lobby

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

// Nobody reads or changes what is another's: each call of the description is made by a stranger with the ids of what Vera has, and with
// her own. She sees afterwards what she saw before, and the stranger has seen nothing of hers.

// kinds is, for each place of a call that takes an id, what Vera has there: "rooms/{id}" for the path, with the segment before;
// "?around" for the query; ".to" for a field of a body. A place that takes no id of anybody's has nothing, and says why.
var kinds = map[string]func(v *vera) []string{
	"rooms/{id}":            func(v *vera) []string { return v.rooms },
	"items/{id}":            func(v *vera) []string { return []string{"potion", "crown"} },
	"identities/{platform}": func(v *vera) []string { return []string{"custom", "steam"} },
	"leaderboards/{game}":   func(v *vera) []string { return []string{"othello"} },
	"parties/{id}":          func(v *vera) []string { return []string{v.party} },
	"tickets/{id}":          func(v *vera) []string { return []string{v.ticket} },
	"blocks/{user}":         func(v *vera) []string { return []string{v.id, v.friend} },
	"friends/{user}":        func(v *vera) []string { return []string{v.id, v.friend} },
	"messages/{user}":       func(v *vera) []string { return []string{v.id, v.friend} },
	"bans/{user}":           func(v *vera) []string { return []string{v.friend} },
	"{user}/{n}":            func(v *vera) []string { return []string{"1"} },
	"{game}/{user}":         func(v *vera) []string { return []string{v.id} },
	"?around":               func(v *vera) []string { return []string{v.id} },
	"?friends":              func(v *vera) []string { return []string{v.id} },
	"?cursor":               func(v *vera) []string { return []string{v.cursor} },
	"?after":                func(v *vera) []string { return []string{"lobby-0", "0"} },
	"?before":               func(v *vera) []string { return []string{"2"} },
	".to":                   func(v *vera) []string { return []string{v.id} },
	".user":                 func(v *vera) []string { return []string{v.id, v.friend} },
	".from":                 func(v *vera) []string { return v.rooms },
	".party":                func(v *vera) []string { return []string{v.party} },
}

// readable are the calls by which anybody may read what a path names, with the reason.
var readable = map[string]string{
	"GET /v1/rooms/{id}":                 "rooms that are not private are listed",
	"GET /v1/leaderboards/{game}":        "they are there to be seen",
	"GET /v1/leaderboards/{game}/{user}": "they are there to be seen",
	"GET /v1/user/messages/{user}":       "these are the reader's own, to and from the user",
}

// touching are the calls by which a stranger may change what Vera sees, and where she sees it: pieces of addresses.
var touching = map[string][]string{
	"POST /v1/rooms/{id}/join":     {"/v1/rooms/", "/v1/user"},                        // who joins is one of the room's players
	"POST /v1/rooms/{id}/watch":    {"/v1/rooms/", "/v1/user"},                        // who watches is counted
	"POST /v1/rooms/{id}/move":     {"/v1/rooms/", "/v1/user"},                        // who moves there is one of the room's players
	"POST /v1/rooms/random":        {"/v1/rooms/", "/v1/user"},                        // it may be Vera's room
	"POST /v1/rooms/{id}/invite":   {"/v1/user/notes"},                                // who is invited is told
	"POST /v1/parties/{id}/invite": {"/v1/user/notes", "/v1/user/party"},              // who is invited is told
	"POST /v1/user/friends":        {"/v1/user/notes", "/v1/user/friends"},            // who is asked is told
	"POST /v1/items/{id}/transfer": {"/v1/user", "/v1/user/items", "/v1/user/ledger"}, // gifts are not asked for
}

// maySee says whether a call may change what Vera sees at an address. What ends with a slash is all that is below it.
func maySee(c *call, target string) bool {
	return slices.ContainsFunc(touching[c.String()], func(at string) bool {
		return target == at || strings.HasSuffix(at, "/") && strings.HasPrefix(target, at)
	})
}

// crowded are the calls of which everybody sees the same, which changes with what others do.
var crowded = []string{"GET /v1/rooms", "GET /v1/games"}

// vera is a player who has something of each kind.
type vera struct {
	*hostage
	id, session, cursor   string
	friend, party, ticket string
	rooms                 []string
	secrets               []string // which nobody else may see
}

func newVera(t *testing.T) *vera {
	t.Helper()
	s := database(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	v := &vera{hostage: newHostage(t, s)}
	const device, secret, letter = "device-of-vera", "the-secret-of-vera", "a letter to vera"
	var in signedIn
	v.do("POST", "/v1/register", "", `{"platform":"custom","token":"`+device+`:`+secret+`","name":"Vera"}`).into(t, 201, &in)
	v.id, v.session = in.User.ID, in.Token
	v.secrets = []string{device, secret, "subject-of-vera", in.Token, letter, "of vera's own"}
	as := func(session, method, path, body string) (answer struct{ ID, Code string }) {
		t.Helper()
		r := v.do(method, path, session, body)
		if r.status >= 300 {
			t.Fatalf("%s %s: got %d %s", method, path, r.status, r.body)
		}
		_ = json.Unmarshal(r.body, &answer)
		return answer
	}
	own := func(method, path, body string) struct{ ID, Code string } { return as(v.session, method, path, body) }
	own("PATCH", "/v1/user", `{"about":"I am Vera","picture":3}`)
	own("POST", "/v1/user/identities", `{"platform":"steam","token":"is subject-of-vera"}`)
	v.rooms = append(v.rooms, v.room(v.session, "relay").Room.ID)
	party, friend := own("POST", "/v1/parties", `{}`), v.guest()
	v.party, v.friend, v.secrets = party.ID, friend.User.ID, append(v.secrets, party.Code)
	var private placeJSON
	v.do("POST", "/v1/rooms", v.session, `{"game":"relay","private":true}`).into(t, 201, &private)
	own("POST", "/v1/rooms/"+private.Room.ID+"/bans", `{"user":"`+v.friend+`"}`)
	v.rooms, v.secrets = append(v.rooms, private.Room.ID), append(v.secrets, private.Code)
	v.ticket = own("POST", "/v1/match/tickets", `{"game":"othello"}`).ID
	own("POST", "/v1/user/friends", `{"user":"`+v.friend+`"}`)
	as(friend.Token, "POST", "/v1/user/friends/"+v.id+"/accept", "")
	own("POST", "/v1/user/messages/"+v.friend, `{"text":"`+letter+`"}`)
	scored := store.Score{Board: store.Board{Game: "othello", Period: "all"}, User: v.id, Value: 7, Counts: store.Sum, At: time.Now()}
	if err := s.PutRanks(t.Context(), []store.Score{scored}, nil); err != nil {
		t.Fatal(err)
	}
	for i, item := range []string{Gold, "potion"} {
		_, err := s.Post(t.Context(), store.Posting{Reference: fmt.Sprint("vera/", i), Reason: "of vera's own", At: time.Now(), Entries: []store.Entry{
			{Account: v.id, Item: item, Amount: 19}, {Account: store.House, Item: item, Amount: -19},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := v.lobby.notify(t.Context(), store.Note{User: v.id, Type: "letter", Body: []byte(`"` + letter + `"`)}); err != nil {
		t.Fatal(err)
	}
	_, v.cursor, _ = s.Ledger(t.Context(), v.id, "", 1)
	if v.cursor == "" {
		t.Fatal("Vera's ledger has one page")
	}
	return v
}

// place is a place of a call that takes an id.
type place struct{ key, in, name string }

var idWord = regexp.MustCompile(`\bids?\b`)

// idName are the names that fields and queries have which hold ids.
var idName = regexp.MustCompile(`^(id|to|from|user|users|player|players|room|rooms|party|ticket|friend|friends|around|member|members|owner|leader|invite|invitation|message|messages|conversation|session|note|item|job|after|before|cursor|with)$|_ids?$`)

// placesOf are the places of a call that take ids.
func placesOf(c *call) (places []place) {
	segments := strings.Split(c.path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			places = append(places, place{segments[i-1] + "/" + s, "path", strings.Trim(s, "{}")})
		}
	}
	for _, p := range c.in("query") {
		if idName.MatchString(p.name) || idWord.MatchString(p.description) {
			places = append(places, place{"?" + p.name, "query", p.name})
		}
	}
	properties, _ := at(c.body, "properties").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		description, _ := at(properties[name], "description").(string)
		if (idName.MatchString(name) || idWord.MatchString(description)) && c.holdsText(properties[name]) {
			places = append(places, place{"." + name, "body", name})
		}
	}
	return places
}

// holdsText says whether a schema is a text's, or a list's.
func (c *call) holdsText(schema any) bool {
	if to, ok := at(schema, "$ref").(string); ok {
		return c.holdsText(resolve(c.doc, to))
	}
	kind := at(schema, "type")
	return kind == "string" || kind == "array"
}

// sees is what Vera sees by all calls, by their addresses.
func (v *vera) sees() map[string]string {
	v.t.Helper()
	seen := map[string]string{}
	for _, c := range v.calls {
		if c.changes() || c.game || slices.Contains(crowded, c.String()) {
			continue
		}
		for _, named := range v.named(c) {
			target := c.target(named)
			r := v.do("GET", target, v.session, "")
			seen[target] = fmt.Sprint(r.status, " ", string(r.body))
		}
	}
	return seen
}

// named are the values for the path of a call: what Vera has.
func (v *vera) named(c *call) []map[string]string {
	named := []map[string]string{{}}
	for _, p := range placesOf(c) {
		if p.in != "path" || kinds[p.key] == nil {
			continue
		}
		var more []map[string]string
		for _, values := range named {
			for _, id := range kinds[p.key](v) {
				one := maps.Clone(values)
				one[p.name] = id
				more = append(more, one)
			}
		}
		named = more
	}
	return named
}

func TestNobodyReadsOrChangesWhatIsAnothers(t *testing.T) {
	t.Parallel()
	v := newVera(t)
	before := v.sees()
	v.hasAll(before)
	for _, c := range v.calls {
		if c.game {
			continue
		}
		places := placesOf(c)
		for _, p := range places {
			if kinds[p.key] == nil {
				t.Errorf("%s takes an id at %q: say in kinds what Vera has there, and let newVera make it; func(*vera) []string { return nil }, with the reason, if it is nobody's", c, p.key)
			}
		}
		v.enter()
		v.make()
		for _, request := range v.requests(c, places) {
			r := v.send(c, "what is Vera's", request.target, request.body)
			for _, secret := range v.secrets {
				if strings.Contains(string(r.body), secret) {
					t.Errorf("%s %s %s: a stranger sees %q: %d %s", c.method, request.target, request.body, secret, r.status, r.body)
				}
			}
			if c.method == "GET" && !request.own && strings.Contains(c.path, "{") && r.status == 200 && readable[c.String()] == "" {
				t.Errorf("%s %s: a stranger reads %s; say in readable why anybody may", c.method, request.target, r.body)
			}
			after := v.sees()
			for target, was := range before {
				if after[target] != was && !maySee(c, target) {
					t.Errorf("%s %s %s, answered %d, changes what Vera sees; say in touching why it may:\nGET %s\nbefore %s\nafter  %s", c.method, request.target, request.body, r.status, target, was, after[target])
				}
			}
			before = after
		}
	}
}

// hasAll fails the test where Vera sees nothing by some call: then nothing is tried.
func (v *vera) hasAll(seen map[string]string) {
	v.t.Helper()
	for _, c := range v.calls {
		some := c.changes() || c.game || slices.Contains(crowded, c.String())
		for _, named := range v.named(c) {
			some = some || strings.HasPrefix(seen[c.target(named)], "200")
		}
		if !some {
			v.t.Errorf("%s: Vera sees nothing: let newVera make it", c)
		}
	}
	all := fmt.Sprint(seen)
	for _, secret := range v.secrets[4:] {
		if !strings.Contains(all, secret) {
			v.t.Errorf("Vera herself does not see %q", secret)
		}
	}
}

type request struct {
	target, body string
	own          bool // of the stranger's own
}

// requests are a call's, with all that Vera has in the places that take ids.
func (v *vera) requests(c *call, places []place) (all []request) {
	bodies := []string{""}
	if c.body != nil {
		bodies = nil
		for _, good := range append(slices.Clone(c.good), sample(c.doc, c.body)) {
			bodies = append(bodies, text(good))
			object, _ := good.(map[string]any)
			for _, p := range places {
				if p.in != "body" || kinds[p.key] == nil {
					continue
				}
				for _, id := range kinds[p.key](v) {
					all, least := maps.Clone(object), c.least(object)
					all[p.name], least[p.name] = id, id
					bodies = append(bodies, text(all), text(least))
				}
			}
		}
	}
	named := v.named(c)
	hers := len(named)
	if in := c.in("path"); len(in) > 0 { // and of what is the stranger's own
		for _, values := range v.named(c) {
			for _, id := range v.own {
				own := maps.Clone(values)
				own[in[0].name] = id
				named = append(named, own)
			}
		}
	}
	for i, values := range named {
		for _, body := range bodies {
			all = append(all, request{c.target(values), body, i >= hers})
		}
		for _, p := range places {
			if p.in != "query" || kinds[p.key] == nil {
				continue
			}
			for _, id := range kinds[p.key](v) {
				all = append(all, request{c.target(values) + "?limit=100&" + p.name + "=" + url.QueryEscape(id), bodies[0], i >= hers})
			}
		}
	}
	return all
}
