package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// Room is what a function of a game may ask and do. It belongs to one call: its methods may be called only by the
// function it was given to, and only until that returns. Whatever is done with it counts only if the function returns
// nil.
type Room struct {
	in      *Instance
	state   any
	step    *step // what is being handled
	from    string
	reason  string
	phase   phase
	touched bool // the game may have changed the state or the room
	by      int  // outputs by the game

	outputs  []Output
	seated   []string
	unseated []string
	awards   []Award
	grants   []Grant
	scores   []Score
	outcomes []Outcome
	backfill *Backfill
	jobs     []Job
	begun    bool
	joining  bool   // the step takes a player in
	closing  string // reason of the end; "" goes on

	rand *rand.Rand
	log  *slog.Logger
}

// phase is what a Room may be used for at the moment.
type phase uint8

const (
	outside phase = iota // no function runs
	handling
	looking // a Snapshot function runs
)

var (
	errOutside = errors.New("the room was used after the function it was given to has returned")
	errLooking = errors.New("a Snapshot function may not change the room")
	errNoOne   = errors.New("there is no sender to answer: this is a timer or a tick")
)

// may says why the room can't be changed now, or nil.
func (r *Room) may() error {
	switch r.phase {
	case handling:
		return nil
	case looking:
		return errLooking
	}
	return errOutside
}

// must is may for what can't return an error.
func (r *Room) must(what string) {
	if err := r.may(); err != nil {
		panic(fmt.Sprintf("handlers.Room.%s: %v", what, err))
	}
}

// ID is the room's.
func (r *Room) ID() string { return r.in.id }

// From is the user whose message is being handled; in a hook the one it is about. Empty in timers and ticks, and
// when a grace time is over.
func (r *Room) From() string { return r.from }

// Reason says why a player has left or is suspended: a stable word. "timeout": the grace time is over.
func (r *Room) Reason() string { return r.reason }

// Players are the members in the order in which they joined, without spectators. The slice is the caller's.
func (r *Room) Players() []Player {
	return r.people(false)
}

// Spectators are those who only watch, in the order in which they came. The slice is the caller's.
func (r *Room) Spectators() []Player { return r.people(true) }

func (r *Room) people(watch bool) []Player {
	people := make([]Player, 0, len(r.in.members))
	for _, m := range r.in.members {
		if m.Watch == watch {
			people = append(people, m.player())
		}
	}
	return people
}

// Now is the room's time: that of the event, never before an earlier one's. UTC.
func (r *Room) Now() time.Time { return r.in.now() }

// Late is how long after its time a tick is played: nearly nothing while the room keeps up, and 0 in what is no tick. It is there for games that do
// less on a machine with too much to do, such as tell players less often. Nothing that matters may depend on it: it is another each time.
func (r *Room) Late() time.Duration { return r.step.Late }

// Rand is chance that players can't foresee and that is the same when the event is played again.
func (r *Room) Rand() *rand.Rand {
	if r.rand == nil {
		key := binary.BigEndian.AppendUint64(r.in.seed[:len(r.in.seed):len(r.in.seed)], r.in.count)
		r.rand = rand.New(rand.NewChaCha8(sha256.Sum256(key)))
	}
	return r.rand
}

// Send tells everybody in the room, or only those named in to. Members get it in the order of the calls. Type is a
// word that does not begin with $ and holds no colon, backslash or control character. Body is sent as JSON; []byte and
// [Raw] are sent as they are and may not be changed afterwards, nil is an empty body. At most [MaxBody] bytes, and
// [MaxOutputs] outputs an event; on an error nothing is sent.
func (r *Room) Send(typ string, body any, to ...string) error {
	return r.say(typ, body, slices.Clone(to), 0)
}

// Reply tells the sender of the message that is handled, and nobody else, and marks it as the answer to that message. In
// a hook it tells the player whom the hook is about.
func (r *Room) Reply(typ string, body any) error {
	if r.from == "" {
		return fmt.Errorf("reply %s: %w", typ, errNoOne)
	}
	return r.say(typ, body, []string{r.from}, r.step.Seq)
}

