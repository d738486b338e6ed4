package web

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web/stomp"
)

// room is what a gateway knows of one room: where its line stands, and who listens here. Its keeper (keeper.go) speaks
// to the broker for it.
type room struct {
	hub   *hub
	id    string
	topic string

	mu       sync.Mutex
	term     uint64          // highest seen
	at       broker.Position // last number seen; Epoch 0: none since the topic was bound
	closed   *broker.Output  // the room's $closed, when it was heard
	all      []*subscription
	users    map[string][]*subscription
	attempts map[string]*subscription // attaching ones by their current attempt
	slow     []*session               // to be ended when mu is free
	touched  []*session               // to be flushed when all that came at once has been passed on; may name one twice
	group    group
	jobs     []job
	kept     bool      // a keeper is at work
	unheard  bool      // an attach was not answered in time, nor was anything else heard since
	heard    time.Time // the last output, whatever it was

	word atomic.Int64 // when something was last said to the room here, or heard on its line: nanoseconds since 1970

	// of the keeper
	bound   bool
	rebound time.Time // when the topic was last bound again for want of an answer
}

func newRoom(h *hub, id string) *room {
	return &room{
		hub: h, id: id, topic: topicPrefix + id,
		users: map[string][]*subscription{}, attempts: map[string]*subscription{},
	}
}

// add takes sub in, attaching. hub.mu is held, so that the room is not forgotten meanwhile.
func (r *room) add(sub *subscription) {
	sub.room = r
	sub.first = make(chan error, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	sub.index = len(r.all)
	r.all = append(r.all, sub)
	user := sub.s.user.User
	r.users[user] = append(r.users[user], sub)
	r.attachLocked(sub)
}

// remove ends sub because the client, or its connection, is gone. With the last one of a connection the room is told
// so. Removing one that the room has ended does nothing.
func (r *room) remove(sub *subscription, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sub.over.Load() {
		return
	}
	r.takeOutLocked(sub)
	user := sub.s.user
	others := slices.ContainsFunc(r.users[user.User], func(other *subscription) bool { return other.s == sub.s })
	if sub.told && others { // whichever goes last tells
		for _, other := range r.users[user.User] {
			other.told = other.told || other.s == sub.s
		}
	} else if sub.told {
		r.pushLocked(job{kind: detach, conn: sub.s.id, user: user.User, name: user.Name, reason: reason})
	}
	r.wakeLocked() // perhaps the topic is not needed any more
}

func (r *room) takeOutLocked(sub *subscription) {
	sub.over.Store(true)
	r.hub.g.presences.move(sub.s.user.User)
	if sub.live {
		sub.resume = r.at
	}
	sub.live = false
	r.forgetAttemptLocked(sub)
	last := len(r.all) - 1
	r.all[last].index = sub.index
	r.all[sub.index] = r.all[last]
	r.all[last] = nil
	r.all = r.all[:last]
	user := sub.s.user.User
	rest := slices.DeleteFunc(r.users[user], func(other *subscription) bool { return other == sub })
	if len(rest) == 0 {
		delete(r.users, user)
	} else {
		r.users[user] = rest
	}
}

func (r *room) forgetAttemptLocked(sub *subscription) {
	delete(r.attempts, sub.attempt)
	sub.attempt = ""
	if sub.retry != nil {
		sub.retry.Stop()
		sub.retry = nil
	}
}

// attachLocked has sub attached, from sub.resume. What answers an earlier attempt is void from here on.
func (r *room) attachLocked(sub *subscription) {
	sub.live = false
	r.forgetAttemptLocked(sub)
	if !sub.asked {
		sub.asked = true
		r.pushLocked(job{kind: attach, sub: sub})
	}
}

// broken attaches everybody again.
func (r *room) broken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sub := range r.all {
		if sub.live {
			sub.resume = r.at
		}
		sub.tries = 0
		r.attachLocked(sub)
	}
}

// deliver takes outputs of the room in the order of its topic.
func (r *room) deliver(outs []*broker.Output) {
	r.mu.Lock()
	r.heard = r.hub.g.now()
	m := r.hub.g.metrics
	for _, o := range outs {
		if r.nextForAllLocked(o) {
			r.groupLocked(o)
			continue
		}
		r.passGroupLocked()
		part, passed := r.hearLocked(o)
		m.outputs.of(part).Inc()
		if passed > 0 {
			m.deliveries.Add(float64(passed))
		}
	}
	r.passGroupLocked()
	slow := r.slow
	r.slow = nil
	// Under mu: whatever is said to these sessions next, by whomever, comes after this.
	for _, s := range r.touched {
		r.hub.g.gatherer.flush(s.out)
	}
	clear(r.touched)
	if r.touched = r.touched[:0]; cap(r.touched) > keepTouched {
		r.touched = nil
	}
	r.mu.Unlock()
	for _, s := range slow {
		s.end(refuseSlowReader, "")
	}
}

