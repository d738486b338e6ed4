package worker

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// prefetch is how many messages a room may have in hand.
const prefetch = 256

// firesAtOnce is how many timers and grace times a round plays; what is left is for the next.
const firesAtOnce = 64

// ticksAtOnce is how many ticks a late room catches up with in a round; what is more is left out and counted.
const ticksAtOnce = 5

// round plays all that waits and is due, and settles it; or saves, or goes to sleep; or waits until there is
// something to do.
func (r *room) round(signal <-chan struct{}, timer *time.Timer) error {
	a := r.awake
	if r.orphans.Load() {
		r.detachOrphans()
	}
	var err error
	if r.batch, err = r.take(r.batch[:0]); err != nil {
		return err
	}
	now := r.w.now()
	void := unawaited(r.batch)
	for i := range r.batch {
		if a.change.ended {
			break
		}
		if err := r.hear(&r.batch[i], now, void[i]); err != nil {
			return err
		}
	}
	told := len(r.batch)
	clear(r.batch) // keeps no message longer than needed
	r.event = handlers.Event{}
	fired, err := r.clock(now)
	if err != nil {
		return err
	}
	if told > 0 || fired {
		a.active = now
		if err := r.settle(); err != nil {
			return err
		}
		r.fails = 0
		return nil
	}
	at := r.next(now)
	if at.After(now) {
		timer.Reset(at.Sub(now))
		select {
		case <-signal:
		case <-timer.C:
		}
		return nil
	}
	if due, ok := r.saveAt(); ok && !due.After(now) {
		return r.save()
	}
	if !r.yieldAt.IsZero() && !r.yieldAt.After(now) {
		return nil // to make way
	}
	return r.sleep()
}

