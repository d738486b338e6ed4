// Package broker says what a room's two pipes are and promise: a server queue in, a topic out.
//
// A room has one server queue, which takes what players and the system say to it, and one topic, which carries what
// the room answers. Beside the pipes stands the bulletin board, on which processes tell each other what they are.
//
// Who needs what:
//
//   - a lobby opens and closes rooms and speaks to them: [Rooms], [Sender], [Board]
//   - a gateway speaks to rooms and hears them: [Sender], [Topics], [Board]
//   - a worker hears a room's queue and answers on its topic: [Queues], [Rooms], [Board]
//
// Each back end has all of it; package brokertest proves it.
package broker

import (
	"context"
	"errors"
)

// Errors that every back end returns, wrapped or bare; test with errors.Is.
var (
	// ErrNoRoom: the room has no server queue, so it was never opened or has been closed. Nothing was taken.
	ErrNoRoom = errors.New("no such room")
	// ErrFull: the room's queue holds [Spec].Bound messages. Nothing was taken; later tries may succeed.
	ErrFull = errors.New("room queue is full")
	// ErrLost: the consumer has lost its queue (connection gone, cancelled by the broker, closed). Everything it
	// had taken and not acked goes back to the queue in the old order. Consume again.
	ErrLost = errors.New("consumer lost its queue")
	// ErrDead: the queue does not answer, for longer than any other fault lasts, while others do: the broker was interrupted when
	// it made the queue, or has lost what answers for it. Deleting it and opening it again makes it usable, and gives up for good
	// what it held, if it ever held anything.
	ErrDead = errors.New("room queue is dead")
	// ErrClosed: the broker was closed by this process.
	ErrClosed = errors.New("broker is closed")
)

// Durability says what a room's queue survives.
type Durability uint8

const (
	// Kept: messages survive the death of any process and the restart of a broker node, as far as the back end can.
	Kept Durability = iota
	// Passing: messages may be lost with the broker node that holds them.
	Passing
)

// DefaultBound is the length of a room's queue when [Spec].Bound is 0.
const DefaultBound = 10_000

// Spec says what to open.
type Spec struct {
	Room       string
	Durability Durability
	Bound      int // most messages the queue holds before Send gives ErrFull; 0 is DefaultBound
}

// Rooms opens and closes rooms. Safe for concurrent use.
type Rooms interface {
	// Open makes the room's server queue. On return it exists; opening it again changes nothing.
	Open(ctx context.Context, s Spec) error
	// Delete removes the room's server queue and whatever waits in it. Its consumers get ErrLost. Deleting a room
	// that does not exist is no error.
	Delete(ctx context.Context, room string) error
}

// Sender speaks to rooms. Safe for concurrent use; the order of two Sends to one room is fixed only when the second
// begins after the first has returned.
type Sender interface {
	// Send puts m at the end of the queue of m.Room. It returns nil only after the broker holds m (see Message.Unawaited). On any other
	// error than ErrNoRoom and ErrFull m may or may not be held: sending it again is safe, as the room skips what
	// it has handled (see [Message]). While the broker is unreachable or under an alarm, Send waits until ctx ends.
	// The broker keeps m and m.Body: neither may be changed afterwards.
	Send(ctx context.Context, m *Message) error
}

// Queues hands rooms' server queues to workers. Safe for concurrent use.
type Queues interface {
	// Consume stands in line for a room's queue. Any number of processes may; at any time one of them, the one
	// that came first, is given messages (single active consumer). When it closes or dies, the next one gets
	// everything unacked again in the old order, and then what follows. ErrNoRoom: there is no such queue. ErrDead.
	Consume(ctx context.Context, c Consumption) (Pipe, error)
}

// Consumption says which queue to consume and how.
type Consumption struct {
	Room       string
	Durability Durability // that its queue was opened with
	Prefetch   int        // most unacked messages given at a time; 0 is 256
	// Group: pipes of a process that have the same one may share what they are made of, and leave the line together (see
	// Pipe.Leaving). They have the same Prefetch. "": none.
	Group string
	// Wake is called, from any goroutine, whenever Take may have something new to give: messages or an error. It
	// must return at once and must not call the Pipe. It may be called when there is nothing.
	Wake func()
}

