package handlers

import (
	"fmt"
	"time"
)

// Keep says what of a room outlives the process that plays it: Durable, Checkpointed or Ephemeral.
type Keep interface{ keep() }

// Durable: each message is committed before anybody sees its results. For turns, trade, anything with consequences.
type Durable struct{}

// Checkpointed: results are seen at once; the state is saved every so often, and the messages since are played again
// after a crash. Players then get a snapshot. For realtime.
type Checkpointed struct {
	Every time.Duration // between two saves; default 1 s
}

// Ephemeral: nothing is kept but who sits in the room, and for two minutes how it ended. For chat and rehearsals.
type Ephemeral struct{}

func (Durable) keep()      {}
func (Checkpointed) keep() {}
func (Ephemeral) keep()    {}

// Policy is what a game asks of its rooms. The zero value works.
type Policy struct {
	// Keep: default Durable{}.
	Keep Keep
	// Capacity: seats of a room, 1 to 1,000; default 2. Open can set another for one room.
	Capacity int
	// Grace: how long a seat is held for a player whose connection is lost, or who has joined and not connected
	// yet; default 60 s. Afterwards the player has left.
	Grace time.Duration
	// Graces are other grace times for some causes.
	Graces Graces
	// Attempts: how often a message is tried whose function fails (with an error that is no Reject, or a panic)
	// before the room gives it up and goes on without it, 1 to 10; default 3. A tick is tried once.
	Attempts int
	// Slow: a function that runs longer than this is told of in the log, with where it stands; default 1 s.
	Slow time.Duration
	// Limit: a function that runs longer than this is given up with its message, and the room goes on from before
	// it; default 10 s. The goroutine that runs it is left behind: what it still does to the state nobody sees.
	Limit time.Duration
	// Idle: a room without messages, timers and ticks leaves memory after this; its next message brings it back.
	// Default 1 min.
	Idle time.Duration
	// Retain: how many outputs a room remembers for players who come back, 1 to 10,000; default 256.
	Retain int
	// Queue: how many messages may wait for the room before senders are refused with queue_full; default 10,000.
	Queue int
	// Rates: how many messages a second a room takes from a player, and from all together. Default: no bound of its own.
	Rates Rates
	// Boards: the game's leaderboards; each of a mode of its own. Default: none.
	Boards []Board
	// Spectators: how many may watch a room besides its players, 0 to 1,000; default 0. See [Watched].
	Spectators int
	// OwnerCloses: the owner of a room may close it. Default: it ends when the game ends it, or when the last player leaves.
	OwnerCloses bool
	// Labels: by what players may look for rooms, at most 8; [Open] gives them their values. Default: none.
	Labels []Label
}

// Graces are how long a seat is held for a player who is suspended, by cause; where one is 0, [Policy].Grace holds.
type Graces struct {
	Closed  time.Duration // the client has said that it goes
	Gateway time.Duration // the gateway has died or is being replaced
	Kicked  time.Duration // the session was ended: signed out, or banned
}

// Reasons of an EventDetach that have a grace time of their own; with any other the connection was lost.
const (
	ReasonDisconnected = "disconnected" // Graces.Closed: the client has ended its connection in order
	ReasonUnsubscribed = "unsubscribed" // Graces.Closed: or its subscription
	ReasonDraining     = "draining"     // Graces.Gateway: the gateway is being replaced
	ReasonGatewayLost  = "gateway_lost" // Graces.Gateway: the gateway is silent
	ReasonSignedOut    = "signed_out"   // Graces.Kicked: the session has ended
)

// ReasonSpectator is that of an EventJoin or EventAttach of one who only watches.
const ReasonSpectator = "spectator"

// graceOf is how long a member is waited for.
func (p *Policy) graceOf(reason string) time.Duration {
	own := time.Duration(0)
	switch reason {
	case ReasonDisconnected, ReasonUnsubscribed:
		own = p.Graces.Closed
	case ReasonDraining, ReasonGatewayLost:
		own = p.Graces.Gateway
	case ReasonSignedOut:
		own = p.Graces.Kicked
	}
	if own > 0 {
		return own
	}
	return p.Grace
}

// Bounds of a Policy.
const (
	MaxCapacity = 1_000
	MaxRetain   = 10_000
	MaxQueue    = 1_000_000
	MaxRate     = 1_000_000
)

// filled is p with its defaults, and an error that says what to write instead when a field is out of its bounds.
func (p Policy) filled() (Policy, error) {
	switch k := p.Keep.(type) {
	case nil:
		p.Keep = Durable{}
	case Checkpointed:
		if k.Every == 0 {
			k.Every = time.Second
		}
		if k.Every < 10*time.Millisecond || k.Every > time.Hour {
			return p, fmt.Errorf("Checkpointed.Every is %v; write 10ms to 1h, or leave it out for 1s", k.Every)
		}
		p.Keep = k
	}
	if err := fill(&p.Capacity, "Capacity", 2, 1, MaxCapacity); err != nil {
		return p, err
	}
	if p.Spectators < 0 || p.Spectators > MaxCapacity {
		return p, fmt.Errorf("Spectators is %d; write 0 to %d", p.Spectators, MaxCapacity)
	}
	if err := checkLabels(p.Labels); err != nil {
		return p, err
	}
	if err := fill(&p.Grace, "Grace", time.Minute, time.Millisecond, 24*time.Hour); err != nil {
		return p, err
	}
	for name, d := range map[string]*time.Duration{
		"Graces.Closed": &p.Graces.Closed, "Graces.Gateway": &p.Graces.Gateway, "Graces.Kicked": &p.Graces.Kicked,
	} {
		if err := fill(d, name, p.Grace, time.Millisecond, 24*time.Hour); err != nil {
			return p, err
		}
	}
	if r := p.Rates; r.Player < 0 || r.Room < 0 || r.PlayerBurst < 0 || r.RoomBurst < 0 || r.Player > MaxRate || r.Room > MaxRate {
		return p, fmt.Errorf("Rates is %+v; write 0 to %v for each", r, float64(MaxRate))
	}
	boards, err := fillBoards(p.Boards)
	if err != nil {
		return p, err
	}
	p.Boards = boards
	if err := fill(&p.Attempts, "Attempts", 3, 1, 10); err != nil {
		return p, err
	}
	if err := fill(&p.Slow, "Slow", time.Second, time.Millisecond, time.Hour); err != nil {
		return p, err
	}
	if err := fill(&p.Limit, "Limit", 10*time.Second, time.Millisecond, time.Hour); err != nil {
		return p, err
	}
	if err := fill(&p.Idle, "Idle", time.Minute, time.Millisecond, 24*time.Hour); err != nil {
		return p, err
	}
	if err := fill(&p.Retain, "Retain", 256, 1, MaxRetain); err != nil {
		return p, err
	}
	return p, fill(&p.Queue, "Queue", 10_000, 1, MaxQueue)
}

func fill[N int | time.Duration](v *N, name string, usual, least, most N) error {
	if *v == 0 {
		*v = usual
	}
	if *v < least || *v > most {
		return fmt.Errorf("%s is %v; write %v to %v, or leave it out for %v", name, *v, least, most, usual)
	}
	return nil
}
