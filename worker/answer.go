package worker

import (
	"slices"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// toldAtOnce is how many outputs an answer repeats at most. Who has missed more asks for the next when it has these: else rooms that
// are asked by many who were away for long would be busy with that alone, and who is cut off before the end would have got nowhere.
const toldAtOnce = 512

// answerAttach adds the answer to an attach to the round: what the subscriber missed and then Live, or More if that is not all, or a
// Snapshot. Asked again it answers again.
func (r *room) answerAttach(ev *handlers.Event, d *broker.Delivery) error {
	m, at := d.Message, ev.Time
	a := r.awake
	missed, left, ok := a.line.since(r.id, m.Resume, toldAtOnce)
	if !ok && a.line.reaches(m.Resume) {
		if err := r.recall(); err != nil {
			return err
		}
		missed, left, ok = a.line.since(r.id, m.Resume, toldAtOnce)
	}
	if !ok {
		return r.answerSnapshot(ev, d)
	}
	prev := m.Resume.N
	for _, e := range heard(missed, m.User) {
		o := *e.Output
		o.Part, o.Term, o.Attempt, o.Prev = broker.Replay, a.term, m.Attempt, prev
		a.change.out = append(a.change.out, &o)
		prev = o.At.N
	}
	end := &broker.Output{
		Room: r.id, Part: broker.Live, Term: a.term, At: a.line.at, To: []string{m.User}, Attempt: m.Attempt, Prev: prev, Time: at,
	}
	if left > 0 {
		end.Part, end.At.N = broker.More, a.line.at.N-uint64(left)
	} else {
		end.Handled = a.Handled(m.User)
	}
	a.change.out = append(a.change.out, end)
	return nil
}

// heard is what the user gets of the outputs that it has missed: what it may hear, and where only the newest of a type matters, that.
func heard(missed []entry, user string) []entry {
	var some []entry
	var newest []string // types
	for _, e := range slices.Backward(missed) {
		if !e.MayHear(user) {
			continue
		}
		if e.Latest {
			if slices.Contains(newest, e.Type) {
				continue
			}
			newest = append(newest, e.Type)
		}
		some = append(some, e)
	}
	slices.Reverse(some)
	return some
}

// answerSnapshot adds the room as the user may see it. A game that can't tell leaves the subscriber without an answer;
// its gateway asks again.
func (r *room) answerSnapshot(ev *handlers.Event, d *broker.Delivery) error {
	a := r.awake
	r.running.begin(ev, d, r.w.now())
	shown, err := a.Snapshot(d.User)
	if err := r.running.end(); err != nil {
		return err
	}
	if err != nil {
		r.game.counts.failed.Inc()
		r.logFailure(ev, err, 1, true)
		return nil
	}
	if shown.Time.IsZero() {
		shown.Time = ev.Time
	}
	a.change.out = append(a.change.out, &broker.Output{
		Room: r.id, Part: broker.Snapshot, Term: a.term, At: a.line.at, Type: shown.Type, To: []string{d.User},
		Attempt: d.Attempt, Handled: a.Handled(d.User), Time: shown.Time, ContentType: shown.ContentType, Body: shown.Body,
	})
	return nil
}

// answerAgain adds the remembered answers to a message that its client has sent before. The very same message given
// twice by a gateway or the broker has no answer: that is on its way, or was seen.
func (r *room) answerAgain(m *broker.Message) error {
	if m.Seq == 0 || m.Conn == "" {
		return nil
	}
	a := r.awake
	answers := a.line.answers(m)
	if len(answers) == 0 && a.line.older {
		if err := r.recall(); err != nil {
			return err
		}
		answers = a.line.answers(m)
	}
	for _, e := range answers {
		o := *e.Output
		o.Part, o.Term, o.Conn = broker.Again, a.term, m.Conn
		a.change.out = append(a.change.out, &o)
	}
	return nil
}
