package worker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// play plays one event, as often as the game's policy says if it fails, and adds what it did to the round's change. d is
// the message that the event comes from, nil for timers and ticks. An error means that the room can't go on.
func (r *room) play(ev *handlers.Event, d *broker.Delivery) (handlers.Result, error) {
	a := r.awake
	c := &a.change
	var key string
	if len(a.condemned) > 0 { // seldom: the key costs more than the message
		key = condemnKey(ev, d)
		ev.Skip = key != "" && slices.Contains(a.condemned, key)
	}
	for try := 1; ; try++ {
		ev.Again = ev.Kind != handlers.EventTick && !ev.Skip && try < r.game.policy.Attempts
		r.running.begin(ev, d, r.w.now())
		res := a.Play(*ev)
		if err := r.running.end(); err != nil {
			return res, err
		}
		if res.Failure != nil {
			r.game.counts.failed.Inc()
			r.logFailure(ev, res.Failure, try, res.Again)
		}
		if res.Again {
			if err := r.pause(try - 1); err != nil {
				return res, err
			}
			continue
		}
		if res.Failure != nil && !res.Changed {
			return res, fmt.Errorf("play: %w", res.Failure)
		}
		if res.Failure != nil && ev.Kind != handlers.EventTick {
			r.game.counts.dead.Inc()
			c.dead = append(c.dead, r.letter(ev, d, try, res.Failure))
		}
		if ev.Skip {
			r.absolve(key, d)
		}
		r.add(ev, &res)
		r.addBackfill(ev, &res)
		return res, nil
	}
}

// add adds what an event did to the round's change.
func (r *room) add(ev *handlers.Event, res *handlers.Result) {
	a := r.awake
	c := &a.change
	if res.Refused != "" {
		r.game.counts.refused(res.Refused)
	}
	for i := range res.Outputs {
		r.say(&res.Outputs[i], ev)
	}
	for _, user := range res.Seated {
		c.seated, c.unseated, c.released = with(c.seated, user), without(c.unseated, user), without(c.released, user)
	}
	for _, user := range res.Unseated {
		if c.seated = without(c.seated, user); ev.Kind == handlers.EventLeave && user == ev.User {
			c.released = with(c.released, user)
		} else {
			c.unseated = with(c.unseated, user)
		}
	}
	for _, w := range res.Awards {
		c.awards = append(c.awards, store.Award(w))
	}
	for _, g := range res.Grants {
		c.grants = append(c.grants, store.Grant{User: g.User, Item: g.Item, Count: g.Count, Limit: r.w.items[g.Item]})
	}
	r.addRanks(ev, res)
	for _, j := range res.Jobs {
		c.jobs = append(c.jobs, store.Job{ID: j.ID, Name: j.Name, Arg: j.Arg, Room: r.id, Due: ev.Time})
	}
	c.changed = c.changed || res.Changed
	c.begun = c.begun || res.Begun
	c.ended = c.ended || res.Ended
	c.left = (c.left || res.Empty || len(res.Unseated) > 0) && a.Members() == 0
}

func with(users []string, user string) []string {
	if slices.Contains(users, user) {
		return users
	}
	return append(users, user)
}

func without(users []string, user string) []string {
	return slices.DeleteFunc(users, func(u string) bool { return u == user })
}

// say numbers an output.
func (r *room) say(o *handlers.Output, ev *handlers.Event) {
	a := r.awake
	out := &broker.Output{
		Room: r.id, Part: broker.Line, Term: a.term, Type: o.Type, From: o.From, To: o.To, Request: o.Request,
		Latest: o.Latest, Code: o.Code, Unseat: o.Unseat, Time: o.Time, ContentType: o.ContentType, Body: o.Body,
	}
	if out.Time.IsZero() {
		out.Time = ev.Time
	}
	e := entry{Output: out}
	if o.Request != 0 {
		e.AskedBy, e.AskedSeq = ev.Conn, ev.ConnSeq
	}
	a.line.add(e)
	if r.game.keep == durable {
		a.change.lines = append(a.change.lines, e)
	}
	a.change.out = append(a.change.out, out)
	r.game.counts.outputs.Inc()
}

func (r *room) logFailure(ev *handlers.Event, err error, try int, again bool) {
	args := []any{
		"room", r.id, "game", r.game.name, "message", ev.ID, "type", ev.Type, "user", ev.User, "try", try, "error", err,
	}
	if again {
		r.w.log.Warn("handler failed; it is tried again", args...)
		return
	}
	if p := (*handlers.PanicError)(nil); errors.As(err, &p) {
		args = append(args, "stack", string(p.Stack))
	}
	r.w.log.Error("handler failed; the message is given up", args...)
}
