package handlers

import "time"

// Keep says what of a room outlives the process that plays it: Durable, Checkpointed or Ephemeral.
type Keep interface{ keep() }

// Durable: each message is committed before anybody sees its results. For turns, trade, anything with consequences.
type Durable struct{}

// Checkpointed: results are seen at once; the state is saved every so often, and the messages since are played again
// after a crash. Players then get a snapshot. For realtime.
type Checkpointed struct {
	Every time.Duration // between two saves; default 1 s
}

// Ephemeral: nothing is kept but who sits in the room. For chat and rehearsals.
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
	// Idle: a room without messages, timers and ticks leaves memory after this; its next message brings it back.
	// Default 1 min.
	Idle time.Duration
	// Retain: how many outputs a room remembers for players who come back, 0 to 10,000; default 256.
	Retain int
	// Queue: how many messages may wait for the room before senders are refused with queue_full; default 10,000.
	Queue int
}
