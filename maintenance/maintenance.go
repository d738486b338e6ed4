// Package maintenance is the time in which a deployment takes nobody in: how an operator announces, begins and ends it ([Desk]), and how
// each process knows of it ([Keeper]).
//
// What stands is in the store, so it outlives every process. The bulletin board tells of changes at once, and each process
// looks every two seconds, so that nothing depends on a notice.
package maintenance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// Phase is how far a maintenance is.
type Phase int

const (
	None      Phase = iota // there is none
	Announced              // it is announced, and everything works
	Begun                  // nobody signs in any more, and no room or match comes about; who is there plays on
	Closed                 // nobody is connected
)

func (p Phase) String() string { return [...]string{"none", "announced", "begun", "closed"}[p] }

// PhaseOf says how far m is at now.
func PhaseOf(m store.Maintenance, now time.Time) Phase {
	switch {
	case !m.Active:
		return None
	case !m.Closes.IsZero() && !now.Before(m.Closes):
		return Closed
	case !now.Before(m.Begins):
		return Begun
	}
	return Announced
}

// Bounds of a [Plan].
const (
	MaxText  = 500                 // characters
	MaxAhead = 30 * 24 * time.Hour // until it begins, and from then until it closes or ends
)

var (
	// ErrNone: there is no maintenance to change.
	ErrNone = errors.New("there is no maintenance")
	// ErrPlan: a plan is wrong in itself; the text says how.
	ErrPlan = errors.New("bad plan")
)

// Plan is a maintenance to be announced.
type Plan struct {
	Text     string        // for the players, MaxText characters at most
	In       time.Duration // until it begins
	Close    time.Duration // from its begin until players are disconnected; negative: they are not
	For      time.Duration // from its begin until it is expected to be over; 0: nobody knows
	EndRooms bool          // rooms end when players are disconnected; otherwise they go on without
	Exempt   []string      // ids of accounts for whom there is none
}

func (p Plan) check() error {
	switch {
	case !utf8.ValidString(p.Text) || utf8.RuneCountInString(p.Text) > MaxText:
		return fmt.Errorf("%w: the text has more than %d characters, or is no UTF-8", ErrPlan, MaxText)
	case p.In < 0 || p.In > MaxAhead || p.Close > MaxAhead || p.For < 0 || p.For > MaxAhead:
		return fmt.Errorf("%w: it must begin now or later, and nothing may be further away than %v", ErrPlan, MaxAhead)
	case p.EndRooms && p.Close < 0:
		return fmt.Errorf("%w: rooms end when players are disconnected, so say when they are", ErrPlan)
	case len(p.Exempt) > store.MaxExempt:
		return fmt.Errorf("%w: at most %d accounts may be exempt", ErrPlan, store.MaxExempt)
	}
	return nil
}

// Desk is where an operator says what is to be. Store and Board must be given. Safe for concurrent use; of two operators who change the
// same thing at once one gets store.ErrChanged.
type Desk struct {
	Store store.Maintenances
	Board broker.Board     // nil: there is none that can be reached; processes notice within two seconds
	From  string           // who posts, on the board
	Now   func() time.Time // default time.Now
}

func (d *Desk) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// Status returns what stands and how far it is.
func (d *Desk) Status(ctx context.Context) (store.Maintenance, Phase, error) {
	m, err := d.Store.Maintenance(ctx)
	return m, PhaseOf(m, d.now()), err
}

// Announce puts a new plan in the place of what stands.
func (d *Desk) Announce(ctx context.Context, p Plan) (store.Maintenance, error) {
	if err := p.check(); err != nil {
		return store.Maintenance{}, err
	}
	return d.change(ctx, func(m *store.Maintenance, now time.Time) error {
		*m = store.Maintenance{N: m.N, Active: true, Text: p.Text, Begins: now.Add(p.In), EndRooms: p.EndRooms, Exempt: p.Exempt}
		if p.Close >= 0 {
			m.Closes = m.Begins.Add(p.Close)
		}
		if p.For > 0 {
			m.Ends = m.Begins.Add(p.For)
		}
		return nil
	})
}

// Begin lets the announced maintenance begin now. What was to follow its begin moves with it. One that has begun stays as it is.
func (d *Desk) Begin(ctx context.Context) (store.Maintenance, error) {
	return d.change(ctx, func(m *store.Maintenance, now time.Time) error {
		if !m.Active {
			return ErrNone
		}
		if by := m.Begins.Sub(now); by > 0 {
			m.Begins = now
			if !m.Closes.IsZero() {
				m.Closes = m.Closes.Add(-by)
			}
			if !m.Ends.IsZero() {
				m.Ends = m.Ends.Add(-by)
			}
		}
		return nil
	})
}

// Close disconnects players now, and lets the maintenance begin if it has not.
func (d *Desk) Close(ctx context.Context) (store.Maintenance, error) {
	return d.change(ctx, func(m *store.Maintenance, now time.Time) error {
		if !m.Active {
			return ErrNone
		}
		if m.Begins.After(now) {
			m.Begins = now
		}
		if m.Closes.IsZero() || m.Closes.After(now) {
			m.Closes = now
		}
		return nil
	})
}

// End opens the deployment again, or takes the announcement back.
func (d *Desk) End(ctx context.Context) (store.Maintenance, error) {
	return d.change(ctx, func(m *store.Maintenance, now time.Time) error {
		if !m.Active {
			return ErrNone
		}
		m.Active, m.Ends, m.Exempt = false, now, nil
		return nil
	})
}

func (d *Desk) change(ctx context.Context, do func(m *store.Maintenance, now time.Time) error) (store.Maintenance, error) {
	m, err := d.Store.Maintenance(ctx)
	if err != nil {
		return m, err
	}
	now := d.now().UTC().Truncate(time.Millisecond)
	if err := do(&m, now); err != nil {
		return m, err
	}
	if m, err = d.Store.SetMaintenance(ctx, m); err != nil || d.Board == nil {
		return m, err
	}
	// The store has it, so a board that is away fails nothing.
	ctx, cancel := context.WithTimeout(ctx, boardTime)
	defer cancel()
	_ = d.Board.Post(ctx, broker.Notice{Kind: broker.NoticeAnnounce, From: d.From, Body: announcement(m), Time: now})
	return m, nil
}

// boardTime is how long a change waits for the board.
const boardTime = 3 * time.Second

// announcement is what players are told of m.
func announcement(m store.Maintenance) []byte {
	type told struct {
		Kind     string     `json:"kind"`
		N        uint64     `json:"n"`
		Over     bool       `json:"over"`
		Text     string     `json:"text,omitempty"`
		Begins   *time.Time `json:"begins,omitempty"`
		Closes   *time.Time `json:"closes,omitempty"`
		Ends     *time.Time `json:"ends,omitempty"`
		EndRooms bool       `json:"end_rooms,omitempty"`
	}
	some := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	t := told{Kind: "maintenance", N: m.N, Over: !m.Active}
	if m.Active {
		t.Text, t.Begins, t.Closes, t.Ends, t.EndRooms = m.Text, some(m.Begins), some(m.Closes), some(m.Ends), m.EndRooms
	}
	body, err := json.Marshal(t)
	if err != nil { // words and times
		panic(err)
	}
	return body
}