func (r *Room) say(typ string, body any, to []string, request uint64) error {
	if err := r.maySend(typ); err != nil {
		return err
	}
	if slices.Contains(to, "") {
		return fmt.Errorf("send %s: a user in to is empty", typ)
	}
	contentType, data, err := encodeBody(body, MaxBody)
	if err != nil {
		return fmt.Errorf("send %s: %w", typ, err)
	}
	r.by++
	latest := request == 0 && slices.Contains(r.in.rules.latest, typ)
	r.put(Output{Type: typ, From: r.from, To: to, Request: request, Latest: latest, ContentType: contentType, Body: data})
	return nil
}

func (r *Room) maySend(typ string) error {
	if err := r.may(); err != nil {
		return fmt.Errorf("send %s: %w", typ, err)
	}
	if r.by == MaxOutputs {
		return fmt.Errorf("send %s: %d outputs in one event, more are not allowed", typ, MaxOutputs)
	}
	if err := checkWord("type", typ); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// SendSnapshot sends the sender a $snapshot, as it gets one when it begins to listen.
func (r *Room) SendSnapshot() error {
	if r.from == "" {
		return fmt.Errorf("send snapshot: %w", errNoOne)
	}
	if err := r.maySend("snapshot"); err != nil {
		return err
	}
	out, err := r.in.look(r.from)
	if err != nil {
		return err
	}
	r.by++
	out.Request = r.step.Seq
	r.put(out)
	return nil
}

// put adds an output of the game or the engine.
func (r *Room) put(out Output) {
	out.Time = r.in.now()
	r.outputs = append(r.outputs, out)
}

// Begin says that the game has begun: the room is not offered to strangers any more. Once is enough.
func (r *Room) Begin() {
	r.must("Begin")
	r.touched, r.in.begun, r.begun = true, true, true
}

// End ends the room: after this event there is none, and its last output is $closed.
func (r *Room) End() {
	r.must("End")
	r.touched, r.closing = true, "ended"
}

// Award adds a to the account a.User, in the same commit as the state: once, or not at all. It panics where a number is outside of
// -[MaxGrant] to MaxGrant. Gold is never less than none, whatever is taken.
func (r *Room) Award(a Award) {
	r.must("Award")
	if a.User == "" {
		panic("handlers.Room.Award: User is empty")
	}
	for _, n := range []int64{a.Exp, a.Gold, a.Win, a.Lose, a.Draw} {
		if n < -MaxGrant || n > MaxGrant {
			panic(fmt.Sprintf("handlers.Room.Award: %d is too much; write -%d to %d", n, MaxGrant, MaxGrant))
		}
	}
	r.awards = append(r.awards, a)
}

// Log writes lines that carry the room, its game, the message's id and the user.
func (r *Room) Log() *slog.Logger {
	switch {
	case r.in.replaying:
		return discard
	case r.log != nil:
		return r.log
	}
	args := []any{"game", r.in.rules.name, "room", r.in.id}
	if r.phase == handling {
		args = append(args, "message", r.step.ID, "type", r.step.Type, "user", r.step.User)
	}
	r.log = slog.With(args...)
	return r.log
}

var discard = slog.New(nothing{})

// nothing is the log of what is played again to undo something: it was logged the first time.
type nothing struct{}

func (nothing) Enabled(context.Context, slog.Level) bool  { return false }
func (nothing) Handle(context.Context, slog.Record) error { return nil }
func (n nothing) WithAttrs([]slog.Attr) slog.Handler      { return n }
func (n nothing) WithGroup(string) slog.Handler           { return n }

// begin readies the room for one step.
func (r *Room) begin(s *step) {
	*r = Room{in: r.in, state: r.state, step: s, phase: handling, reason: s.Reason}
	if s.Kind != EventFire && s.Kind != EventTick && s.Kind != EventEnd && s.Kind != EventJob {
		r.from = s.User
	}
}

// discard takes back what the game has asked for.
func (r *Room) discard() {
	*r = Room{in: r.in, state: r.state, step: r.step}
}
