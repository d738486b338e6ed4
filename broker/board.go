package broker

import (
	"context"
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

	NoticeJobs = "jobs" // No Body. Jobs wait to be taken

	NoticeNotes    = "notes"    // Body: Notes. What players are told outside of rooms
	NoticeAnnounce = "announce" // Body: JSON for every connection, as a message of type $notice. See web.Announcements
	// NoticeMissed, without Body: notices may have been missed, so what they tell of is to be looked up. The Board itself gives
	// it to a watcher whose connection was broken, or which is far behind; processes post it when they could not post others.
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
