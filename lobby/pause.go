package lobby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// Pause knows of a maintenance. Its methods answer from memory. A *maintenance.Keeper is one.
type Pause interface {
	// Paused reports whether the user may not sign in nor make a room, and when that is expected to be over (zero: nobody knows).
	// "" is a user who is not known yet.
	Paused(user string) (ends time.Time, paused bool)
	// Exempts reports whether there is anybody whom Paused lets in.
	Exempts() bool
	// EndRooms reports whether rooms made before that moment are to be ended now; n is the same as long as the same are meant.
	EndRooms() (n uint64, before time.Time, now bool)
}

// never is the Pause of a lobby that has none.
type never struct{}

func (never) Paused(string) (time.Time, bool)     { return time.Time{}, false }
func (never) Exempts() bool                       { return false }
func (never) EndRooms() (uint64, time.Time, bool) { return 0, time.Time{}, false }

const (
	// pauseAgain is when it is worth trying again where nobody knows, and the longest time that is said.
	pauseAgain = time.Minute
	pauseMost  = time.Hour
	endEvery   = time.Second      // how often it is looked whether rooms are to be ended
	endMost    = 30 * time.Second // and how seldom, where some cannot be told
	endPage    = 100
)

// pausedFor is the problem of a user who is not let in now, or nil.
func (s *Service) pausedFor(user string) error {
	ends, paused := s.config.Pause.Paused(user)
	if !paused {
		return nil
	}
	if ends.IsZero() {
		return underMaintenance.after(pauseAgain)
	}
	wait := min(max(ends.Sub(s.config.Now()), pauseAgain), pauseMost)
	return underMaintenance.after(wait).because("There is maintenance. It is expected to be over at %s.", ends.UTC().Format("15:04 MST on 2 January"))
}

// letIn refuses who may not sign in now: those who are not known before anything else is asked.
func (s *Service) letIn() error {
	if s.config.Pause.Exempts() {
		return nil
	}
	return s.pausedFor("")
}

// letInKnown is letIn once it is known who says to come, which may not be true yet.
func (s *Service) letInKnown(ctx context.Context, id store.Identity) error {
	if err := s.pausedFor(""); err == nil || id.Subject == "" {
		return err
	}
	account, err := s.config.Store.AccountByIdentity(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return s.pausedFor("")
	}
	if err != nil {
		return err
	}
	return s.pausedFor(account.ID)
}

// reasonMaintenance is why a room ends in a maintenance.
const reasonMaintenance = "maintenance"

// endRooms ends rooms when a maintenance says so, until ctx ends. Every lobby does: being told by several does a room no harm. Here
// each is told once. It looks again until it finds no room that it has not told: one that was being made meanwhile, or that could not be
// told.
func (s *Service) endRooms(ctx context.Context) {
	var e ending
	wait := endEvery
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		n, before, now := s.config.Pause.EndRooms()
		if !now || n != e.n {
			e, wait = ending{n: n}, endEvery
		}
		if now && !e.over {
			told := len(e.told)
			err := s.endRoomsBefore(ctx, before, &e)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.config.Log.Warn("rooms could not be ended for the maintenance; trying again", "told", len(e.told), "error", err)
				wait = min(2*wait, endMost)
			case len(e.told) == told:
				s.config.Log.Info("rooms were told to end for the maintenance", "rooms", told)
				e = ending{n: n, over: true}
			default:
				wait = endEvery
			}
		}
		timer.Reset(wait)
	}
}

// ending is how far the rooms' end is, in a maintenance that has changed n times.
type ending struct {
	n    uint64
	told map[string]bool // rooms
	over bool            // all have been told
}

// endRoomsBefore tells rooms made before then that they end, but for those that have been told. Its error is the first of those that kept
// rooms from being told; all others have been.
func (s *Service) endRoomsBefore(ctx context.Context, before time.Time, e *ending) (failed error) {
	if e.told == nil {
		e.told = map[string]bool{}
	}
	for _, state := range []store.RoomState{store.Open, store.Playing} {
		for cursor, more := "", true; more; more = cursor != "" {
			rooms, next, err := s.config.Store.Rooms(ctx, store.RoomFilter{State: state, Private: true}, cursor, endPage)
			if err != nil {
				return cmp.Or(failed, err)
			}
			for _, room := range rooms {
				if e.told[room.ID] || !room.CreatedAt.Before(before) {
					continue
				}
				if err := s.endRoom(ctx, room, reasonMaintenance); err != nil {
					failed = cmp.Or(failed, err)
					continue
				}
				e.told[room.ID] = true
			}
			cursor = next
		}
	}
	return failed
}

// endRoom tells a room to end. It does when it comes to that in its queue. On error it may have been told.
func (s *Service) endRoom(ctx context.Context, room store.Room, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	m := &broker.Message{Room: room.ID, Kind: broker.End, Reason: reason, Time: s.config.Now()}
	if err := s.deliver(ctx, room, m, false); err != nil {
		return fmt.Errorf("%w: tell room %s that it ends: %w", store.ErrUnavailable, room.ID, err)
	}
	return nil
}
