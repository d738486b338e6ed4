package lobby

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// schema is what a JSON value may be: to check requests by, and to describe them and their answers.
type schema struct {
	kind     string // "" is anything
	format   string
	doc      string
	fields   []schemaField // of an object; their order is that of the type
	items    *schema       // of an array's entries, or of a map's values
	isMap    bool          // an object with keys of its own
	bits     int           // of an integer
	unsigned bool
	nullable bool // in answers
	min, max *float64
	oneOf    []string
}

type schemaField struct {
	name     string
	required bool
	schema   *schema
}

const (
	kindString  = "string"
	kindInteger = "integer"
	kindNumber  = "number"
	kindBoolean = "boolean"
	kindArray   = "array"
	kindObject  = "object"
)

// Bounds of requests that say nothing themselves.
const (
	defaultText    = 1024 // characters
	defaultEntries = 100
)

// builder makes schemas of types, and panics on what can't be one.
type builder struct {
	call    string
	request bool
	open    []reflect.Type // structs that are being looked at
}

func schemaOfRequest(call string, t reflect.Type) *schema {
	return (&builder{call: call, request: true}).top("In", t)
}

func schemaOfAnswer(call string, t reflect.Type) *schema {
	return (&builder{call: call}).top("Out", t)
}

func (b *builder) top(name string, t reflect.Type) *schema {
	if t.Kind() != reflect.Struct || b.special(t) != nil {
		panic(fmt.Sprintf("%s: %s is %v; give it a struct", b.call, name, t))
	}
	return b.of(name, t)
}

var (
	typeTime        = reflect.TypeFor[time.Time]()
	typeRaw         = reflect.TypeFor[json.RawMessage]()
	typeMarshal     = reflect.TypeFor[json.Marshaler]()
	typeUnmarshal   = reflect.TypeFor[json.Unmarshaler]()
	typeMarshalText = reflect.TypeFor[encoding.TextMarshaler]()
	typeReadText    = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// special is the schema of a type that encodes itself; nil: it does not.
func (b *builder) special(t reflect.Type) *schema {
	own, text := typeMarshal, typeMarshalText
	if b.request {
		own, text = typeUnmarshal, typeReadText
	}
	is := func(i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) }
	switch {
	case t == typeTime:
		return &schema{kind: kindString, format: "date-time"}
	case t == typeRaw, is(own):
		return &schema{}
	case is(text):
		return &schema{kind: kindString}
	}
	return nil
}

func (b *builder) of(where string, t reflect.Type) *schema {
	if t.Kind() == reflect.Pointer {
		s := b.of(where, t.Elem())
		s.nullable = true
		return s
	}
	if s := b.special(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.String:
		return &schema{kind: kindString}
	case reflect.Bool:
		return &schema{kind: kindBoolean}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &schema{kind: kindInteger, bits: t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &schema{kind: kindInteger, bits: t.Bits(), unsigned: true}
	case reflect.Float32, reflect.Float64:
		return &schema{kind: kindNumber, bits: t.Bits()}
	case reflect.Interface:
		return &schema{}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &schema{kind: kindString, format: "base64", nullable: true}
		}
		return &schema{kind: kindArray, items: b.of(where+"[]", t.Elem()), nullable: true}
	case reflect.Array:
		n := float64(t.Len())
		return &schema{kind: kindArray, items: b.of(where+"[]", t.Elem()), min: &n, max: &n}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return &schema{kind: kindObject, isMap: true, items: b.of(where+"{}", t.Elem()), nullable: true}
		}
	case reflect.Struct:
		if slices.Contains(b.open, t) {
			panic(fmt.Sprintf("%s: %s is a %v within a %v; types that hold themselves can't be described", b.call, where, t, t))
		}
		b.open = append(b.open, t)
		defer func() { b.open = b.open[:len(b.open)-1] }()
		s := &schema{kind: kindObject}
		b.addFields(s, where, t)
		return s
	}
	panic(fmt.Sprintf("%s: %s is %v, which is nothing in JSON", b.call, where, t))
}

func (b *builder) addFields(s *schema, where string, t reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if f.Anonymous && name == "" && inner.Kind() == reflect.Struct && b.special(inner) == nil {
			b.addFields(s, where, inner)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		at := where + "." + name
		if s.field(name) != nil {
			panic(fmt.Sprintf("%s: %s is there twice", b.call, at))
		}
		if strings.Contains(options, "string") {
			panic(fmt.Sprintf("%s: %s has the json option \"string\"; leave it out", b.call, at))
		}
		field := schemaField{name: name, schema: b.of(at, f.Type)}
		field.schema.doc = f.Tag.Get("doc")
		if b.request {
			field.required = b.tag(at, f.Tag.Get("check"), field.schema)
			field.schema.bound()
		} else {
			field.required = !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")
			field.schema.nullable = field.schema.nullable && field.required
		}
		s.fields = append(s.fields, field)
	}
}

