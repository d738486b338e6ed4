package handlers

import "time"

// This file is the seam to the machinery that runs games (worker, lobby, handlerstest). Games don't need it.

// Definition is a game without its state type. *Game is the one implementation.
type Definition interface {
	Name() string
	Version() string
	Policy() Policy // with its defaults filled in
	// Open makes the first memory of a room from the options of its creator (JSON; nil or empty: none). A
	// *Rejection says that the options are refused: code bad_options or the game's own.
	Open(room string, options []byte, now time.Time) (Opening, error)
	// Load brings a room back from its memory.
	Load(room string, memory []byte) (*Instance, error)
}

// Opening is a room that begins.
type Opening struct {
	Capacity int
	Memory   []byte
	Labels   map[string]any // by which it is found: texts (string) and numbers (int64)
}

// EventKind says what happens to a room.
type EventKind uint8

const (
	EventSay    EventKind = iota // a player's message
	EventJoin                    // User has a seat
	EventLeave                   // User gives up its seat
	EventAttach                  // Conn of User listens
	EventDetach                  // Conn of User is gone
	EventFire                    // timers and grace times that are due at Time
	EventTick                    // one tick of the game's clock
	EventEnd                     // an operator closes the room
	EventJob                     // Job has ended: Body is its result, or Reason says why it was given up
)

// Event is one thing that happens to a room.
type Event struct {
	Kind        EventKind
	ID          string // for the log: which message it is
	Type        string
	User        string
	Name        string
	Seq         uint64 // the client's counter; 0: none
	Conn        string
	ConnSeq     uint64        // the gateway's counter in Conn; 0: none
	Reason      string        // EventJoin, EventAttach: "spectator", for who only watches
	Job         string        // EventJob: its ID
	Time        time.Time     // room.Now() is this, but never goes back
	Late        time.Duration // EventTick: see [Room.Late]
	ContentType string
	Body        []byte

	// Again: it will be tried again should the game's function fail, so that a failure leaves nothing behind.
	Again bool
	// Skip: it is given up without a try: only the engine's part counts, and its sender is told.
	Skip bool
	// One, of an EventFire: only the earliest of what is due.
	One bool
}

// Output is one message that a room says; the worker numbers it.
type Output struct {
	Type        string
	From        string   // user whose message caused it; "" for timers, ticks and the system
	To          []string // empty: everybody
	Request     uint64   // the Seq it answers; 0: none
	Latest      bool     // only the newest of its Type matters to who gets it, see [Latest]
	Code        string   // of a refusal (Type "error")
	Unseat      string   // the user who has left with this ("$left")
	Time        time.Time
	ContentType string
	Body        []byte
}

// Award is what a message adds to an account, together with the room's state: each at most [MaxGrant], and at least -MaxGrant.
type Award struct {
	User                       string
	Exp, Gold, Win, Lose, Draw int64
}

// Grant is what a message gives a player of an item, together with the room's state; Count is negative for what it takes.
type Grant struct {
	User, Item string
	Count      int64
}

// Result is what an event did.
type Result struct {
	// Duplicate: the event was handled before (its Seq or ConnSeq is not new). Nothing was done.
	Duplicate bool
	// Changed: the room's memory is another than before.
	Changed  bool
	Outputs  []Output
	Seated   []string // users the room has taken in
	Unseated []string // users the room has let go
	Awards   []Award
	Grants   []Grant
	Scores   []Score
	Outcomes []Outcome
	Backfill *Backfill // what the room asks for from now on; nil: as before
	Jobs     []Job
	Begun    bool // the game has begun: not offered to strangers any more
	Ended    bool // the room is over; the last output is $closed; no event may follow
	// Empty: the last member has left; the room should be closed if nobody has taken a seat meanwhile.
	Empty bool
	// Failure is the error or *PanicError of a handler, for the log. The room is as before, except that the event
	// counts as handled and its sender has an "error" output with code internal.
	Failure error
	// Again: the event failed and has Event.Again, so that it counts as not handled: play it again. What an EventFire
	// did before the step that failed counts.
	Again bool
	// Refused is the code of a refusal; its sender has an "error" output. The room is as before otherwise.
	Refused string
}
