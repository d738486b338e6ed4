package store

import (
	"context"
	"time"
)

// Bounds of an AuditEntry, in bytes.
const (
	MaxAuditWord   = 200
	MaxAuditReason = 2000
	MaxAuditParams = 16 << 10
)

// AuditEntry is something that somebody who runs the deployment has done.
type AuditEntry struct {
	N       int64 // given by the store; rises
	At      time.Time
	Actor   string // who: the name of a key
	Action  string // what, a stable word
	User    string // whose account it is about; "": nobody's
	Target  string // what else it is about: the id of a room, a process...; "": nothing
	Params  []byte // JSON: what was asked for
	Reason  string
	Request string // id of the request
}

// AuditFilter chooses entries; empty fields choose all.
type AuditFilter struct {
	Actor, Action, User, Target string
	From, To                    time.Time // To is after the last one's time
}

// AuditTrail keeps what was done. Nothing changes an entry but the deletion of the account that it is about, which leaves of it
// who did what to which id, when, by which request: Params and Reason may name the player.
type AuditTrail interface {
	// KeepAudit adds an entry: in the transaction that does what it tells of.
	KeepAudit(ctx context.Context, e AuditEntry) error
	// Audit lists entries, newest first, at most limit (1 to 100) from cursor on ("" begins); next is "" at the end. A malformed
	// cursor is ErrNotFound.
	Audit(ctx context.Context, f AuditFilter, cursor string, limit int) (entries []AuditEntry, next string, err error)
}
