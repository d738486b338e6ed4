package handlers

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shape is what a walk over a state type has found.
type shape struct {
	seen map[reflect.Type]bool
	// fragile: a value of the type may refuse to be encoded (NaN, a cycle, a method's error).
	fragile bool
}

// checkState says how a state of type t would not come back from JSON as it was, or nil.
func checkState(t reflect.Type) (fragile bool, err error) {
	if t.Kind() != reflect.Struct {
		return false, fmt.Errorf("state %v is no struct; write a struct type that holds it in a field", t)
	}
	s := shape{seen: map[reflect.Type]bool{}}
	err = s.walk(t, t.String())
	return s.fragile, err
}

func (s *shape) walk(t reflect.Type, path string) error {
	if own, err := s.ownEncoding(t, path); own || err != nil {
		return err
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("%s is a %v, which JSON does not keep; keep the data it is made from instead", path, t.Kind())
	case reflect.Interface:
		return fmt.Errorf("%s is an interface, and JSON does not keep which type was in it; name the type, or give the field a type with MarshalJSON and UnmarshalJSON", path)
	case reflect.Float32, reflect.Float64:
		s.fragile = true
	case reflect.Pointer:
		return s.walkOnce(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return s.walkOnce(t.Elem(), path+"[]")
	case reflect.Map:
		if err := s.key(t.Key(), path); err != nil {
			return err
		}
		return s.walkOnce(t.Elem(), path+"[]")
	case reflect.Struct:
		return s.fields(t, path)
	}
	return nil
}

// walkOnce walks what lies behind a reference: a type that is met again is recursive or known.
func (s *shape) walkOnce(t reflect.Type, path string) error {
	if s.seen[t] {
		s.fragile = s.fragile || t.Kind() == reflect.Struct // it may hold a cycle
		return nil
	}
	s.seen[t] = true
	return s.walk(t, path)
}

// ownEncoding reports whether t encodes itself; half of the pair is a mistake.
func (s *shape) ownEncoding(t reflect.Type, path string) (bool, error) {
	p := reflect.PointerTo(t)
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false, nil
	}
	for _, pair := range []struct {
		out, in reflect.Type
		names   [2]string
	}{
		{jsonMarshaler, jsonUnmarshaler, [2]string{"MarshalJSON", "UnmarshalJSON"}},
		{textMarshaler, textUnmarshaler, [2]string{"MarshalText", "UnmarshalText"}},
	} {
		out, in := p.Implements(pair.out), p.Implements(pair.in)
		if out && in {
			s.fragile = true
			return true, nil
		}
		if out != in {
			has, lacks := pair.names[0], pair.names[1]
			if in {
				has, lacks = lacks, has
			}
			return false, fmt.Errorf("%s: type %v has %s and no %s; write both", path, t, has, lacks)
		}
	}
	return false, nil
}

func (s *shape) key(t reflect.Type, path string) error {
	if t.Kind() == reflect.String {
		return nil
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return nil
	}
	if t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler) {
		s.fragile = true
		return nil
	}
	return fmt.Errorf("%s: JSON takes no map key of type %v; use a string or an integer, or give it MarshalText and UnmarshalText", path, t)
}

func (s *shape) fields(t reflect.Type, path string) error {
	names := map[string]string{}
	for f := range t.Fields() {
		at := path + "." + f.Name
		tag := f.Tag.Get("json")
		name, rest, _ := strings.Cut(tag, ",")
		embedded := f.Anonymous && name == ""
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Name == "_":
			continue
		case inner.PkgPath() == "sync" || inner.PkgPath() == "sync/atomic":
			return fmt.Errorf("%s is a %v; a room's functions run one at a time: leave it out", at, f.Type)
		case tag == "-":
			return fmt.Errorf(`%s has the tag json:"-" and would be lost; keep it, or leave it out of the state`, at)
		case !f.IsExported() && !(embedded && inner.Kind() == reflect.Struct && f.Type.Kind() == reflect.Struct):
			return fmt.Errorf("%s is not exported and would be lost; write it with a capital letter, or give %v MarshalJSON and UnmarshalJSON", at, t)
		case f.Type.Kind() == reflect.Map && strings.Contains(rest, "omit"):
			return fmt.Errorf("%s: an empty map with %s would come back as nil, which takes no entries; leave the option out", at, rest)
		}
		if !embedded || inner.Kind() != reflect.Struct {
			if name == "" {
				name = f.Name
			}
			if other, twice := names[name]; twice {
				return fmt.Errorf("%s has the JSON name %q of %s, and neither would be kept; give it another", at, name, other)
			}
			names[name] = at
		}
		if err := s.walk(f.Type, at); err != nil {
			return err
		}
	}
	return nil
}

// checkMessage says how JSON could never fill a message of type t, or nil.
func checkMessage(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Pointer:
		return fmt.Errorf("message type is the pointer %v; take it by value: %v", t, t.Elem())
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("JSON has no %v; take a struct", t.Kind())
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return fmt.Errorf("JSON can't fill the interface %v; take a struct", t)
		}
	case reflect.Struct:
		if p := reflect.PointerTo(t); t.NumField() == 0 || p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
			return nil
		}
		for f := range t.Fields() {
			if f.IsExported() || f.Anonymous {
				return nil
			}
		}
		return fmt.Errorf("%v has no exported field, so JSON can't fill it; write its fields with capital letters", t)
	}
	return nil
}
