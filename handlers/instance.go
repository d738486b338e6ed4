package handlers

import (
	"crypto/rand"
	"runtime/debug"
	"time"
)

// Instance is one room in memory: its state and everything the engine knows of it. It belongs to one goroutine.
type Instance struct {
	rules *rules
	id    string

	seed  [16]byte // secret, of Room.Rand
	count uint64   // steps played
	clock int64    // of the latest event, nanoseconds since 1970
	begun bool
	ended bool

	members    []*member // in join order; spectators too
	byID       map[string]*member
	watchers   map[string][]string // users by the areas they watch; nil: to be made from members
	timers     []timer
	timerCount uint64
	jobs       []pending
	jobCount   uint64
	room       Room               // with the state
	ofPlayer   map[string]*tokens // of Policy.Rates; not kept
	ofAll      tokens
	told       int  // outputs of the latest tick
	playing    step // the one that Play is at, so that none is made per message

	undo
}

func newInstance(r *rules, id string, now time.Time) *Instance {
	in := &Instance{rules: r, id: id, byID: map[string]*member{}}
	in.room.in = in
	in.advance(now)
	_, _ = rand.Read(in.seed[:]) // never fails
	return in
}

// step is an event, or one of the timers and grace times that an EventFire plays.
type step struct {
	Event
	timer  uint64 // EventFire: number of the timer; 0: the grace time of User is over
	at     int64  // EventFire: when it was due
	undone bool   // the game's part failed, so only the engine's part counts
	// told is the refusal that the one who caused it gets, when undone.
	told *Rejection
}

// Play plays one event. It is all or nothing and never panics: after a refusal, an error or a panic of the game's
// function the room is as before, except that the event counts as handled, and what the engine itself has to change
// (a player has left, a timer is over) stays changed. An EventFire with several timers due is several such events, of
// which the first failure is told.
//
// A Duplicate EventAttach has been handled, but whether it was answered only the worker knows. An EventJoin of a member has it in
// Seated each time, as its seat may still wait to hear so, an EventAttach only where the room has not told yet; a player who comes with one
// and is refused is in Unseated, and so is one who leaves without being a member. After an end, Play does nothing.
//
// The event's body may not be changed afterwards. The result belongs to the caller.
func (in *Instance) Play(ev Event) Result {
	res := Result{Ended: in.ended}
	switch {
	case in.ended:
		return res
	case in.broken != nil:
		res.Failure = in.broken
		return res
	}
	switch ev.Kind {
	case EventFire:
		steps := in.due(ev)
		if ev.One && len(steps) > 1 {
			steps = steps[:1]
		}
		for i := range steps {
			if in.stillDue(&steps[i]) && !in.ended && in.broken == nil && !res.Again {
				in.play(steps[i], &res)
			}
		}
	case EventJob:
		if in.waitsFor(ev.Job) < 0 {
			res.Duplicate = true
			break
		}
		in.play(step{Event: ev}, &res)
	case EventTick:
		if in.rules.tick != nil {
			in.play(step{Event: ev}, &res)
		}
	default:
		m := in.byID[ev.User]
		switch {
		case m != nil && m.handled(ev.Seq, ev.Conn, ev.ConnSeq):
			res.Duplicate = true
			if m.waits(ev.Kind) {
				res.Seated = []string{ev.User}
			}
		case m == nil && ev.Kind == EventSay:
			in.refuseStranger(ev, &res)
		case m == nil && ev.Kind == EventDetach:
		case m == nil && ev.Kind == EventLeave:
			res.Unseated = []string{ev.User}
			res.Empty = in.Members() == 0
		default:
			s := step{Event: ev}
			if ev.Kind == EventSay && !ev.Skip {
				if s.told = in.limit(ev.User, ev.Time); s.told != nil {
					s.undone, res.Refused = true, s.told.Code
				}
			}
			in.play(s, &res)
		}
	}
	if in.longUndo() {
		in.renew()
	}
	return res
}

// refuseStranger answers a user who is no member, of whom nothing is remembered.
func (in *Instance) refuseStranger(ev Event, res *Result) {
	s := step{Event: ev, undone: true, told: &Rejection{CodeNotSeated, "you have no seat in this room"}}
	in.room.begin(&s)
	in.tell(&s)
	res.Refused, res.Outputs = s.told.Code, in.room.outputs
	in.room.discard()
}

// play plays one step and adds what it did to res.
func (in *Instance) play(next step, res *Result) {
	in.playing, in.current = next, false
	s := &in.playing
	if s.Skip {
		s.undone, s.told = true, failed
	}
	err := in.apply(s)
	if err == nil && in.room.touched {
		in.stateData = nil
		err = in.checkDurable()
	}
	if err != nil && s.Again && !refuses(err) {
		res.Failure, res.Again = err, true
		in.restore()
		in.room.phase = outside
		in.room.discard()
		return
	}
	if err != nil {
		in.playUndone(s, err, res)
	}
	in.room.phase = outside
	in.remember(s)
	r := &in.room
	res.Changed = true
	res.Outputs = join(res.Outputs, r.outputs)
	res.Seated = join(res.Seated, r.seated)
	res.Unseated = join(res.Unseated, r.unseated)
	res.Awards = join(res.Awards, r.awards)
	res.Grants = join(res.Grants, r.grants)
	res.Scores = join(res.Scores, r.scores)
	res.Outcomes = join(res.Outcomes, r.outcomes)
	if r.backfill != nil {
		res.Backfill = r.backfill
	}
	res.Jobs = join(res.Jobs, r.jobs)
	res.Begun = res.Begun || r.begun
	res.Empty = len(res.Unseated) > 0 && in.Members() == 0
	res.Ended = in.ended
}

