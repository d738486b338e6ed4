package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Opener is a room that is being opened.
type Opener struct {
	policy   Policy
	capacity int
	match    *Match
	labels   map[string]any
	err      error // the first refusal
}

// BadOption refuses the options of a new room, when the function of [Open] or their Validate method returns it: text says what is wrong with
// the field, as in "it may be 1 to 9".
func BadOption(field, text string) error {
	return &Rejection{CodeBadOptions, fmt.Sprintf("option %q: %s", field, text)}
}

func (o *Opener) refuse(err error) {
	if o.err == nil {
		o.err = err
	}
}

// Capacity sets how many seats the room has, 1 to 1,000, in place of the policy's. Another number refuses the room
// with bad_options.
func (o *Opener) Capacity(n int) {
	o.capacity = n
	if n < 1 || n > MaxCapacity {
		o.refuse(BadOption("capacity", fmt.Sprintf("it is %d, and may be 1 to %d", n, MaxCapacity)))
	}
}

// Open registers fn to prepare the state of a new room from the options that its creator gave, JSON decoded into O; no
// options leave O zero; members that O does not have, or that are of another type, are refused with bad_options and named.
// Then, if O or *O has a method Validate() error, it is asked: its error, best one of [BadOption], refuses the room with bad_options. So does an
// error of fn that is a [Rejection], with its code; any other is a fault. Without it a game takes no options.
func Open[S, O any](g *Game[S], fn func(o *Opener, state *S, options O) error) {
	g.mayRegister("Open")
	g.checkOnce("Open", fn == nil, g.open != nil)
	g.checkMessage("Open", "options", reflect.TypeFor[O]())
	g.open = func(o *Opener, state any, options []byte) error {
		var opts O
		if len(options) > 0 {
			d := json.NewDecoder(bytes.NewReader(options))
			d.DisallowUnknownFields()
			err := d.Decode(&opts)
			if err == nil {
				if _, more := d.Token(); !errors.Is(more, io.EOF) {
					err = errors.New("something follows the value")
				}
			}
			if err != nil {
				return undecoded(err)
			}
		}
		if v, ok := any(&opts).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				if _, refused := rejection(err); refused {
					return err
				}
				return &Rejection{CodeBadOptions, err.Error()}
			}
		}
		return fn(o, state.(*S), opts)
	}
}

// undecoded says which option is not what the game takes.
func undecoded(err error) error {
	var kind *json.UnmarshalTypeError
	field, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	if name, quoted := strconv.Unquote(field); unknown && quoted == nil {
		return BadOption(name, "this game has no such option")
	}
	if errors.As(err, &kind) && kind.Field != "" {
		return BadOption(kind.Field, "it can't be a "+kind.Value)
	}
	return &Rejection{CodeBadOptions, "the options do not decode: " + err.Error()}
}

// Open makes the first memory of a room, see [Definition].
func (r *rules) Open(room string, options []byte, now time.Time) (Opening, error) {
	r.ready()
	options = bytes.TrimSpace(options)
	if string(options) == "null" {
		options = nil
	}
	in := newInstance(r, room, now)
	options, match, err := cutMatch(options)
	if err != nil {
		return Opening{}, fmt.Errorf("open room of %s: %w", r.name, err)
	}
	o := Opener{policy: r.policy, capacity: r.policy.Capacity, match: match}
	err = guard(func() error {
		in.room.state = r.fresh()
		if r.open != nil {
			return r.open(&o, in.room.state, options)
		}
		var none map[string]struct{}
		if len(options) > 0 && (json.Unmarshal(options, &none) != nil || len(none) > 0) {
			return &Rejection{CodeBadOptions, "this game takes no options"}
		}
		return nil
	})
	if err == nil {
		err = o.err
	}
	if err != nil {
		return Opening{}, fmt.Errorf("open room of %s: %w", r.name, err)
	}
	memory, err := in.encode()
	if err != nil {
		return Opening{}, fmt.Errorf("open room of %s: %w", r.name, err)
	}
	return Opening{Capacity: o.capacity, Memory: memory, Labels: o.labels}, nil
}

// Load brings a room back, see [Definition].
func (r *rules) Load(room string, memory []byte) (*Instance, error) {
	r.ready()
	in := newInstance(r, room, time.Time{})
	if err := in.restoreFrom(memory); err != nil {
		return nil, fmt.Errorf("load room of %s: %w", r.name, err)
	}
	in.base, in.stateData = memory, nil // so that Memory says what was understood, not what was read
	return in, nil
}