// tag reads a check tag into s.
func (b *builder) tag(where, tag string, s *schema) (required bool) {
	if tag == "" {
		return false
	}
	for rule := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(rule, "=")
		number, err := strconv.ParseFloat(value, 64)
		measured := s.kind == kindString || s.kind == kindInteger || s.kind == kindNumber || s.kind == kindArray || s.isMap
		switch {
		case rule == "required":
			required = true
		case key == "min" && err == nil && measured:
			s.min = &number
		case key == "max" && err == nil && measured:
			s.max = &number
		case key == "oneof" && value != "" && s.kind == kindString && s.format == "":
			s.oneOf = strings.Split(value, "|")
		default:
			panic(fmt.Sprintf("%s: %s has the check %q; write required, min=1, max=20 or oneof=a|b, as its type allows", b.call, where, rule))
		}
	}
	if s.min != nil && s.max != nil && *s.min > *s.max {
		panic(fmt.Sprintf("%s: %s has a min above its max", b.call, where))
	}
	return required
}

// bound gives a request's value the bounds that it has not said itself.
func (s *schema) bound() {
	if s.items != nil {
		s.items.bound()
	}
	most := float64(defaultEntries)
	switch {
	case s.max != nil:
		return
	case s.kind == kindString && s.oneOf == nil && s.format == "":
		most = defaultText
	case s.kind == kindArray, s.isMap:
	default:
		return
	}
	if s.min != nil {
		most = max(most, *s.min)
	}
	s.max = &most
}

func (s *schema) field(name string) *schemaField {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// check says what is wrong with a value of a request, whose numbers are json.Number.
func (s *schema) check(at string, value any) error {
	if value == nil {
		return nil // null is nothing; who requires a field has looked
	}
	wrong := func(what string, args ...any) error {
		return badRequest.because("The field %q %s.", at, fmt.Sprintf(what, args...))
	}
	size, unit := 0.0, ""
	switch s.kind {
	case "":
		return nil
	case kindString:
		text, ok := value.(string)
		if !ok {
			return wrong("is no text")
		}
		if s.oneOf != nil && !slices.Contains(s.oneOf, text) {
			return wrong("is none of %s", strings.Join(s.oneOf, ", "))
		}
		size, unit = float64(utf8.RuneCountInString(text)), " characters"
	case kindBoolean:
		if _, ok := value.(bool); !ok {
			return wrong("is neither true nor false")
		}
	case kindInteger, kindNumber:
		number, ok := value.(json.Number)
		if !ok || !s.fits(number) {
			return wrong("is no %s that fits", s.kind)
		}
		size, _ = number.Float64()
	case kindArray:
		list, ok := value.([]any)
		if !ok {
			return wrong("is no list")
		}
		for i, v := range list {
			if err := s.items.check(fmt.Sprint(at, "[", i, "]"), v); err != nil {
				return err
			}
		}
		size, unit = float64(len(list)), " entries"
	case kindObject:
		object, ok := value.(map[string]any)
		if !ok {
			return wrong("is no object")
		}
		if err := s.checkObject(at, object); err != nil {
			return err
		}
		size, unit = float64(len(object)), " entries"
	}
	if s.min != nil && size < *s.min {
		return wrong("is less than %v%s", *s.min, unit)
	}
	if s.max != nil && size > *s.max {
		return wrong("is more than %v%s", *s.max, unit)
	}
	return nil
}

func (s *schema) checkObject(at string, object map[string]any) error {
	prefix := ""
	if at != "" {
		prefix = at + "."
	}
	for name, value := range object {
		inner := s.items
		if !s.isMap {
			f := s.field(name)
			if f == nil {
				return badRequest.because("The field %q is unknown.", prefix+name)
			}
			inner = f.schema
		}
		if err := inner.check(prefix+name, value); err != nil {
			return err
		}
	}
	for _, f := range s.fields {
		if f.required && object[f.name] == nil {
			return badRequest.because("The field %q is missing.", prefix+f.name)
		}
	}
	return nil
}

// fits says whether a number can be what the type holds.
func (s *schema) fits(n json.Number) bool {
	var err error
	switch {
	case s.kind == kindNumber:
		_, err = strconv.ParseFloat(n.String(), s.bits)
	case s.unsigned:
		_, err = strconv.ParseUint(n.String(), 10, s.bits)
	default:
		_, err = strconv.ParseInt(n.String(), 10, s.bits)
	}
	return err == nil
}
