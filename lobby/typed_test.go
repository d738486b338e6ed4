package lobby

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

type gift struct {
	To     string            `json:"to" check:"required,min=1,max=8" doc:"Who gets it."`
	Count  int32             `json:"count" check:"min=1,max=100"`
	Colour string            `json:"colour" check:"oneof=red|green"`
	Notes  []note            `json:"notes" check:"max=2"`
	Labels map[string]string `json:"labels"`
	When   time.Time         `json:"when"`
	Share  *float64          `json:"share" check:"min=0,max=1"`
	Small  uint8             `json:"small"`
	Free   any               `json:"free"`
	Pic    []byte            `json:"pic"`
	paper
	_ int // not exported: not of the request
}

type note struct {
	Text string `json:"text" check:"required"`
}

type paper struct {
	Paper bool `json:"paper"`
}

func (g *gift) Validate() error {
	if g.To == "nobody" {
		return errors.New("Nobody wants it.")
	}
	if g.To == "me" {
		return Problem(409, "selfish", "Give it to somebody else.")
	}
	return nil
}

type giftReceipt struct {
	To    string   `json:"to"`
	Count int32    `json:"count"`
	Notes []string `json:"notes"`
	Tip   *int64   `json:"tip,omitempty"`
	Gold  int64    `json:"gold"`
}

type search struct {
	Name  string  `json:"name" check:"required"`
	Limit int     `json:"limit" check:"min=1,max=10"`
	Open  bool    `json:"open"`
	Near  float64 `json:"near"`
}

