package handlers

import "fmt"

// Snapshot is the room as user may see it: a $snapshot for it alone. An error is the Snapshot function's, or its
// *PanicError; the room is as before.
func (in *Instance) Snapshot(user string) (Output, error) {
	if in.broken != nil {
		return Output{}, in.broken
	}
	in.room.begin(&step{Event: Event{Type: "$snapshot", User: user}})
	out, err := in.look(user)
	in.room.phase = outside
	if err != nil {
		in.restore() // it may have changed the state half way
		in.room.phase = outside
		return Output{}, err
	}
	out.Time = in.now()
	return out, nil
}

// look calls the game's Snapshot function for user.
func (in *Instance) look(user string) (Output, error) {
	r := &in.room
	before := r.phase
	r.phase = looking
	defer func() { r.phase = before }()
	out := Output{Type: "$snapshot", To: []string{user}}
	err := guard(func() error {
		view, err := in.view(user)
		if err != nil {
			return err
		}
		out.ContentType, out.Body, err = encodeBody(view, MaxSnapshot)
		return err
	})
	if err != nil {
		return Output{}, fmt.Errorf("snapshot: %w", err)
	}
	return out, nil
}

// view is what the game shows to user, or who is there.
func (in *Instance) view(user string) (any, error) {
	if in.rules.snapshot != nil {
		return in.rules.snapshot(&in.room, user)
	}
	return map[string][]Player{"players": in.room.Players()}, nil
}
