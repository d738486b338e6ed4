package lobby

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// DeadStore is what retrying a dead letter asks of the store.
type DeadStore interface {
	store.DeadLetters
	Enqueue(ctx context.Context, most int, jobs ...store.Job) error
	Room(ctx context.Context, id string) (store.Room, error)
	Seat(ctx context.Context, room, user string) (store.Seat, error)
}

// RetryError says why a letter's message can't be sent again: it would do nothing, or harm.
type RetryError struct {
	Code string // not_retriable, room_not_found, room_closed, not_seated, no_queue, queue_full
	Text string
}

func (e *RetryError) Error() string { return e.Code + ": " + e.Text }

// RetryDeadLetter sends the letter's message to its room again, or has its job run again, and then drops the letter. On an error
// the letter is there still; a [RetryError] says that nothing was sent. When only the sending is sure to have happened, retrying it
// once more is harmless: the room has handled (Conn, ConnSeq), and the job has the letter's name.
//
// A room that sleeps has no queue; wake asks for one, which may come a moment later.
func RetryDeadLetter(ctx context.Context, s DeadStore, b broker.Sender, wake func(context.Context, store.Room) error, l *store.DeadLetter) error {
	if l.Kind == string(broker.Job) && l.Room == "" {
		// A room that waited for it has heard that it failed, and hears no more.
		err := s.Enqueue(ctx, 0, store.Job{ID: "dead-" + l.ID, Name: l.Type, Arg: l.Body, User: l.User, Due: time.Now()})
		if err != nil {
			return err
		}
		return dropRetried(ctx, s, l)
	}
	room, err := mayRetry(ctx, s, l)
	if err != nil {
		return err
	}
	err = sendAwake(ctx, b, &broker.Message{
		Room: l.Room, Kind: broker.Kind(l.Kind), Type: l.Type, User: l.User, Name: l.Name, Conn: "dead-" + l.ID, ConnSeq: 1,
		Reason: l.Reason, Time: time.Now(), ContentType: l.ContentType, Body: l.Body,
	}, func() error { return wake(ctx, room) })
	switch {
	case errors.Is(err, broker.ErrNoRoom):
		return &RetryError{"no_queue", "room " + l.Room + " has no queue, and no worker has opened one for it"}
	case errors.Is(err, broker.ErrFull):
		return &RetryError{"queue_full", "the queue of room " + l.Room + " is full; try again later"}
	case err != nil:
		return fmt.Errorf("it may have been sent, and trying again is safe: %w", err)
	}
	return dropRetried(ctx, s, l)
}

func dropRetried(ctx context.Context, s DeadStore, l *store.DeadLetter) error {
	if err := s.DropDeadLetter(ctx, l.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("it was sent and could not be dropped, and trying again is safe: %w", err)
	}
	return nil
}

// mayRetry says why a letter's message would do nothing, or harm, if it came again.
func mayRetry(ctx context.Context, s DeadStore, l *store.DeadLetter) (store.Room, error) {
	kind := broker.Kind(l.Kind)
	switch kind {
	case broker.Say, broker.Join, broker.End:
	case "timer":
		return store.Room{}, &RetryError{"not_retriable", "a timer can't be retried: it belonged to its moment"}
	default:
		// The room does its own part of these even when the game fails. Again it would be done to whoever has come
		// back meanwhile, or for a connection that nobody has.
		return store.Room{}, &RetryError{"not_retriable", fmt.Sprintf("a message of kind %q can't be retried: the room has done its part of it, only the game's own function failed", l.Kind)}
	}
	room, err := s.Room(ctx, l.Room)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return room, &RetryError{"room_not_found", "there is no room " + l.Room}
	case err != nil:
		return room, err
	case room.State == store.Closed:
		return room, &RetryError{"room_closed", "room " + l.Room + " is over"}
	case kind == broker.End:
		return room, nil
	}
	_, err = s.Seat(ctx, l.Room, l.User)
	if errors.Is(err, store.ErrNotFound) {
		return room, &RetryError{"not_seated", "player " + l.User + " has no seat in room " + l.Room + " any more"}
	}
	return room, err
}

// sending is sendAwake or sendAsking.
type sending func(ctx context.Context, b broker.Sender, m *broker.Message, wake func() error) error

// sendAsking sends m. Where the room has no queue it asks for one by wake, and leaves it to another time.
func sendAsking(ctx context.Context, b broker.Sender, m *broker.Message, wake func() error) error {
	err := b.Send(ctx, m)
	if errors.Is(err, broker.ErrNoRoom) {
		if why := wake(); why != nil {
			return why
		}
	}
	return err
}

// wakeTries is how often a message is sent to a room that has to get its queue first, after 1, 2, 4... milliseconds.
const wakeTries = 9

// sendAwake sends m. Where the room has no queue it asks for one by wake, and tries again for half a second.
func sendAwake(ctx context.Context, b broker.Sender, m *broker.Message, wake func() error) error {
	err := b.Send(ctx, m)
	for try := 0; errors.Is(err, broker.ErrNoRoom) && try < wakeTries; try++ {
		if try%4 == 0 {
			if err := wake(); err != nil {
				return err
			}
		}
		select {
		case <-time.After(time.Millisecond << try):
		case <-ctx.Done():
			return err
		}
		err = b.Send(ctx, m)
	}
	return err
}
