package broker

import (
	"slices"
	"time"
)

// Kind says what a [Message] is to the room. Only [Say] comes from a player's own words; a gateway never takes a
// Kind from a client.
type Kind string

const (
	Say    Kind = ""       // a player's SEND: Type and Body are its own
	Join   Kind = "join"   // User has taken a seat (from a lobby)
	Leave  Kind = "leave"  // User gives up its seat (from a lobby); Reason says why
	Attach Kind = "attach" // Conn of User has subscribed (from a gateway): answer it, from Resume if it has one
	Detach Kind = "detach" // Conn of User is gone (from a gateway); Reason says why
	Wake   Kind = "wake"   // look at your timers (from a worker, which sends it when a room has come to it)
	End    Kind = "end"    // close the room (from an operator); Reason says why
	Job    Kind = "job"    // a job that the room has asked for has ended: Attempt is its ID, Type its name, Body its result; with a Reason it has failed, and Body is a JSON text that says why
)

// Reasons of a Detach.
const (
	ReasonLost         = "lost"         // the socket broke, or the client closed it without a word
	ReasonDisconnected = "disconnected" // the client said DISCONNECT
	ReasonUnsubscribed = "unsubscribed" // or UNSUBSCRIBE
	ReasonDraining     = "draining"     // the gateway is being replaced
	ReasonGatewayLost  = "gateway_lost" // the gateway is silent (from a worker)
	ReasonSignedOut    = "signed_out"   // the user's session has ended
)

// ReasonSpectator is the reason of a Join or Attach of one who only watches.
const ReasonSpectator = "spectator"

// Message is one thing said to a room. The back ends carry its fields as properties and headers and its Body unchanged.
//
// A message from a gateway has two marks by which the room knows that it has handled it: (User, Seq), the client's
// own counter, and (Conn, ConnSeq), which the gateway gives. The second makes it safe to Send a message twice.
type Message struct {
	Room    string
	Kind    Kind
	Type    string // message type of a Say
	User    string // who says it, or whom it is about
	Name    string // display name, for Join and Attach
	Seq     uint64 // the client's own counter in this room, from 1; 0: it gave none
	Conn    string // the connection it came by; "" for none
	ConnSeq uint64 // the gateway's counter in this connection, from 1; 0: none
	// Attempt of an Attach names this subscribing, and comes back in the answer's [Output].Attempt; what stands before its last dot names the
	// subscription, of which an earlier attempt needs no answer any more. Of a Job its ID.
	Attempt string
	Resume  Position  // Attach: the last position the client has seen; zero: none
	Reason  string    // Leave, Detach, End: a stable word; Join, Attach: ReasonSpectator or none
	Time    time.Time // when the sender sent it; milliseconds

	ContentType string
	Body        []byte

	// Unawaited: nobody is told that the broker holds the message, so Send may return as soon as it is in the queue, before it is
	// safe from a crash. It does not travel with the message.
	Unawaited bool
}

// Position is a place in a room's line of outputs. On the wire it is the message-id "<epoch>-<n>".
type Position struct {
	Epoch uint64
	N     uint64
}

// Part says how an [Output] stands to the room's line of numbered outputs.
type Part uint8

const (
	// Line: number At.N of the room's line. Every gateway that has bound the room gets every number.
	Line Part = iota
	// Replay: number At.N again, for the one subscribing named by Attempt.
	Replay
	// Snapshot: the room as the subscriber may see it after number At.N, for the one subscribing named by Attempt, which
	// is live from here on.
	Snapshot
	// Live: no message. The subscribing named by Attempt has been given all up to At.N and is live from here on.
	Live
	// Again: number At.N once more, as the answer to a resent message, for the connection Conn of user To[0], even
	// if it has seen it.
	Again
	// More: no message. The subscribing named by Attempt has been given all up to At.N, as much as is told at once; it is to attach
	// again from there.
	More
)

// Output is one thing that a room says.
type Output struct {
	Room string
	Part Part
	Term uint64 // the worker's term: gateways drop what is older than what they have seen
	At   Position
	Type string // message type; begins with $ when it is the system's
	From string // user whose message caused it; "" for ticks, timers and the system
	// To names the users who may see it; empty: every subscriber of the room.
	To      []string
	Request uint64 // the Seq of To[0]'s message that it answers; 0: none
	Conn    string // Again: the connection it is for
	Attempt string // Replay, Snapshot, Live, More: the subscribing it is for
	// Prev, in a Replay, Live or More, is the number of what the answer gives before this, or else its Resume's: who stands below it has
	// not got all of the answer.
	Prev uint64
	// Latest: of such outputs of one Type that wait for a subscriber only the newest need reach it. It has no Request.
	Latest bool
	Code   string // the stable word of a refusal, for Type "error"
	// Unseat is the user who has no seat any more after this ("$left"): gateways end its subscription behind it.
	Unseat string
	// Handled, in a Snapshot or Live, is the highest Seq of this user that the room has handled, so that a client
	// without memory knows where to go on.
	Handled uint64
	Time    time.Time // milliseconds

	ContentType string
	Body        []byte
}

// MayHear reports whether the output is for the user.
func (o *Output) MayHear(user string) bool { return len(o.To) == 0 || slices.Contains(o.To, user) }

// Answers reports whether the output answers a message of the user by its Request.
func (o *Output) Answers(user string) bool {
	return o.Request != 0 && len(o.To) > 0 && o.To[0] == user
}

// TypeClosed is the type of a room's last output; nothing follows it.
const TypeClosed = "$closed"

// Closed is the last output of a room, for whoever finds that the room's own is lost or that none was left to be seen.
func Closed(room string, at Position, now time.Time) *Output {
	return &Output{
		Room: room, Part: Line, At: at, Type: TypeClosed, Time: now,
		ContentType: "application/json", Body: []byte(`{"reason":"closed"}`),
	}
}