// next is when the room has something to do if nobody speaks to it.
func (r *room) next(now time.Time) time.Time {
	a := r.awake
	idle := r.game.policy.Idle
	at := a.active.Add(idle)
	if fire, ok := a.NextFire(); ok && fire.Sub(now) <= idle {
		at = fire // due soon: it is not worth sleeping
	}
	if !a.tick.IsZero() {
		at = earlier(at, a.tick)
	}
	if save, ok := r.saveAt(); ok {
		at = earlier(at, save)
	}
	if !r.yieldAt.IsZero() {
		at = earlier(at, r.yieldAt)
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// saveAt is when a Checkpointed room is due to be saved.
func (r *room) saveAt() (time.Time, bool) {
	a := r.awake
	return a.saved.Add(r.game.every), r.game.keep == checkpointed && (a.dirty || a.unacked > 0)
}

// unawaited finds the attaches whose answer nobody waits for any more, as what follows them says: the subscription has been attached
// again, or its connection is gone. A room that fell behind is asked again and again; to answer everything, each time with all that
// was missed, would keep it behind.
func unawaited(batch []broker.Delivery) map[int]bool {
	var void map[int]bool
	var later map[string]bool // subscriptions attached, and connections gone, after the message that is looked at
	for i, d := range slices.Backward(batch) {
		var name string
		switch d.Kind {
		case broker.Attach:
			if name = d.Attempt; strings.Contains(name, ".") {
				name = name[:strings.LastIndexByte(name, '.')]
			}
			if later[name] || later[gone(d.Conn)] {
				if void == nil {
					void = map[int]bool{}
				}
				void[i] = true
			}
		case broker.Detach:
			name = gone(d.Conn)
		default:
			continue
		}
		if later == nil {
			later = map[string]bool{}
		}
		later[name] = true
	}
	return void
}

// gone is a name that no subscription has.
func gone(conn string) string { return conn + " is gone" }

// hear plays one message and answers it, but for an attach whose answer would be void.
func (r *room) hear(d *broker.Delivery, now time.Time, void bool) error {
	a := r.awake
	a.tag = d.Tag
	a.unacked++
	r.game.counts.messages.Inc()
	kind := handlers.EventSay
	switch d.Kind {
	case broker.Say:
	case broker.Join:
		kind = handlers.EventJoin
	case broker.Leave:
		kind = handlers.EventLeave
	case broker.Attach:
		kind = handlers.EventAttach
	case broker.Detach:
		kind = handlers.EventDetach
	case broker.End:
		kind = handlers.EventEnd
	case broker.Job:
		kind = handlers.EventJob
	case broker.Wake:
		return nil // being awake is the answer
	default:
		r.game.counts.unknown.Inc()
		r.w.log.Warn("message of an unknown kind left out", "room", r.id, "game", r.game.name, "kind", d.Kind)
		return nil
	}
	at := d.Time
	if at.IsZero() || at.After(now) {
		at = now
	}
	r.event = handlers.Event{
		Kind: kind, ID: messageID(d), Type: d.Type, User: d.User, Name: d.Name, Seq: d.Seq, Conn: d.Conn,
		ConnSeq: d.ConnSeq, Reason: d.Reason, Time: at, ContentType: d.ContentType, Body: d.Body,
	}
	ev := &r.event
	if kind == handlers.EventJob {
		ev.Job = d.Attempt
		if d.Reason != "" { // the body says why it has failed
			ev.Body = nil
			if json.Unmarshal(d.Body, &ev.Reason) != nil || ev.Reason == "" {
				ev.Reason = d.Reason
			}
		}
	}
	if believed, err := r.believe(ev, d); err != nil || !believed {
		return err
	}
	if a.change.ended {
		return nil
	}
	res, err := r.play(ev, d)
	if err != nil {
		return err
	}
	if res.Duplicate {
		r.game.counts.duplicates.Inc()
		r.w.log.Debug("message left out: it was handled before", "room", r.id, "game", r.game.name, "message", ev.ID, "kind", d.Kind,
			"user", d.User, "seq", d.Seq)
		if kind == handlers.EventSay {
			if err := r.answerAgain(d.Message); err != nil {
				return err
			}
		}
	}
	if kind == handlers.EventAttach && !void && !a.change.ended && !ev.Skip && !slices.Contains(res.Unseated, d.User) {
		return r.answerAttach(ev, d)
	}
	return nil
}

// messageID names a message in the log: the connection and its counter there, or else the user and the client's.
func messageID(d *broker.Delivery) string {
	from, n := d.Conn, d.ConnSeq
	if from == "" {
		from, n = string(d.Kind)+":"+d.User, d.Seq
	}
	var b [64]byte
	id := append(b[:0], from...)
	id = append(id, '/')
	return string(strconv.AppendUint(id, n, 10))
}

// clock plays the timers and ticks that are due; fired reports that there were any.
func (r *room) clock(now time.Time) (fired bool, err error) {
	a := r.awake
	for range firesAtOnce {
		at, ok := a.NextFire()
		if !ok || at.After(now) || a.change.ended {
			break
		}
		ev := &handlers.Event{Kind: handlers.EventFire, ID: a.NextFireID(), Time: now, One: true}
		if _, err := r.play(ev, nil); err != nil {
			return false, err
		}
		fired = true
	}
	every := a.TickEvery()
	if every <= 0 || a.Online() == 0 || a.change.ended {
		a.tick = time.Time{}
		return fired, nil
	}
	if a.tick.IsZero() {
		a.tick = now.Add(every)
	}
	for range ticksAtOnce {
		if a.tick.After(now) || a.change.ended {
			return fired, nil
		}
		late := r.w.now().Sub(a.tick)
		r.game.counts.tickDelay.Observe(late.Seconds())
		if _, err := r.play(&handlers.Event{Kind: handlers.EventTick, ID: "tick", Time: a.tick, Late: late}, nil); err != nil {
			return false, err
		}
		fired = true
		a.tick = a.tick.Add(every)
	}
	if late := now.Sub(a.tick); late >= 0 {
		missed := late/every + 1
		a.tick = a.tick.Add(missed * every)
		r.game.counts.ticksMissed.Add(float64(missed))
	}
	return fired, nil
}
