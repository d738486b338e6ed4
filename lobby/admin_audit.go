package lobby

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/madang-games/madang/store"
)

// auditJSON is an entry of the audit trail on the wire.
type auditJSON struct {
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor" doc:"The name of the key."`
	Action  string          `json:"action"`
	User    string          `json:"user,omitempty" doc:"Whose account it is about."`
	Target  string          `json:"target,omitempty" doc:"What else it is about: a room, a letter, a process, a posting's reference."`
	Params  json.RawMessage `json:"params" doc:"What was asked for; empty when the account was deleted."`
	Reason  string          `json:"reason"`
	Request string          `json:"request" doc:"The X-Request-Id."`
}

// pageJSON is the part of a list that is asked for.
type pageJSON struct {
	Cursor string `json:"cursor" check:"max=200" doc:"next of the page before."`
	Limit  int    `json:"limit" check:"min=1,max=100" doc:"20 when left out."`
}

func (p *pageJSON) page() (cursor string, limit int, err error) {
	if !goodCursor(p.Cursor) {
		return "", 0, badCursor
	}
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	return p.Cursor, p.Limit, nil
}

type auditQueryJSON struct {
	Actor  string     `json:"actor" check:"max=64"`
	Action string     `json:"action" check:"max=64"`
	User   string     `json:"user" check:"max=64"`
	Target string     `json:"target" check:"max=200"`
	From   *time.Time `json:"from"`
	To     *time.Time `json:"to"`
	pageJSON
}

type auditPageJSON struct {
	Entries []auditJSON `json:"entries"`
	Next    string      `json:"next" doc:"The cursor of the next page; empty after the last."`
}

func (a *Admin) addAudit() {
	adminGet(a, "/audit", "What operators have done, newest first", a.audit)
}

func (a *Admin) audit(c *Context, in auditQueryJSON) (out auditPageJSON, err error) {
	cursor, limit, err := in.page()
	if err != nil {
		return out, err
	}
	f := store.AuditFilter{Actor: in.Actor, Action: in.Action, User: in.User, Target: in.Target}
	for _, at := range []struct {
		given *time.Time
		kept  *time.Time
	}{{in.From, &f.From}, {in.To, &f.To}} {
		if at.given != nil {
			*at.kept = at.given.UTC()
		}
	}
	entries, next, err := a.store.Audit(c.ctx, f, cursor, limit)
	if err != nil {
		return out, orNotFound(err, badCursor)
	}
	out = auditPageJSON{Entries: make([]auditJSON, len(entries)), Next: next}
	for i, e := range entries {
		out.Entries[i] = auditJSON{strconv.FormatInt(e.N, 10), e.At.UTC(), e.Actor, e.Action, e.User, e.Target, e.Params, e.Reason, e.Request}
	}
	return out, nil
}
