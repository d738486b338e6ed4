package store

import (
	"context"
	"time"
)

// Record is what a room's worker keeps: its memory, and where its line of outputs stands.
type Record struct {
	Room      Room
	Term      uint64   // of the worker that holds the room
	Epoch     uint64   // of the line, from 1
	N         uint64   // number of the last output, 0 before the first
	Published uint64   // outputs up to this number are known to be published
	Memory    []byte   // as the game's engine encodes it
	Log       []Logged // kept runs with outputs above Published, oldest first; Records.Log has the others too
	Condemned []string // of the room's dead letters that are condemned, see [DeadLetter]; at most 100, the newest
}

// Logged is a run of consecutive outputs, kept to be published again or replayed, in the worker's encoding. Back ends may give back several
// that follow each other as one, which stays until all of it may be dropped.
type Logged struct {
	First, Last uint64
	Data        []byte
}

// Commit is one change of a room: all of it happens, or nothing.
type Commit struct {
	Room      string
	Term      uint64 // must be the record's, else ErrStaleTerm
	Epoch     uint64
	N         uint64
	Published uint64
	Memory    []byte // nil: unchanged
	Wake      bool   // see LiveRoom
	// Asleep is Room.Asleep from now on, until the room is taken up; zero: it stays as it is.
	Asleep   time.Time
	Log      *Logged  // outputs to keep; nil: none
	Forget   uint64   // kept runs whose Last is at or below this number are dropped, and with the first run of an epoch those of older ones
	Seated   []string // users whose joining seats become seated
	Unseated []string // users whose seats go
	// Watching are those of Seated whom the room has as spectators. A seat that is a player's there, or the other way round, is not
	// the one that the room has heard of, and stays joining.
	Watching []string
	// Released are users whom the room let go because it was told that they had given their seats up. Seats that are leaving go. One
	// that was taken again stays, as what the room was told came late or twice: if it was seated it is joining, as the room is to
	// be told of it again.
	Released []string
	Awards   []Award
	Grants   []Grant
	Scores   []Score
	Outcomes []Outcome
	Backfill *Backfill // what the room asks for from now on: Game, Mode, Wants, Size and Since; nil: as before
	Jobs     []Job
	Dead     []DeadLetter // messages given up; one whose ID or (Room, Condemned) is kept already is left as it is
	Absolve  []string     // of Record.Condemned: they have been skipped and don't come again; their letters stay
	State    RoomState    // "": unchanged. Closed drops all seats and the log (but see Farewell), and leaves the room unswept
	// IfEmpty with State Closed: only if no seat is left after Seated, Unseated and Released; else the state stays and
	// Commit reports closed false, the rest being done.
	IfEmpty bool
	// Farewell with State Closed: until then the log, with this commit's Log, and the names of those who sit there after
	// these are kept for [Farewells]. Zero, or if nobody sits there: nothing is.
	Farewell time.Time
}

// Records is the workers' side. Back ends may gather concurrent commits of different rooms into one transaction of
// the database, with each one's outcome its own.
type Records interface {
	// TakeUp raises the room's term and returns its record: from now on only commits with that term succeed. It
	// works on closed rooms too. The room is awake then; Room.Asleep says how it was before. ErrNotFound.
	TakeUp(ctx context.Context, room string) (Record, error)
	// Log returns the kept runs of an epoch of a room, oldest first; none is no error. Its worker reads them when somebody
	// asks for what is long past, so that taking a room up costs the same however much it keeps.
	Log(ctx context.Context, room string, epoch uint64) ([]Logged, error)
	// Commit makes the change; on return it is as durable as the back end's settings promise. ErrStaleTerm,
	// ErrRoomClosed when the room is closed already.
	Commit(ctx context.Context, c *Commit) (closed bool, err error)
}