func gifts(app *App) {
	Handle(app, "POST", "/user/gift", func(c *Context, in gift) (giftReceipt, error) {
		out := giftReceipt{To: in.To, Count: in.Count}
		for _, n := range in.Notes {
			out.Notes = append(out.Notes, n.Text)
		}
		r, err := c.Wallet(c.User().ID).Change("gift", "", Amount{Gold, 5})
		if err != nil {
			return out, err
		}
		out.Gold = r.Left[Gold]
		switch in.To {
		case "thief":
			return out, Problem(403, "no_gifts", "Not to thieves.")
		case "bug":
			return out, errors.New("out of paper")
		case "wall":
			panic("a wall")
		}
		return out, nil
	})
	Handle(app, "GET", "/gifts/:kind", func(c *Context, in search) (search, error) {
		in.Name += " " + c.Param("kind")
		return in, nil
	})
	Handle(app, "DELETE", "/rooms/:room", func(*Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	Handle(app, "PUT", "/gifts/:kind", func(c *Context, _ struct{}) (struct{}, error) { return struct{}{}, c.JSON(202, "later") })
	app.PATCH("/gifts/:any", func(*Context) error { return nil })
}

func newGifts(t *testing.T) *fixture {
	t.Helper()
	s := database(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	return newFixture(t, func(app *App, c *Config) { gifts(app); c.Store = s })
}

func TestTypedRoutes(t *testing.T) {
	t.Parallel()
	f := newGifts(t)
	in := f.guest()
	r := f.do("POST", "/v1/user/gift", in.Token, `{"to":"Mina","count":3,"notes":[{"text":"a"},{"text":"b"}],"labels":{"x":"y"},"when":"2026-11-23T06:00:00Z",`+
		`"share":0.5,"small":255,"free":{"a":[1]},"pic":"AAEC","paper":true,"colour":"red"}`, keyed("k"))
	if want := `{"to":"Mina","count":3,"notes":["a","b"],"gold":5}`; r.status != 200 || string(r.body) != want {
		t.Errorf("got %s, want %s", r, want)
	}
	for range 2 {
		r = f.do("POST", "/v1/user/gift", in.Token, `{"to":"Ines","share":null}`, keyed("l"))
	}
	if want := `{"to":"Ines","count":0,"notes":null,"gold":10}`; r.status != 200 || string(r.body) != want {
		t.Errorf("got %s, want %s", r, want)
	}
	f.do("POST", "/v1/user/gift", in.Token, `{"to":"thief"}`).refused(t, 403, "no_gifts")
	f.do("POST", "/v1/user/gift", in.Token, `{"to":"bug"}`).refused(t, 500, "internal")
	f.do("POST", "/v1/user/gift", in.Token, `{"to":"wall"}`).refused(t, 500, "internal")
	f.do("POST", "/v1/user/gift", "", `{"to":"Mina"}`).refused(t, 401, "not_signed_in")
	if got := f.gold(in); got != 10 {
		t.Errorf("got %d gold, want 10: what failed was undone", got)
	}
	r = f.do("GET", "/v1/gifts/big?name=a+b&limit=7&open=true&near=1e2", in.Token, "")
	if want := `{"name":"a b big","limit":7,"open":true,"near":100}`; string(r.body) != want {
		t.Errorf("got %s, want %s", r, want)
	}
	if r := f.do("DELETE", "/v1/rooms/r", in.Token, ""); r.status != 204 {
		t.Errorf("got %s, want 204", r)
	}
	if r := f.do("PUT", "/v1/gifts/x", in.Token, "{}"); r.status != 202 || string(r.body) != `"later"` {
		t.Errorf("got %s, want 202", r)
	}
}

func TestTypedRoutesRefuse(t *testing.T) {
	t.Parallel()
	f := newGifts(t)
	in := f.guest()
	for body, want := range map[string]string{
		``:                                           `"to" is missing`,
		`{}`:                                         `"to" is missing`,
		`{"to":null}`:                                `"to" is missing`,
		`{"to":""}`:                                  `"to" is less than 1 characters`,
		`{"to":"123456789"}`:                         `"to" is more than 8 characters`,
		`{"to":7}`:                                   `"to" is no text`,
		`{"TO":"Mina"}`:                              `"TO" is unknown`,
		`{"to":"Mina","secret":1}`:                   `"secret" is unknown`,
		`{"to":"Mina","count":0}`:                    `"count" is less than 1.`,
		`{"to":"Mina","count":101}`:                  `"count" is more than 100.`,
		`{"to":"Mina","count":1.5}`:                  `"count" is no integer`,
		`{"to":"Mina","count":1e1}`:                  `"count" is no integer`,
		`{"to":"Mina","count":9999999999}`:           `"count" is no integer`,
		`{"to":"Mina","count":"1"}`:                  `"count" is no integer`,
		`{"to":"Mina","small":-1}`:                   `"small" is no integer`,
		`{"to":"Mina","small":256}`:                  `"small" is no integer`,
		`{"to":"Mina","share":1.01}`:                 `"share" is more than 1`,
		`{"to":"Mina","share":1e999}`:                `"share" is no number`,
		`{"to":"Mina","paper":1}`:                    `"paper" is neither`,
		`{"to":"Mina","colour":"blue"}`:              `"colour" is none of red, green`,
		`{"to":"Mina","notes":{}}`:                   `"notes" is no list`,
		`{"to":"Mina","notes":[1]}`:                  `"notes[0]" is no object`,
		`{"to":"Mina","notes":[{"text":"a"},{}]}`:    `"notes[1].text" is missing`,
		`{"to":"Mina","notes":[{"text":"a","b":1}]}`: `"notes[0].b" is unknown`,
		`{"to":"Mina","notes":[{"text":"a"},{"text":"a"},{"text":"a"}]}`:       `"notes" is more than 2 entries`,
		`{"to":"Mina","notes":[{"text":"` + strings.Repeat("x", 1025) + `"}]}`: `"notes[0].text" is more than 1024 characters`,
		`{"to":"Mina","labels":{"a":1}}`:                                       `"labels.a" is no text`,
		`{"to":"Mina","labels":{` + strings.Repeat(`"a":"",`, 10) + `"b":[]}}`: `"labels.b" is no text`,
		`{"to":"Mina","when":"yesterday"}`:                                     `does not decode`,
		`{"to":"Mina","pic":"?"}`:                                              `does not decode`,
		`[]`:                                                                   `not a JSON object`,
		`null`:                                                                 `not a JSON object`,
		`{"to":"Mina"} {}`:                                                     `goes on`,
		`{"to":"Mina"`:                                                         `ends too early`,
		"{\"to\":\"\xff\"}":                                                    `not UTF-8`,
		`{"to":"nobody"}`:                                                      `Nobody wants it.`,
		`{"to":"Mina","to":"123456789"}`:                                       `"to" is more than 8`,
	} {
		r := f.do("POST", "/v1/user/gift", in.Token, body, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
		r.refused(t, 400, "bad_request")
		var p struct{ Detail string }
		if _ = json.Unmarshal(r.body, &p); !strings.Contains(p.Detail, want) {
			t.Errorf("%.80s: got %q, want in it %q", body, p.Detail, want)
		}
	}
	f.do("POST", "/v1/user/gift", in.Token, `{"to":"me"}`).refused(t, 409, "selfish")
	for query, want := range map[string]string{
		"":                     `"name" is missing`,
		"name=a&b=c":           `"b" is unknown`,
		"name=a&name=b":        `"name" is there 2 times`,
		"name=a&limit=x":       `"limit" is no number`,
		"name=a&limit=0x1":     `"limit" is no number`,
		"name=a&limit=11":      `"limit" is more than 10`,
		"name=a&open=1":        `"open" is true or false`,
		"name=a&near=Infinity": `"near" is no number`,
	} {
		r := f.do("GET", "/v1/gifts/x?"+query, in.Token, "")
		r.refused(t, 400, "bad_request")
		var p struct{ Detail string }
		if _ = json.Unmarshal(r.body, &p); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: got %q, want in it %q", query, p.Detail, want)
		}
	}
	if got := f.gold(in); got != 0 {
		t.Errorf("got %d gold, want 0", got)
	}
}

// Of an object that is there twice, the parts that nobody has checked don't reach the game.
func TestWhatIsThereTwiceIsCheckedOnce(t *testing.T) {
	t.Parallel()
	s := schemaOfRequest("test", reflect.TypeFor[struct {
		In struct {
			N int `json:"n" check:"max=5"`
		} `json:"in"`
	}]())
	var got struct {
		In struct {
			N int `json:"n"`
		} `json:"in"`
	}
	if err := s.read(&Context{body: []byte(`{"in":{"n":99},"in":{}}`)}, false, &got); err != nil || got.In.N != 0 {
		t.Errorf("got %+v, %v, want 0 or an error", got, err)
	}
}

func TestGamesRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	r := newGifts(t).do("GET", "/openapi.yaml", "", "")
	var doc map[string]any
	if err := yaml.Unmarshal(r.body, &doc); err != nil {
		t.Fatalf("%v in\n%s", err, r.body)
	}
	var refs func(node any)
	refs = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if to, ok := n["$ref"].(string); ok && resolve(doc, to) == nil {
				t.Errorf("%s leads nowhere", to)
			}
			for _, v := range n {
				refs(v)
			}
		case []any:
			for _, v := range n {
				refs(v)
			}
		}
	}
	refs(doc)
	post := at(doc, "paths", "/v1/user/gift", "post")
	schema := at(post, "requestBody", "content", "application/json", "schema")
	for _, c := range []struct {
		got  any
		want string
	}{
		{at(post, "operationId"), "postUserGift"},
		{at(schema, "required"), "[to]"},
		{at(schema, "additionalProperties"), "false"},
		{at(schema, "properties", "to"), "map[description:Who gets it. maxLength:8 minLength:1 type:string]"},
		{at(schema, "properties", "count"), "map[maximum:100 minimum:1 type:integer]"},
		{at(schema, "properties", "colour"), "map[enum:[red green] type:string]"},
		{at(schema, "properties", "notes", "maxItems"), "2"},
		{at(schema, "properties", "notes", "items", "properties", "text"), "map[maxLength:1024 type:string]"},
		{at(schema, "properties", "labels"), "map[additionalProperties:map[maxLength:1024 type:string] maxProperties:100 type:object]"},
		{at(schema, "properties", "when"), "map[format:date-time type:string]"},
		{at(schema, "properties", "paper"), "map[type:boolean]"},
		{at(schema, "properties", "small"), "map[minimum:0 type:integer]"},
		{at(schema, "properties", "secret"), "<nil>"},
		{at(post, "responses", "200", "content", "application/json", "schema", "required"), "[to count notes gold]"},
		{at(post, "responses", "200", "content", "application/json", "schema", "properties", "notes"), "map[items:map[type:string] type:[array null]]"},
		{at(post, "responses", "422"), "map[$ref:#/components/responses/KeyReused]"},
		{at(doc, "paths", "/v1/gifts/{kind}", "get", "operationId"), "getGiftsByKind"},
		{at(doc, "paths", "/v1/gifts/{kind}", "get", "requestBody"), "<nil>"},
		{at(doc, "paths", "/v1/gifts/{kind}", "put", "requestBody"), "map[$ref:#/components/requestBodies/Nothing]"},
		{at(doc, "paths", "/v1/gifts/{kind}", "patch", "tags"), "[game]"},
		{at(doc, "paths", "/v1/rooms/{id}", "delete", "operationId"), "deleteRoomsById"},
		{at(doc, "paths", "/v1/rooms/{id}", "get", "operationId"), "room"},
	} {
		if got := fmt.Sprint(c.got); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	var names []string
	for _, p := range at(doc, "paths", "/v1/gifts/{kind}", "get", "parameters").([]any) {
		names = append(names, fmt.Sprint(at(p, "in"), " ", at(p, "name"), " ", at(p, "required")))
	}
	if got, want := strings.Join(names, ", "), "path kind true, query name true, query limit false, query open false, query near false"; got != want {
		t.Errorf("got parameters %s, want %s", got, want)
	}
	// What the routes answer is what is said of them.
	f := newGifts(t)
	in := f.guest()
	var value any
	_ = json.Unmarshal(f.do("POST", "/v1/user/gift", in.Token, `{"to":"Mina","notes":[{"text":"a"}]}`).body, &value)
	properties := at(post, "responses", "200", "content", "application/json", "schema", "properties").(map[string]any)
	for name := range value.(map[string]any) {
		if properties[name] == nil {
			t.Errorf("%s is not described", name)
		}
	}
}

func TestMistakesInTypesPanicWithWhatToDo(t *testing.T) {
	t.Parallel()
	type self struct{ Next []*self }
	for want, register := range map[string]func(a *App){
		"In is []int; give it a struct": func(a *App) {
			Handle(a, "POST", "/x", func(*Context, []int) (struct{}, error) { return struct{}{}, nil })
		},
		"Out is string; give it a": func(a *App) { Handle(a, "POST", "/x", func(*Context, struct{}) (string, error) { return "", nil }) },
		"the method is GET": func(a *App) {
			Handle(a, "BREW", "/x", func(*Context, struct{}) (struct{}, error) { return struct{}{}, nil })
		},
		"has no handler": func(a *App) { Handle[struct{}, struct{}](a, "GET", "/x", nil) },
		"belongs to the lobby": func(a *App) {
			Handle(a, "POST", "/rooms", func(*Context, struct{}) (struct{}, error) { return struct{}{}, nil })
		},
		"can't come in a query": func(a *App) {
			Handle(a, "GET", "/x", func(*Context, struct{ L []int }) (struct{}, error) { return struct{}{}, nil })
		},
		"hold themselves": func(a *App) {
			Handle(a, "POST", "/x", func(*Context, self) (struct{}, error) { return struct{}{}, nil })
		},
		"nothing in JSON": func(a *App) {
			Handle(a, "POST", "/x", func(*Context, struct{ C chan int }) (struct{}, error) { return struct{}{}, nil })
		},
		`check "max=x"`: func(a *App) {
			Handle(a, "POST", "/x", func(*Context, struct {
				N int `check:"max=x"`
			}) (struct{}, error) {
				return struct{}{}, nil
			})
		},
		`check "min=1"`: func(a *App) {
			Handle(a, "POST", "/x", func(*Context, struct {
				B bool `check:"min=1"`
			}) (struct{}, error) {
				return struct{}{}, nil
			})
		},
		"min above its max": func(a *App) {
			Handle(a, "POST", "/x", func(*Context, struct {
				N int `check:"min=3,max=2"`
			}) (struct{}, error) {
				return struct{}{}, nil
			})
		},
		"is there twice": func(a *App) {
			Handle(a, "POST", "/x", func(*Context, struct {
				paper
				P bool `json:"paper"`
			}) (struct{}, error) {
				return struct{}{}, nil
			})
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "lobby: ") || !strings.Contains(got, want) {
					t.Errorf("got panic %q, want one with %q", got, want)
				}
			}()
			register(New())
		}()
	}
}

func FuzzTypedRequests(f *testing.F) {
	for _, s := range []string{`{"to":"Mina","count":3}`, `{"notes":[{"text":"a"}]}`, `{"free":1e400}`, `{"when":"x","pic":"?"}`, `[`, `{"labels":{"":null}}`} {
		f.Add(s)
	}
	s := schemaOfRequest("fuzz", reflect.TypeFor[gift]())
	f.Fuzz(func(t *testing.T, body string) {
		var g gift
		err := s.read(&Context{body: []byte(body)}, false, &g)
		if err != nil {
			if p := problemOf(err); p.status != 400 {
				t.Errorf("%q: got %v", body, err)
			}
			return
		}
		if n := len([]rune(g.To)); n < 1 || n > 8 || len(g.Notes) > 2 || g.Count > 100 || len(g.Labels) > 100 {
			t.Errorf("%q: got %+v", body, g)
		}
	})
}