// failed is what the one is told whose message has failed.
var failed = &Rejection{CodeInternal, "something went wrong here; nothing was changed"}

func refuses(err error) bool {
	_, refused := rejection(err)
	return refused
}

// playUndone undoes the game's part of s, which has failed with err, and plays the engine's part alone.
func (in *Instance) playUndone(s *step, err error, res *Result) {
	told, refused := rejection(err)
	if !refused {
		told = failed
	}
	if refused && (s.Kind == EventSay || s.Kind == EventJoin || s.Kind == EventAttach && in.room.joining) {
		res.Refused = told.Code
	} else if res.Failure == nil {
		res.Failure = err
	}
	s.undone, s.told = true, told
	if !in.room.touched {
		in.room.discard()
		in.tell(s)
		return
	}
	if in.restore(); in.broken == nil {
		_ = in.apply(s) // an undone step calls nothing that could fail
	}
}

// join appends more to some; the usual case copies nothing.
func join[T any](some, more []T) []T {
	if len(some) == 0 {
		return more
	}
	return append(some, more...)
}

// apply plays s: the engine's part, and unless s is undone the game's, whose error it returns. Afterwards in.room holds
// what it did. It depends on nothing but the room and s.
func (in *Instance) apply(s *step) (err error) {
	in.count++
	in.advance(s.Time)
	r := &in.room
	r.begin(s)
	if in.absent(s) {
		return nil
	}
	switch s.Kind {
	case EventSay:
		err = in.say(s)
	case EventJoin:
		err = in.join(s)
	case EventAttach:
		err = in.attach(s)
	case EventDetach:
		err = in.detach(s)
	case EventLeave:
		err = in.leave(s)
	case EventFire:
		err = in.fire(s)
	case EventJob:
		err = in.done(s)
	case EventTick:
		if !s.undone {
			r.outputs = make([]Output, 0, in.told) // about as many as the tick before had
			err = guard(func() error { return in.rules.tick(r) })
			in.told = len(r.outputs)
		}
	case EventEnd:
		if r.closing = s.Reason; r.closing == "" {
			r.closing = "ended"
		}
	}
	if err == nil && r.closing != "" {
		in.ended = true
		r.system("$closed", closedBody{r.closing})
	}
	return err
}

// absent reports whether s is about somebody who is no member. It can be only when a game does not do the same again
// when a step is played again.
func (in *Instance) absent(s *step) bool {
	switch s.Kind {
	case EventSay, EventDetach, EventLeave:
		return in.byID[s.User] == nil
	case EventFire:
		return !in.stillDue(s)
	case EventJob:
		return in.waitsFor(s.Job) < 0
	}
	return false
}

// say plays a member's message.
func (in *Instance) say(s *step) error {
	m := in.byID[s.User]
	m.note(s.Seq, s.Conn, s.ConnSeq)
	if !m.Online {
		in.hold(m, "") // it speaks, though not through a gateway
	}
	if s.undone {
		in.tell(s)
		return nil
	}
	if m.Watch {
		return &Rejection{CodeSpectator, "spectators may not send"}
	}
	if len(s.Body) > MaxBody {
		return &Rejection{CodeBadMessage, "the body is over 64 KiB"}
	}
	if checkValue("content type", s.ContentType) != nil {
		return &Rejection{CodeBadMessage, "the content type holds a character that is not allowed"}
	}
	if s.Type == "" {
		s.Type = typeInBody(s.Body)
	}
	h := in.rules.on[s.Type]
	if h == nil {
		if h = in.rules.onAny; h == nil || checkWord("type", s.Type) != nil {
			return &Rejection{CodeUnknownType, "this game takes no such message"}
		}
	}
	return guard(func() error { return h(&in.room, Message{s.Type, s.ContentType, s.Body}) })
}

// tell puts the answer of an undone step to the one who caused it.
func (in *Instance) tell(s *step) {
	if s.told == nil || s.Kind == EventFire || s.Kind == EventTick || s.Kind == EventJob {
		return
	}
	_, body, _ := encodeBody(errorBody{s.told.Code, s.told.Text}, MaxSnapshot)
	in.room.put(Output{
		Type: "error", From: s.User, To: []string{s.User}, Request: s.Seq, Code: s.told.Code,
		ContentType: contentJSON, Body: body,
	})
}

type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type closedBody struct {
	Reason string `json:"reason"`
}

// now is the room's time.
func (in *Instance) now() time.Time { return time.Unix(0, in.clock).UTC() }

// advance moves the clock to t, never back.
func (in *Instance) advance(t time.Time) {
	if !t.IsZero() {
		in.clock = max(in.clock, t.UnixNano())
	}
}

// Ended reports whether the room is over.
func (in *Instance) Ended() bool { return in.ended }

// TickEvery is the time between two ticks, 0 for a game without.
func (in *Instance) TickEvery() time.Duration { return in.rules.tickEvery }

// guard calls f and makes an error of its panic.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return f()
}
