package lobby

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// call is an operation of the description, with all references resolved but those within schemas.
type call struct {
	doc       map[string]any
	method    string
	path      string // as described: /v1/rooms/{id}
	open      bool   // it needs no session
	game      bool   // it is one of the game's own
	params    []param
	body      any   // the schema of the JSON body; nil: it takes none, or anything
	good      []any // bodies that may be right: the examples, or one made up from the schema
	responses map[string]any
}

// param is where a call's path, query or header takes something.
type param struct {
	in, name, description string
	required              bool
	schema                any
}

func (c *call) String() string { return c.method + " " + c.path }

// changes says whether the call may change something.
func (c *call) changes() bool { return c.method != http.MethodGet }

func (c *call) in(where string) (some []param) {
	for _, p := range c.params {
		if p.in == where {
			some = append(some, p)
		}
	}
	return some
}

// callsOf reads the operations of a description, in their order by path and method.
func callsOf(t testing.TB, doc map[string]any) (calls []*call) {
	t.Helper()
	deref := func(node any) any {
		if to, ok := at(node, "$ref").(string); ok {
			return resolve(doc, to)
		}
		return node
	}
	paths := at(doc, "paths").(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if strings.HasSuffix(path, ".yaml") {
			continue
		}
		item := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			op := item[method]
			c := &call{doc: doc, method: strings.ToUpper(method), path: path, open: at(op, "security") != nil, responses: map[string]any{}}
			tags, _ := at(op, "tags").([]any)
			c.game = slices.Contains(tags, any("game"))
			params, _ := at(op, "parameters").([]any)
			for _, p := range params {
				p = deref(p)
				text := func(key string) string { s, _ := at(p, key).(string); return s }
				required, _ := at(p, "required").(bool)
				c.params = append(c.params, param{text("in"), text("name"), text("description"), required, at(p, "schema")})
			}
			for status, r := range at(op, "responses").(map[string]any) {
				c.responses[status] = deref(r)
			}
			content := at(deref(at(op, "requestBody")), "content", "application/json")
			c.body = deref(at(content, "schema"))
			examples, _ := at(content, "examples").(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(examples)) {
				c.good = append(c.good, at(deref(examples[name]), "value"))
			}
			if c.body != nil && len(c.good) == 0 {
				c.good = []any{sample(doc, c.body)}
			}
			calls = append(calls, c)
		}
	}
	if len(calls) == 0 {
		t.Fatal("the description has no calls")
	}
	return calls
}

// sample is a value that the schema may allow.
func sample(doc, schema any) any {
	if to, ok := at(schema, "$ref").(string); ok {
		return sample(doc, resolve(doc, to))
	}
	if enum, ok := at(schema, "enum").([]any); ok {
		return enum[0]
	}
	switch at(schema, "type") {
	case "string":
		return "x"
	case "integer", "number":
		if least := at(schema, "minimum"); least != nil {
			return least
		}
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	}
	object := map[string]any{}
	properties, _ := at(schema, "properties").(map[string]any)
	for name, p := range properties {
		object[name] = sample(doc, p)
	}
	return object
}

// least is what a body has to have of an example.
func (c *call) least(example map[string]any) map[string]any {
	object := map[string]any{}
	required, _ := at(c.body, "required").([]any)
	for _, name := range required {
		object[name.(string)] = example[name.(string)]
	}
	return object
}

// target is the call's address, with these values for the path's parameters.
func (c *call) target(values map[string]string) string {
	path := c.path
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path
}

// undeclared says what of a reply is not as the description says; "" for nothing. A refusal is a problem whose code is named by the
// response that the call has for its status.
func (c *call) undeclared(t *testing.T, r reply) string {
	t.Helper()
	if r.status >= 500 {
		return "a fault"
	}
	response := c.responses[fmt.Sprint(r.status)]
	if response == nil && r.status < 300 {
		response = c.responses["2XX"]
	}
	if response == nil && (r.status == http.StatusMethodNotAllowed || c.game) {
		response = c.responses["default"]
	}
	if response == nil {
		return "the status is not described"
	}
	if r.status >= 400 {
		code := r.code(t)
		switch description, _ := at(response, "description").(string); {
		case code == "":
			return "no problem document"
		case !strings.Contains(description, "`"+code+"`") && (problems[code] != nil || !c.game) && !(c.game && r.status < 500):
			return "its response does not name the code " + code
		}
		return ""
	}
	if r.status == http.StatusNoContent {
		if len(r.body) > 0 {
			return "a body with 204"
		}
		return ""
	}
	if c.game {
		return ""
	}
	schema := at(response, "content", r.header.Get("Content-Type"), "schema")
	var value any
	if err := json.Unmarshal(r.body, &value); err != nil || schema == nil {
		return fmt.Sprintf("%v, with the schema %v", err, schema)
	}
	if err := fits(c.doc, schema, value); err != nil {
		return err.Error()
	}
	return ""
}
