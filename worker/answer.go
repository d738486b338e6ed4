package worker

import (
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// answerAttach adds the answer to an attach to the round: what the subscriber missed and then Live, or a Snapshot.
// Asked again it answers again.
func (r *room) answerAttach(m *broker.Message, at time.Time) {
	a := r.awake
	missed, ok := a.line.since(m.Resume)
	if !ok {
		r.answerSnapshot(m, at)
		return
	}
	for _, e := range missed {
		if !e.sees(m.User) {
			continue
		}
		o := *e.Output
		o.Part, o.Term, o.Attempt = broker.Replay, a.term, m.Attempt
		a.change.out = append(a.change.out, &o)
	}
	a.change.out = append(a.change.out, &broker.Output{
		Room: r.id, Part: broker.Live, Term: a.term, At: a.line.at, To: []string{m.User}, Attempt: m.Attempt,
		Handled: a.Handled(m.User), Time: at,
	})
}

// answerSnapshot adds the room as the user may see it. A game that can't tell leaves the subscriber without an answer;
// its gateway asks again.
func (r *room) answerSnapshot(m *broker.Message, at time.Time) {
	a := r.awake
	shown, err := a.Snapshot(m.User)
	if err != nil {
		r.game.counts.failed.Inc()
		r.logFailure(&handlers.Event{ID: m.Attempt, Type: shown.Type, User: m.User}, err)
		return
	}
	if shown.Time.IsZero() {
		shown.Time = at
	}
	a.change.out = append(a.change.out, &broker.Output{
		Room: r.id, Part: broker.Snapshot, Term: a.term, At: a.line.at, Type: shown.Type, To: []string{m.User},
		Attempt: m.Attempt, Handled: a.Handled(m.User), Time: shown.Time, ContentType: shown.ContentType, Body: shown.Body,
	})
}

// answerAgain adds the remembered answers to a message that its client has sent before. The very same message given
// twice by a gateway or the broker has no answer: that is on its way, or was seen.
func (r *room) answerAgain(m *broker.Message) {
	if m.Seq == 0 || m.Conn == "" {
		return
	}
	a := r.awake
	for _, e := range a.line.answers(m) {
		o := *e.Output
		o.Part, o.Term, o.Conn = broker.Again, a.term, m.Conn
		a.change.out = append(a.change.out, &o)
	}
}
