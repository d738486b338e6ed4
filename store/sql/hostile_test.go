package sql_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// hostileStrings are what a text may be that comes from a stranger by way of some game.
var hostileStrings = []string{"", "\x00", "a\x00b", "\xff", "\xed\xa0\x80", "'", "%", "\u202e", "$1", strings.Repeat("x", 100000)}

// fill makes a value of what the type can hold: each text is the one, each number the other.
func fill(v reflect.Value, text string, number int64, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(number % (1 << 53))))
		return
	case time.Duration:
		v.SetInt(number)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(number)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(number))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(number))
	case reflect.Bool:
		v.SetBool(number%2 != 0)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text, number, depth)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text, number, depth)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text, number, depth)
		fill(value, text, number, depth)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		if depth < 5 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), text, number, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text, number, depth)
			}
		}
	}
}

// A method that is asked nonsense refuses it, or finds nothing: the database is not what finds the mistake.
func TestNonsenseIsRefusedBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		methods := reflect.TypeFor[store.Store]()
		said := map[string]bool{}
		for i := range methods.NumMethod() {
			name := methods.Method(i).Name
			method := reflect.ValueOf(s).MethodByName(name)
			if name == "Close" || name == "Transact" {
				continue
			}
			for _, text := range hostileStrings {
				for _, number := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
					var in []reflect.Value
					for k := range method.Type().NumIn() {
						p := method.Type().In(k)
						v := reflect.New(p).Elem()
						if p == reflect.TypeFor[context.Context]() {
							v.Set(reflect.ValueOf(t.Context()))
						} else {
							fill(v, text, number, 0)
						}
						in = append(in, v)
					}
					call := method.Call
					if method.Type().IsVariadic() {
						call = method.CallSlice
					}
					for _, out := range call(in) {
						err, _ := out.Interface().(error)
						var postgres *pgconn.PgError
						var lite *sqlite.Error
						if (errors.As(err, &postgres) || errors.As(err, &lite)) && !said[name] {
							said[name] = true
							t.Errorf("%s with %.20q and %d: %v", name, text, number, err)
						}
					}
				}
			}
		}
	})
}
