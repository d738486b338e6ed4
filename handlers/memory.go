package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// memoryFormat is raised when the encoding changes in a way that older programs can't read.
const memoryFormat = 1

// memory is the encoding of an Instance: what the engine knows, then the game's state.
type memory struct {
	Format     int       `json:"format"`
	Seed       []byte    `json:"seed"`
	Count      uint64    `json:"count"`
	Clock      int64     `json:"clock"`
	Begun      bool      `json:"begun,omitempty"`
	Ended      bool      `json:"ended,omitempty"`
	Members    []*member `json:"members,omitempty"`
	Timers     []timer   `json:"timers,omitempty"`
	TimerCount uint64    `json:"timer_count,omitempty"`
	Jobs       []pending `json:"jobs,omitempty"`
	JobCount   uint64    `json:"job_count,omitempty"`
}

// encodeState makes stateData the encoding of the state as it is.
func (in *Instance) encodeState() error {
	if in.stateData != nil {
		return nil
	}
	return guard(func() error {
		data, err := json.Marshal(in.room.state)
		if err != nil {
			return fmt.Errorf("encode state: %w", err)
		}
		in.stateData = data
		return nil
	})
}

// encode is the memory as it is now.
func (in *Instance) encode() ([]byte, error) {
	if err := in.encodeState(); err != nil {
		return nil, err
	}
	known, err := json.Marshal(memory{
		Format: memoryFormat, Seed: in.seed[:], Count: in.count, Clock: in.clock, Begun: in.begun, Ended: in.ended,
		Members: in.members, Timers: in.timers, TimerCount: in.timerCount, Jobs: in.jobs, JobCount: in.jobCount,
	})
	if err != nil {
		return nil, fmt.Errorf("encode room: %w", err)
	}
	data := make([]byte, 0, len(known)+len(in.stateData)+1)
	data = append(data, known...)
	data = append(data, '\n')
	return append(data, in.stateData...), nil
}

// restoreFrom makes the room what data says. On an error it is of no use any more.
func (in *Instance) restoreFrom(data []byte) error {
	known, state, two := bytes.Cut(data, []byte{'\n'})
	if !two {
		return errors.New("decode room: memory has no state")
	}
	var m memory
	if err := json.Unmarshal(known, &m); err != nil {
		return fmt.Errorf("decode room: %w", err)
	}
	if m.Format != memoryFormat {
		return fmt.Errorf("decode room: memory has format %d, this program reads %d", m.Format, memoryFormat)
	}
	if len(m.Seed) != len(in.seed) {
		return fmt.Errorf("decode room: seed has %d bytes, not %d", len(m.Seed), len(in.seed))
	}
	copy(in.seed[:], m.Seed)
	in.count, in.clock, in.begun, in.ended = m.Count, m.Clock, m.Begun, m.Ended
	in.members, in.timers, in.timerCount = m.Members, m.Timers, m.TimerCount
	in.jobs, in.jobCount = m.Jobs, m.JobCount
	in.watchers = nil
	in.byID = make(map[string]*member, len(m.Members))
	for _, p := range m.Members {
		in.byID[p.ID] = p
	}
	in.stateData = state
	return guard(func() error {
		s, err := in.rules.decode(state)
		if err != nil {
			return fmt.Errorf("decode state: %w", err)
		}
		in.room.state = s
		return nil
	})
}
