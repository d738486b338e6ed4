package handlers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

type track struct {
	Name string `json:"name"`
	Laps int64  `json:"laps"`
	Seed []int  `json:"seed"`
	Odd  string `json:"odd"`
}

func (o *track) Validate() error {
	switch {
	case o.Laps < 0 || o.Laps > 9:
		return handlers.BadOption("laps", "it may be 0 to 9")
	case o.Odd != "":
		return errors.New("nothing is odd")
	}
	return nil
}

func tracks() *handlers.Game[board] {
	g := play(handlers.Policy{Labels: []handlers.Label{{Name: "track"}, {Name: "laps", Number: true}}})
	handlers.Open(g, func(o *handlers.Opener, _ *board, in track) error {
		o.Label("track", in.Name)
		o.LabelNumber("laps", in.Laps)
		if len(in.Seed) > 0 {
			o.Label("laps", "seven")
		}
		return nil
	})
	return g
}

func TestRoomsAreLabelled(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		`{"name":"desert","laps":3}`: "map[laps:3 track:desert]",
		``:                           "map[laps:0]",
	} {
		got, err := tracks().Open("r", []byte(options), time.Now())
		if err != nil || fmt.Sprint(got.Labels) != want {
			t.Errorf("%s: got %v, %v; want %s", options, got.Labels, err, want)
		}
	}
	_, err := tracks().Open("r", []byte(`{"seed":[1]}`), time.Now())
	if err == nil || !strings.Contains(err.Error(), `put handlers.Label{Name: "laps", Number: false}`) {
		t.Errorf("a label that was not declared so: got %v", err)
	}
}

func TestOptionsThatAreRefusedAreNamed(t *testing.T) {
	t.Parallel()
	long, _ := json.Marshal(strings.Repeat("x", 65))
	for options, want := range map[string]string{
		`{"laps":10}`:                   `option "laps": it may be 0 to 9`,
		`{"laps":"many"}`:               `option "laps": it can't be a string`,
		`{"laps":1.5}`:                  `option "laps": it can't be a number 1.5`,
		`{"speed":1}`:                   `option "speed": this game has no such option`,
		`{"name":` + string(long) + `}`: `option "track": it may have 1 to 64 bytes of UTF-8`,
		`{"odd":"x"}`:                   `nothing is odd`,
		`7`:                             `the options do not decode: json: cannot unmarshal number into Go value of type handlers_test.track`,
	} {
		_, err := tracks().Open("r", []byte(options), time.Now())
		r, ok := errors.AsType[*handlers.Rejection](err)
		if !ok || r.Code != handlers.CodeBadOptions || r.Text != want {
			t.Errorf("%s: got %v, want bad_options: %s", options, err, want)
		}
	}
}

func TestPolicyRefusesLabelsAndSpectators(t *testing.T) {
	t.Parallel()
	nine := make([]handlers.Label, 9)
	for i := range nine {
		nine[i].Name = fmt.Sprint("l", i)
	}
	for want, p := range map[string]handlers.Policy{
		"9 Labels":           {Labels: nine},
		`label "Track"`:      {Labels: []handlers.Label{{Name: "Track"}}},
		"there twice":        {Labels: []handlers.Label{{Name: "a"}, {Name: "a", Number: true}}},
		"Spectators is -1":   {Spectators: -1},
		"Spectators is 1001": {Spectators: 1001},
	} {
		func() {
			defer func() {
				if v := recover(); !strings.Contains(fmt.Sprint(v), want) {
					t.Errorf("%+v: panics with %v, want %q", p, v, want)
				}
			}()
			handlers.New("g", func() *board { return &board{} }).WithPolicy(p)
		}()
	}
}
