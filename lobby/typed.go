package lobby

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Handle serves h at method /v1 + path, as [App.GET] and the others do: h gets the request as a value of its own type, and what
// it returns is the answer. In and Out are structs; an Out of struct{} is the answer that h gave to [Context.JSON], or 204.
// Both are described in the OpenAPI description. h may be run again (see [Handler]), so it changes nothing that In points to. A
// mistake in the types panics.
//
// In is read from the JSON body, or from the query where the method is GET; what the path holds is [Context.Param]. Before h
// is called, and before the request's transaction begins, it has been checked: a field that In does not have, one of another
// type, and one that is out of bounds is 400 bad_request, with a detail that names it. Field names count by the letter. Tags:
//
//	json:"name"                 as for encoding/json
//	check:"required"            the field must be there, and not be null
//	check:"min=1,max=20"        of a number its value, of a text its characters, of a list or map its entries
//	check:"oneof=red|green"     of a text
//	doc:"what it means"         a sentence for the description
//
// Where max says nothing, a text has at most 1,024 characters, a list or map at most 100 entries. When In, or *In, has a method
// Validate() error, it is asked next: its error is 400 bad_request with that text, or what it says itself if it is a [Problem].
func Handle[In, Out any](a *App, method, path string, h func(c *Context, in In) (Out, error)) {
	call := fmt.Sprintf("lobby: Handle(app, %q, %q, ...)", method, path)
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		panic(call + ": the method is GET, POST, PUT, PATCH or DELETE")
	}
	if h == nil {
		panic(call + " has no handler: give it a func(c *lobby.Context, in In) (Out, error)")
	}
	d := detailsOf[In, Out](call, method)
	a.add(method, path, func(c *Context) error {
		out, err := h(c, *c.in.(*In))
		if err != nil || len(d.out.fields) == 0 {
			return err
		}
		return c.JSON(http.StatusOK, out)
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.details == nil {
		a.details = map[string]details{}
	}
	a.details[shape(method, path)] = d
}

// details are what is known of a route whose request and answer have types.
type details struct {
	in, out *schema
	read    func(*Context) error // makes the request a value, c.in, or refuses it
}

// detailsOf are the details of a route with these types. A mistake in them panics.
func detailsOf[In, Out any](call, method string) details {
	d := details{out: schemaOfAnswer(call, reflect.TypeFor[Out]())}
	if d.in = schemaOfRequest(call, reflect.TypeFor[In]()); method == http.MethodGet {
		d.in.mustBeQuery(call)
	}
	d.read = func(c *Context) error {
		in := new(In)
		if err := d.in.read(c, method == http.MethodGet, in); err != nil {
			return err
		}
		if err := validate(in); err != nil {
			return err
		}
		c.in = in
		return nil
	}
	return d
}

// validate asks a request itself whether it may be.
func validate(in any) error {
	v, ok := in.(interface{ Validate() error })
	if !ok {
		return nil
	}
	err := v.Validate()
	if p := (*problem)(nil); err == nil || errors.As(err, &p) {
		return err
	}
	return badRequest.because("%s", err)
}

// read makes a request the value that in points to.
func (s *schema) read(c *Context, query bool, in any) error {
	body := bytes.TrimSpace(c.body)
	if query {
		var err error
		if body, err = s.fromQuery(c.query); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	if !utf8.Valid(body) {
		return badRequest.because("The body is not UTF-8.")
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest.because("The body goes on after the JSON value.")
	}
	if _, ok := value.(map[string]any); !ok {
		return badRequest.because("The body is not a JSON object.")
	}
	if err := s.check("", value); err != nil {
		return err
	}
	checked, err := json.Marshal(value) // of a name that is there twice this has the one that was checked
	if err != nil {
		return err
	}
	if err := json.Unmarshal(checked, in); err != nil {
		return badJSON(err)
	}
	return nil
}

// fromQuery makes a query the object that it means.
func (s *schema) fromQuery(q url.Values) ([]byte, error) {
	object := map[string]any{}
	for name, values := range q {
		f := s.field(name)
		switch {
		case f == nil:
			return nil, badRequest.because("The parameter %q is unknown.", name)
		case len(values) != 1:
			return nil, badRequest.because("The parameter %q is there %d times.", name, len(values))
		}
		text := values[0]
		object[name] = text
		switch f.schema.kind {
		case kindInteger, kindNumber:
			if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
				return nil, badRequest.because("The parameter %q is no number.", name)
			}
			object[name] = json.Number(text)
		case kindBoolean:
			if text != "true" && text != "false" {
				return nil, badRequest.because("The parameter %q is true or false.", name)
			}
			object[name] = text == "true"
		}
	}
	return json.Marshal(object)
}

// mustBeQuery panics when a request can't come as a query.
func (s *schema) mustBeQuery(call string) {
	for _, f := range s.fields {
		switch f.schema.kind {
		case kindString, kindInteger, kindNumber, kindBoolean:
		default:
			panic(fmt.Sprintf("%s: field %q can't come in a query: give it a text, a number or a bool", call, f.name))
		}
	}
}