// keepTouched is the longest list of sessions that a room keeps from one delivery to the next.
const keepTouched = 64

// hearLocked passes one output on to whom it may concern (docs/inside.md, "Attaching"), and says for the metrics what
// it was and how many got it.
func (r *room) hearLocked(o *broker.Output) (part string, passed int) {
	if o.Term < r.term {
		return "stale", 0
	}
	r.term = o.Term
	e := encoding{topic: r.topic, o: o}
	switch o.Part {
	case broker.Line:
		if !r.advanceLocked(o.At, true) {
			return "seen", 0
		}
		r.word.Store(r.hub.g.now().UnixNano())
		return "line", r.lineLocked(&e)
	case broker.Replay:
		return "replay", r.replayLocked(&e)
	case broker.Snapshot, broker.Live:
		r.advanceLocked(o.At, false)
		return "answer", r.answerLocked(&e)
	case broker.More:
		r.moreLocked(o)
		return "more", 0
	case broker.Again:
		r.advanceLocked(o.At, false)
		return "again", r.againLocked(&e)
	}
	return "unknown", 0
}

// advanceLocked moves the room's place to at. False: at, if it is a line's, has been seen. Where numbers between are
// missing, or the epoch is another, those who were live are attached again from where they were.
func (r *room) advanceLocked(at broker.Position, line bool) bool {
	old := r.at
	switch {
	case old.Epoch == 0:
		r.at = at
		return true
	case at.Epoch < old.Epoch, at.Epoch == old.Epoch && at.N <= old.N:
		return false
	}
	r.at = at
	if line && at.Epoch == old.Epoch && at.N == old.N+1 {
		return true
	}
	lost := 0
	for _, sub := range r.all {
		if sub.live {
			sub.resume = old
			r.attachLocked(sub)
			lost++
		}
	}
	if lost > 0 {
		r.hub.g.metrics.holes.Inc()
		r.hub.g.log.Warn("outputs of a room are missing; its subscribers are attached again", "room", r.id,
			"have", formatPosition(old), "got", formatPosition(at), "subscriptions", lost)
	}
	return true
}

func (r *room) lineLocked(e *encoding) (passed int) {
	o := e.o
	if o.Type == broker.TypeClosed {
		return r.closeLocked(e)
	}
	if len(o.To) == 0 {
		for _, sub := range r.all {
			if sub.live {
				passed += r.passLocked(sub, e, false)
			}
		}
	}
	for i, user := range o.To {
		for _, sub := range r.users[user] {
			if sub.live && sub.last != o.At { // To may name a user twice
				passed += r.passLocked(sub, e, i == 0)
			}
		}
	}
	if o.Type == typeSuspended {
		r.comeBackLocked(o)
	}
	if o.Unseat != "" {
		for _, sub := range slices.Clone(r.users[o.Unseat]) {
			if sub.live {
				r.takeOutLocked(sub)
			} else {
				r.attachLocked(sub) // perhaps the user has a new seat: that is looked up on the way
			}
		}
		r.wakeLocked()
	}
	return passed
}

// closeLocked ends all subscriptions: the room is closed in the store, and nothing follows. Nobody will answer those that
// are attaching. What they missed since a place where they stood, their keeper finds in the store.
func (r *room) closeLocked(e *encoding) (passed int) {
	r.closed = e.o
	for _, sub := range slices.Clone(r.all) {
		if !sub.live && (sub.resume.Epoch != 0 || sub.torn) {
			r.attachLocked(sub)
			continue
		}
		passed += r.passLocked(sub, e, false)
		sub.resume = e.o.At
		r.takeOutLocked(sub)
	}
	r.wakeLocked()
	return passed
}

const typeSuspended = "$suspended"

// comeBackLocked attaches those again whom the room has suspended though they listen here: it took this gateway, which
// was silent for a while, for dead.
func (r *room) comeBackLocked(o *broker.Output) {
	var body struct{ User string }
	if json.Unmarshal(o.Body, &body) != nil {
		return
	}
	for _, sub := range r.users[body.User] {
		if sub.live {
			sub.resume = o.At
			r.attachLocked(sub)
		}
	}
}

