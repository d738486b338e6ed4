package lobby

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// describe is a description of calls with more routes put in, which are below prefix. JSON is YAML, so each is a line of it.
func describe(text []byte, prefix string, more []route, operation func(r route, path string) object) ([]byte, error) {
	lines := strings.Split(string(text), "\n")
	paths := map[string]int{} // by shape: where the path's own line is
	end := 0                  // of the paths
	for i, line := range lines {
		if m := describedPath.FindStringSubmatch(line); m != nil && end == 0 {
			paths[templateParam.ReplaceAllString(m[1], ":")] = i
		}
		if line == "components:" {
			end = i
		}
	}
	put := map[int][]string{} // behind a line, or at the end of the paths
	fresh := map[string][]string{}
	var order []string
	for _, r := range more {
		if shape(r.method, r.path) == replaceable {
			continue // what is said of it there holds for the game's, too
		}
		path := paramName.ReplaceAllStringFunc(prefix+r.path, func(p string) string { return "{" + p[1:] + "}" })
		key := templateParam.ReplaceAllString(path, ":")
		at, known := paths[key]
		if known {
			path = describedPath.FindStringSubmatch(lines[at])[1]
		} else if _, begun := fresh[key]; !begun {
			order = append(order, key)
			fresh[key] = []string{fmt.Sprintf("  %q:", path)}
		} else {
			path = strings.Trim(fresh[key][0], ` ":`)
		}
		text, err := json.Marshal(operation(r, path))
		if err != nil {
			return nil, fmt.Errorf("describe %s %s: %w", r.method, r.path, err)
		}
		line := fmt.Sprintf("    %s: %s", strings.ToLower(r.method), text)
		if known {
			put[at] = append(put[at], line)
		} else {
			fresh[key] = append(fresh[key], line)
		}
	}
	var all []string
	for i, line := range lines {
		if i == end {
			for _, key := range order {
				all = append(all, fresh[key]...)
			}
		}
		all = append(append(all, line), put[i]...)
	}
	return []byte(strings.Join(all, "\n")), nil
}

var (
	describedPath = regexp.MustCompile(`^  (/[^:]*):$`)
	templateParam = regexp.MustCompile(`\{[^}]*\}`)
)

type object map[string]any

func ref(to string) object { return object{"$ref": "#/components/" + to} }

// gamesOperation describes one of the game's routes; path is as the description writes it.
func gamesOperation(method, path string, d details) object {
	problem := object{"application/problem+json": object{"schema": ref("schemas/Problem")}}
	responses := object{
		"401": ref("responses/NotSignedIn"),
		"default": object{
			"description": "A problem: one of the game's own, or `internal`, `unavailable`, `method_not_allowed`.", "content": problem,
		},
	}
	switch {
	case d.out == nil:
		responses["2XX"] = object{"description": "The game's answer.", "content": object{"application/json": object{}}}
	case len(d.out.fields) == 0:
		responses["2XX"] = object{"description": "Done."}
	default:
		responses["200"] = object{
			"description": "The game's answer.", "content": object{"application/json": object{"schema": d.out.describe(false)}},
		}
	}
	op := object{
		"operationId": operationID(Prefix, method, path), "summary": "A route of the game's", "tags": []string{"game"}, "responses": responses,
	}
	if d.in != nil {
		responses["400"] = object{"description": "`bad_request`, with a detail that names the field; or a code of the game's own.", "content": problem}
	}
	d.request(op, responses, method, path)
	return op
}

// request adds to an operation what it may be asked, and what is answered to what it may not.
func (d details) request(op, responses object, method, path string) {
	parameters := []object{}
	for _, name := range templateParam.FindAllString(path, -1) {
		parameters = append(parameters, object{"name": name[1 : len(name)-1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	if method == http.MethodGet && d.in != nil {
		for _, f := range d.in.fields {
			parameters = append(parameters, object{"name": f.name, "in": "query", "required": f.required, "schema": f.schema.describe(true)})
		}
	}
	if method != http.MethodGet {
		parameters = append(parameters, ref("parameters/IdempotencyKey"))
		responses["413"], responses["415"], responses["422"] = ref("responses/TooLarge"), ref("responses/NotJSON"), ref("responses/KeyReused")
		switch {
		case d.in == nil:
			op["requestBody"] = object{"content": object{"application/json": object{}}}
		case len(d.in.fields) == 0:
			op["requestBody"] = ref("requestBodies/Nothing")
		default:
			required := false
			for _, f := range d.in.fields {
				required = required || f.required
			}
			op["requestBody"] = object{"required": required, "content": object{"application/json": object{"schema": d.in.describe(true)}}}
		}
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
}

// operationID is "postUserGift" for POST /v1/user/gift; a parameter is "By" its name.
func operationID(prefix, method, path string) string {
	id := strings.ToLower(method)
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, prefix+"/"), "/") {
		if strings.HasPrefix(segment, "{") {
			id += "By"
		}
		for word := range strings.FieldsFuncSeq(segment, func(r rune) bool { return strings.ContainsRune("{}._~-", r) }) {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return id
}

// describe is the schema in JSON Schema's words.
func (s *schema) describe(request bool) object {
	o := object{}
	if s.doc != "" {
		o["description"] = s.doc
	}
	if s.kind == "" {
		return o
	}
	o["type"] = s.kind
	if s.nullable && !request {
		o["type"] = []string{s.kind, "null"}
	}
	switch {
	case s.format == "base64":
		o["contentEncoding"] = s.format
	case s.format != "":
		o["format"] = s.format
	case s.bits == 64 && s.kind == kindInteger:
		o["format"] = "int64"
	}
	if s.oneOf != nil {
		o["enum"] = s.oneOf
	}
	least, most := "minimum", "maximum"
	switch {
	case s.kind == kindString:
		least, most = "minLength", "maxLength"
	case s.kind == kindArray:
		least, most = "minItems", "maxItems"
		o["items"] = s.items.describe(request)
	case s.isMap:
		least, most = "minProperties", "maxProperties"
		o["additionalProperties"] = s.items.describe(request)
	case s.kind == kindObject:
		properties, required := object{}, []string{}
		for _, f := range s.fields {
			properties[f.name] = f.schema.describe(request)
			if f.required {
				required = append(required, f.name)
			}
		}
		o["properties"], o["required"] = properties, required
		if request {
			o["additionalProperties"] = false
		}
	}
	if s.min != nil {
		o[least] = *s.min
	} else if s.unsigned {
		o[least] = 0
	}
	if s.max != nil {
		o[most] = *s.max
	}
	return o
}
