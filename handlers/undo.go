package handlers

import (
	"fmt"
	"log/slog"
)

// undo is how an Instance gets back to the state before a step: an encoded memory and the steps since then, which are
// played again. So the usual step, which succeeds, costs nothing but its entry here.
type undo struct {
	base      []byte // a memory of this room; never nil after Load
	current   bool   // base is the memory as it is now
	log       []step // since base
	logBytes  int    // of their bodies
	stateData []byte // the state's encoding; nil: it may have changed since
	replaying bool
	broken    error // base could not be decoded: the room in memory is of no use
}

// Bounds of the steps since base. A big memory is encoded less often.
const (
	undoSteps = 32
	undoBytes = 1 << 20
)

func (in *Instance) remember(s *step) {
	in.log = append(in.log, *s)
	in.logBytes += len(s.Body)
}

// longUndo reports whether it is time for a new base.
func (in *Instance) longUndo() bool {
	return len(in.log) >= max(undoSteps, len(in.base)/128) || in.logBytes >= max(undoBytes, len(in.base))
}

// rebase makes memory, which is that of now, the base.
func (in *Instance) rebase(memory []byte) {
	in.base, in.current = memory, true
	clear(in.log)
	in.log, in.logBytes = in.log[:0], 0
}

// restore brings the room to where it was before the latest step. It may set in.broken.
func (in *Instance) restore() {
	in.replaying = true
	defer func() { in.replaying = false }()
	for !in.replay(nil) {
	}
}

// replay plays the steps since base again on base. A step that fails now though it did not the first time, or after
// which check fails, is marked undone, and replay reports false: begin again.
func (in *Instance) replay(check func() error) (done bool) {
	if in.broken = in.restoreFrom(in.base); in.broken != nil {
		in.broken = fmt.Errorf("undo in room of %s: %w", in.rules.name, in.broken)
		return true
	}
	for i := range in.log {
		s := &in.log[i]
		err := in.apply(s)
		if in.room.phase = outside; in.room.touched {
			in.stateData = nil
		}
		if err == nil && check != nil {
			err = check()
		}
		if err != nil && !s.undone {
			s.undone = true
			return false
		}
	}
	return true
}

// checkDurable finds a state that can't be encoded before anybody sees what it came with, where that is promised.
func (in *Instance) checkDurable() error {
	if _, durable := in.rules.policy.Keep.(Durable); !durable || !in.rules.fragile {
		return nil
	}
	return in.encodeState()
}

// renew takes the memory of now for the base. When the state can't be encoded, the steps that made it so are undone,
// though their outputs are out: better than to lose the room.
func (in *Instance) renew() {
	memory, err := in.encode()
	if err != nil {
		slog.Error("state can't be encoded; undoing the messages that made it so", "game", in.rules.name, "room", in.id, "err", err)
		in.replaying = true
		for !in.replay(in.encodeState) {
		}
		in.replaying = false
		if in.room.phase = outside; in.broken != nil {
			return
		}
		if memory, err = in.encode(); err != nil {
			in.broken = err
			return
		}
	}
	in.rebase(memory)
}

// Memory is all that the room is, for [Definition].Load. It may not be changed, and stays as it is. An error is final:
// the room in memory is of no use any more.
func (in *Instance) Memory() ([]byte, error) {
	if !in.current && in.broken == nil {
		in.renew()
	}
	if in.broken != nil {
		return nil, in.broken
	}
	return in.base, nil
}
