package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// letter is what is kept of an event that is given up.
func (r *room) letter(ev *handlers.Event, d *broker.Delivery, attempts int, why error) store.DeadLetter {
	l := store.DeadLetter{
		ID: uuid.Must(uuid.NewV7()).String(), Room: r.id, Game: r.game.name, Version: r.game.version, Kind: "timer", Type: ev.Type, User: ev.User,
		Name: ev.Name, Seq: ev.Seq, Conn: ev.Conn, ConnSeq: ev.ConnSeq, Reason: ev.Reason, SentAt: ev.Time,
		Attempts: attempts, Error: why.Error(), GivenUp: r.w.now(), ContentType: ev.ContentType, Body: ev.Body,
	}
	if d != nil {
		l.Kind = string(d.Kind)
	} else if l.Type == "" {
		l.Type = ev.ID
	}
	if p := (*handlers.PanicError)(nil); errors.As(why, &p) {
		l.Stack = string(p.Stack)
	}
	return l
}

// condemnKey is what an event is known by when it comes again: the same in every process. "": it does not come again.
func condemnKey(ev *handlers.Event, d *broker.Delivery) string {
	switch {
	case ev.Kind == handlers.EventFire:
		return ev.ID
	case d == nil:
		return ""
	}
	h := sha256.New()
	for _, part := range []string{
		string(d.Kind), d.Type, d.User, strconv.FormatUint(d.Seq, 10), d.Conn, strconv.FormatUint(d.ConnSeq, 10),
		d.Attempt, d.Reason, strconv.FormatInt(d.Time.UnixMilli(), 10),
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	h.Write(d.Body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// absolve takes key, which has been skipped, from what is condemned; unless the message may come once more without
// being known as handled.
func (r *room) absolve(key string, d *broker.Delivery) {
	if d != nil && d.Seq == 0 && d.ConnSeq == 0 {
		return
	}
	r.awake.condemned = without(r.awake.condemned, key)
	r.awake.change.absolve = append(r.awake.change.absolve, key)
}
