package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
)

// Opener is a room that is being opened.
type Opener struct {
	capacity int
	match    *Match
	err      error
}

// Capacity sets how many seats the room has, 1 to 1,000, in place of the policy's. Another number refuses the room
// with bad_options.
func (o *Opener) Capacity(n int) {
	o.capacity, o.err = n, nil
	if n < 1 || n > MaxCapacity {
		o.err = &Rejection{CodeBadOptions, fmt.Sprintf("capacity is %d; it may be 1 to %d", n, MaxCapacity)}
	}
}

// Open registers fn to prepare the state of a new room from the options that its creator gave, JSON decoded into O; no
// options leave O zero, members that O does not have are refused with bad_options. An error refuses the room. Without it a
// game takes no options.
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
				return &Rejection{CodeBadOptions, "the options do not decode: " + err.Error()}
			}
		}
		return fn(o, state.(*S), opts)
	}
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
	o := Opener{capacity: r.policy.Capacity, match: match}
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
	return Opening{Capacity: o.capacity, Memory: memory}, nil
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