// Pipe is one room's two ends in the hands of one worker: its queue to take from, its topic to publish on. It
// belongs to one goroutine, except Close, which any may call.
//
// Results are published over the same connection that consumes the queue, so that a worker which has lost the one
// has lost the other.
type Pipe interface {
	// Take returns what waits, oldest first, without blocking, appended to into: none when there is nothing, when
	// another consumer is the active one, or when Prefetch messages are unacked. ErrLost and ErrClosed are final.
	Take(into []Delivery) ([]Delivery, error)
	// Publish sends outs to the room's topic in the order given and returns once the broker has taken
	// responsibility for all of them. On an error any number of them may have been published. The broker keeps
	// outs' elements: they may not be changed afterwards.
	Publish(ctx context.Context, outs []*Output) error
	// Ack says that every delivery up to and including tag is done with and must not come again.
	Ack(tag uint64) error
	// Leaving reports that another pipe of the Group has been closed: whoever has this one finishes with its room in good
	// order and closes it, too. Those that are not closed after some seconds are lost. Wake is called. Safe for concurrent use.
	Leaving() bool
	// Close leaves the line. What was taken and not acked goes to the next consumer in the old order. Pipes of one Group go
	// together: Close returns when all have, some seconds later at the latest. A second call does nothing.
	Close() error
}

// Delivery is one message given to a worker.
type Delivery struct {
	*Message
	Tag uint64 // rises within a Pipe; for Ack
	// Redelivered: it was given to a consumer before, perhaps to another process.
	Redelivered bool
}

// Topics hands rooms' topics to gateways.
type Topics interface {
	// Feed starts the one stream of outputs of this gateway process. It ends with Feed.Close or the broker's.
	Feed(ctx context.Context, r Receiver) (Feed, error)
}

// Receiver is the gateway's side of a Feed. Neither function may block or call the Feed.
type Receiver struct {
	// Deliver takes outputs of one room in the order in which its worker published them. Calls for different
	// rooms may come at the same time; so may calls for one room while it moves from one worker to another.
	// The outputs are shared with other receivers: they may not be changed.
	Deliver func(room string, outs []*Output)
	// Broken says that outputs may have been missed in any of the bound rooms; every binding is in place again.
	Broken func()
	// Doubt says that the broker, as far as this process sees it, is in trouble or was a moment ago: what was said to
	// rooms, or by them, may have got lost though it was confirmed. The receiver had better ask, some seconds later,
	// the rooms that have fallen silent. It comes any number of times and must not block. nil: not wanted.
	Doubt func()
}

// Feed is the topics that one gateway process hears. Safe for concurrent use.
type Feed interface {
	// Bind adds a room. On return every output published from now on is delivered. Binding again does nothing. A
	// room need not be open.
	Bind(ctx context.Context, room string) error
	// Unbind takes a room away; deliveries under way may still come. Unbinding an unbound room does nothing.
	Unbind(ctx context.Context, room string) error
	// Close ends the feed; on return Deliver is not called any more. A second call does nothing.
	Close() error
}

// Retirer is what a back end has that can do without the queues of rooms that sleep. Safe for concurrent use.
type Retirer interface {
	// Retire removes the room's server queue if nothing is in it, neither waiting nor unacked, and reports whether there is
	// none now. Its consumers get ErrLost. Unlike after Delete the queue may be there again after the death of the process.
	Retire(ctx context.Context, room string) (gone bool, err error)
	// Opened lists the rooms that have a server queue at the moment, in no order.
	Opened(ctx context.Context) ([]string, error)
}

// Broker is everything a back end has.
type Broker interface {
	Rooms
	Sender
	Queues
	Topics
	Board
	// Ready reports whether the broker can be used now; the error says in a few words why not.
	Ready(ctx context.Context) error
	// Close ends every connection, consumer, feed and goroutine of this Broker. Unacked messages go back.
	Close() error
}
