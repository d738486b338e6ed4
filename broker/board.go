package broker

import (
	"context"
	"encoding/json"
	"time"
)

// Notice is one sheet on the bulletin board. It is a hint, not a fact: it may be lost while a broker node restarts, so
// nothing may depend on one notice alone.
type Notice struct {
	Kind string // what it says: one of the Notice... words
	From string // process id of the sender
	Body []byte // JSON of the kind's own struct; at most 64 KiB
	Time time.Time
}

// Kinds of notices.
const (
	NoticeProcess = "process" // Body: Process. Posted each second by every process
	NoticeGone    = "gone"    // Body: Process. Its sender stops, orderly
	NoticeRoom    = "room"    // Body: RoomOpened. A room has been opened, or woken
	NoticeDrain   = "drain"   // Body: Drain. The processes it names stop taking new work and end when theirs is done
	NoticeSession = "session" // Body: SessionMoved. A user's sessions or connections older than this one end
	NoticeDoubt   = "doubt"   // No Body. The broker is in trouble, as its sender sees it (Receiver.Doubt)

	NoticeNotes    = "notes"    // Body: Notes. What players are told outside of rooms
	NoticeAnnounce = "announce" // Body: JSON for every connection, as a message of type $notice. See web.Announcements
	// NoticeMissed comes from the Board itself, to the watcher that may have missed notices: its connection was broken, or it
	// was far behind. It has no sender and no Body, and is not to be posted.
	NoticeMissed = "missed"
)

// Board is the bulletin board between processes. Safe for concurrent use.
type Board interface {
	// Post gives n to every process that watches, the own one included. Notices of one sender arrive in order.
	Post(ctx context.Context, n Notice) error
	// Watch calls see, one notice at a time, for every notice posted after Watch has returned, until ctx ends or
	// the Broker closes. see must not block for long: a watcher that is far behind may lose notices. It gets a NoticeMissed
	// then, as after a break, unless the broker loses what it has confirmed.
	Watch(ctx context.Context, see func(Notice)) error
}

// RoomOpened says that workers of this game and version should take the room up.
type RoomOpened struct {
	Room    string `json:"room"`
	Game    string `json:"game"`
	Version string `json:"version"`
}

// Drain names processes: those whose id begins with Process, or all workers of Game at Version. Empty fields choose all,
// but not both.
type Drain struct {
	Process string `json:"process,omitempty"`
	Game    string `json:"game,omitempty"`
	Version string `json:"version,omitempty"`
}

// SessionMoved says that of all connections of User only those of session Session, and of these only the one with the
// highest Since, may live. Session "" ends all of them.
type SessionMoved struct {
	User    string `json:"user"`
	Session string `json:"session"`
	Conn    string `json:"conn,omitempty"`  // the connection that has just signed in; "" when a lobby speaks
	Since   int64  `json:"since,omitempty"` // when it asked to be signed in: nanoseconds since 1970, by the store's clock
}

// Notes is what players are told, for the gateways that have their connections. Several may be in one notice.
type Notes struct {
	Notes []Told `json:"notes"`
}

// Told is a store.Note; or, without N, something of the moment that is kept nowhere and reaches whoever is there.
type Told struct {
	User string          `json:"user"`
	N    uint64          `json:"n,omitempty"`
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
	At   int64           `json:"at"` // milliseconds since 1970
}
