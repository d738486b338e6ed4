package lobby

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// described reads the served description.
func described(t *testing.T) map[string]any {
	t.Helper()
	return describedBy(t, newFixture(t))
}

// describedBy reads the description that a lobby serves.
func describedBy(t *testing.T, f *fixture) map[string]any {
	t.Helper()
	r := f.do("GET", "/openapi.yaml", "", "")
	if r.status != 200 || r.header.Get("Content-Type") != "application/yaml" {
		t.Fatalf("got %d %v", r.status, r.header)
	}
	return descriptionOf(t, r.body)
}

func descriptionOf(t testing.TB, text []byte) (doc map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc["openapi"] != "3.1.0" {
		t.Errorf("got openapi %v", doc["openapi"])
	}
	return doc
}

// at walks down a document.
func at(doc any, keys ...string) any {
	for _, k := range keys {
		m, _ := doc.(map[string]any)
		doc = m[k]
	}
	return doc
}

func TestDescriptionAndRoutesAreTheSame(t *testing.T) {
	t.Parallel()
	doc := described(t)
	var got, want []string
	for path, item := range at(doc, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			open := at(op, "security") != nil // [] : no session
			got = append(got, fmt.Sprint(strings.ToUpper(method), " ", path, " ", open))
		}
	}
	want = []string{"GET /openapi.yaml true"}
	for _, r := range newFixture(t).lobby.router.Routes() {
		if r.Path != "/openapi.yaml" {
			open := false
			for _, b := range (&Service{}).builtIn() {
				open = open || b.method == r.Method && Prefix+b.path == r.Path && !b.signedIn
			}
			want = append(want, fmt.Sprint(r.Method, " ", regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}"), " ", open))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("described:\n%s\nrouted:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDescriptionListsEveryCode(t *testing.T) {
	t.Parallel()
	doc := described(t)
	var got []string
	for _, c := range at(doc, "components", "schemas", "Problem", "properties", "code", "anyOf").([]any)[0].(map[string]any)["enum"].([]any) {
		got = append(got, c.(string))
	}
	if want := slices.Sorted(maps.Keys(problems)); !slices.Equal(got, want) {
		t.Errorf("described %q\nthe table has %q", got, want)
	}
	text := fmt.Sprint(at(doc, "components", "responses"))
	for code := range problems {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("no response names %s", code)
		}
	}
}

// TestDescriptionIsWhole checks that each reference leads somewhere and each example is what its schema says.
func TestDescriptionIsWhole(t *testing.T) {
	t.Parallel()
	doc := described(t)
	examples := 0
	var walk func(where string, node any)
	walk = func(where string, node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok && resolve(doc, ref) == nil {
				t.Errorf("%s: %s leads nowhere", where, ref)
			}
			if schema, ok := n["schema"]; ok {
				list, _ := n["examples"].(map[string]any)
				for name, e := range list {
					examples++
					text, err := json.Marshal(at(e, "value"))
					if err != nil {
						t.Errorf("%s: example %s: %v", where, name, err)
					}
					var value any
					_ = json.Unmarshal(text, &value)
					if err := fits(doc, schema, value); err != nil {
						t.Errorf("%s: example %s: %v", where, name, err)
					}
				}
			}
			for k, v := range n {
				walk(where+"/"+k, v)
			}
		case []any:
			for i, v := range n {
				walk(fmt.Sprint(where, "/", i), v)
			}
		}
	}
	walk("", doc)
	if examples < 10 {
		t.Errorf("got %d examples", examples)
	}
}

func resolve(doc any, ref string) any {
	return at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// fits checks a value against as much of JSON Schema as the description uses for shapes.
func fits(doc, schema, value any) error {
	if ref, ok := at(schema, "$ref").(string); ok {
		return fits(doc, resolve(doc, ref), value)
	}
	s, _ := schema.(map[string]any)
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, value) {
		return fmt.Errorf("%v is none of %v", value, enum)
	}
	if c, ok := s["const"]; ok && c != value {
		return fmt.Errorf("%v is not %v", value, c)
	}
	want, got := s["type"], fmt.Sprintf("%T", value)
	kinds := map[any]string{"string": "string", "integer": "float64", "number": "float64", "boolean": "bool", "object": "map[string]interface {}", "array": "[]interface {}"}
	if either, ok := want.([]any); ok { // a type, or null
		if value == nil && slices.Contains(either, any("null")) {
			return nil
		}
		want = either[0]
	}
	if want != nil && kinds[want] != got {
		return fmt.Errorf("%v is no %v", value, want)
	}
	if list, ok := value.([]any); ok {
		for _, v := range list {
			if err := fits(doc, s["items"], v); err != nil {
				return err
			}
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	properties, _ := s["properties"].(map[string]any)
	if required, ok := s["required"].([]any); ok {
		for _, name := range required {
			if _, ok := object[name.(string)]; !ok {
				return fmt.Errorf("%v is missing", name)
			}
		}
	}
	for name, v := range object {
		p, known := properties[name]
		if !known && properties != nil {
			return fmt.Errorf("%s is not described", name)
		}
		if err := fits(doc, p, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// TestAnswersAreAsDescribed holds the answers of a round through the lobby against the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	doc := described(t)
	f := newFixture(t)
	in := f.guest()
	room := f.room(in.Token, "pair").Room.ID
	for _, c := range []struct{ method, path, described, body string }{
		{"POST", "/v1/login", "/v1/login", `{"platform":"guest"}`},
		{"POST", "/v1/login", "/v1/login", `{"platform":"steam"}`},
		{"GET", "/v1/user", "/v1/user", ""},
		{"GET", "/v1/games", "/v1/games", ""},
		{"GET", "/v1/rooms", "/v1/rooms", ""},
		{"GET", "/v1/rooms?limit=x", "/v1/rooms", ""},
		{"POST", "/v1/rooms", "/v1/rooms", `{"game":"pair"}`},
		{"POST", "/v1/rooms/random", "/v1/rooms/random", `{"game":"talk"}`},
		{"GET", "/v1/rooms/" + room, "/v1/rooms/{id}", ""},
		{"GET", "/v1/rooms/none", "/v1/rooms/{id}", ""},
		{"POST", "/v1/rooms/" + room + "/join", "/v1/rooms/{id}/join", ""},
		{"POST", "/v1/rooms/" + room + "/leave", "/v1/rooms/{id}/leave", ""},
		{"POST", "/v1/session/refresh", "/v1/session/refresh", ""},
		{"POST", "/v1/logout", "/v1/logout", ""},
	} {
		r := f.do(c.method, c.path, in.Token, c.body)
		response := at(doc, "paths", c.described, strings.ToLower(c.method), "responses", fmt.Sprint(r.status))
		if ref, ok := at(response, "$ref").(string); ok {
			response = resolve(doc, ref)
		}
		if response == nil {
			t.Errorf("%s %s: status %d is not described", c.method, c.path, r.status)
			continue
		}
		if len(r.body) == 0 {
			continue
		}
		schema := at(response, "content", r.header.Get("Content-Type"), "schema")
		var value any
		if err := json.Unmarshal(r.body, &value); err != nil || schema == nil {
			t.Errorf("%s %s: %v, schema %v", c.method, c.path, err, schema)
		}
		if err := fits(doc, schema, value); err != nil {
			t.Errorf("%s %s: %s: %v", c.method, c.path, r.body, err)
		}
	}
}