// passLocked queues an output for one subscriber.
func (r *room) passLocked(sub *subscription, e *encoding, answer bool) int {
	sub.last = e.o.At
	return r.putLocked(sub, e.packet(sub.head, answer && e.o.Request != 0))
}

// putLocked puts a packet before one subscriber, and says how many frames it took; the session is flushed later.
func (r *room) putLocked(sub *subscription, p packet) int {
	if sub.s.out.put(p) || sub.s.out.catchUp() && sub.s.out.put(p) {
		r.touched = append(r.touched, sub.s)
		return p.count()
	}
	sub.live = false
	r.forgetAttemptLocked(sub)
	r.slow = append(r.slow, sub.s)
	return 0
}

func (r *room) replayLocked(e *encoding) int {
	sub := r.attempts[e.o.Attempt]
	if sub == nil || e.o.At.Epoch == sub.resume.Epoch && e.o.At.N <= sub.resume.N || r.missedLocked(sub, e.o) {
		return 0
	}
	if !e.o.MayHear(sub.s.user.User) {
		sub.resume = e.o.At
		return 0
	}
	r.touched = append(r.touched, sub.s)
	if !sub.s.out.put(e.packet(sub.head, e.o.Answers(sub.s.user.User))) {
		// More has to be said than can wait. Coming back would end the same way, so it gets a snapshot instead.
		sub.s.out.withdraw(sub.head)
		sub.resume, sub.torn = broker.Position{}, true
		r.attachLocked(sub)
		return 0
	}
	sub.resume = e.o.At
	if e.o.Type == broker.TypeClosed {
		r.takeOutLocked(sub)
		r.wakeLocked()
	}
	return 1
}

// missedLocked reports whether something of an answer is missing before o, which is of it. Then the subscription is attached
// again from where it is: a node of the broker that stood still or fell away may have dropped what had been confirmed.
func (r *room) missedLocked(sub *subscription, o *broker.Output) bool {
	if o.At.Epoch != sub.resume.Epoch || o.Prev <= sub.resume.N {
		return false
	}
	r.hub.g.metrics.holes.Inc()
	r.hub.g.log.Warn("outputs of a room's answer are missing; its subscriber is attached again", "room", r.id, "conn", sub.s.id,
		"have", formatPosition(sub.resume), "follows", o.Prev, "got", formatPosition(o.At))
	r.attachLocked(sub)
	return true
}

// answerLocked makes the subscription live whose attempt this is. One that is behind what has been passed over
// meanwhile can't be: it waits for the next attempt.
func (r *room) answerLocked(e *encoding) int {
	sub := r.attempts[e.o.Attempt]
	if sub == nil || e.o.At != r.at || e.o.Part == broker.Live && r.missedLocked(sub, e.o) {
		return 0
	}
	r.forgetAttemptLocked(sub)
	sub.live, sub.tries, sub.torn = true, 0, false
	if e.o.Part == broker.Live {
		return 0
	}
	return r.passLocked(sub, e, false)
}

// moreLocked asks for what follows what the subscription whose attempt this is has been given.
func (r *room) moreLocked(o *broker.Output) {
	sub := r.attempts[o.Attempt]
	if sub == nil || o.At.Epoch != sub.resume.Epoch || r.missedLocked(sub, o) {
		return
	}
	if o.At.N > sub.resume.N { // the last ones were not for this user
		sub.resume = o.At
	}
	sub.tries = 0
	r.attachLocked(sub)
}

// againLocked repeats an answer to the connection that asked again. One that is attaching gets it only if it does not
// lie ahead: what does comes with the replay.
func (r *room) againLocked(e *encoding) (passed int) {
	if len(e.o.To) == 0 {
		return 0
	}
	for _, sub := range r.users[e.o.To[0]] {
		behind := e.o.At.Epoch == sub.resume.Epoch && e.o.At.N <= sub.resume.N
		if sub.s.id == e.o.Conn && (sub.live || behind) {
			last := sub.last
			passed += r.passLocked(sub, e, true)
			sub.last = last
		}
	}
	return passed
}

// say tells one subscriber something of the gateway's own, at the place where it stands. False: it reads too slowly.
func (r *room) say(sub *subscription, fields []stomp.Field, now time.Time, body []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := sub.resume
	if sub.live {
		at = r.at
	}
	fields = append(fields,
		stomp.Field{Name: "destination", Value: r.topic},
		stomp.Field{Name: "message-id", Value: formatPosition(at)},
		stomp.Field{Name: "timestamp", Value: formatTime(now)})
	rest := appendMessage(nil, fields, "application/json", body)
	return sub.s.out.offer(packet{head: sub.head, body: rest})
}
