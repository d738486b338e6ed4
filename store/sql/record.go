package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	raiseTerm = `UPDATE records SET term = term + 1 WHERE room = $1 RETURNING term, epoch, n, published, memory`
	selectLog = `SELECT first, last, data FROM log WHERE room = $1 AND epoch = $2 AND last > $3 ORDER BY last`

	// The fence: everything else of a commit follows only when this has found its row.
	updateRecord = `UPDATE records SET epoch = $3, n = $4, published = $5, wake = $6, memory = COALESCE($7, memory)
		WHERE room = $1 AND term = $2 AND NOT closed AND epoch <= $3`
	sleepRoom   = `UPDATE rooms SET asleep = $2 WHERE id = $1`
	wakeRoom    = `UPDATE rooms SET asleep = 0 WHERE id = $1 AND asleep <> 0`
	selectFence = `SELECT term, closed, epoch FROM records WHERE room = $1`
	// A run may come again after an error that left open whether it was kept, and be part of a longer one by then.
	insertLog = `INSERT INTO log (room, epoch, last, first, data) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (room, epoch, last) DO UPDATE SET first = excluded.first, data = excluded.data WHERE excluded.first <= log.first`
	// Epochs only rise, so the older ones are the other ones.
	deleteLog = `DELETE FROM log WHERE room = $1 AND (epoch, last) <= ($2, $3)`

	// Somebody who left and came back before the room heard of the leaving keeps the new seat.
	deleteSeat = `DELETE FROM seats WHERE room = $1 AND account = $2 AND NOT again`
	keepSeat   = `UPDATE seats SET again = FALSE WHERE room = $1 AND account = $2 AND again`
	// What a room is told of a seat may come late, or twice: whether it has been given up the seat itself says.
	releaseSeat = `DELETE FROM seats WHERE room = $1 AND account = $2 AND state = 'leaving'`
	unheardSeat = `UPDATE seats SET state = 'joining', again = FALSE WHERE room = $1 AND account = $2 AND (state = 'seated' OR again)`
	seatSeat    = `UPDATE seats SET state = 'seated', since = $3, again = FALSE WHERE room = $1 AND account = $2 AND state = 'joining' AND watch = $4`

	updateState  = `UPDATE rooms SET state = $2 WHERE id = $1 AND state <> $2`
	countSeats   = `SELECT count(*) FROM seats WHERE room = $1 AND state <> 'leaving' AND NOT watch`
	closeRecord  = `UPDATE records SET closed = TRUE, wake = FALSE WHERE room = $1`
	dropSeats    = `DELETE FROM seats WHERE room = $1`
	dropRoomsLog = `DELETE FROM log WHERE room = $1`
)

// TakeUp implements [store.Records].
func (s *Store) TakeUp(ctx context.Context, id string) (store.Record, error) {
	r, err := s.db.takeUp(ctx, id)
	if err != nil {
		return store.Record{}, s.failed(ctx, "take up room", err)
	}
	return r, nil
}

// takeUp is TakeUp in the transaction of q.
func takeUp(ctx context.Context, q querier, id string) (r store.Record, err error) {
	if err := one(ctx, q, raiseTerm, []any{id}, &r.Term, &r.Epoch, &r.N, &r.Published, &r.Memory); err != nil {
		return r, err
	}
	if r.Room, err = room(ctx, q, id); err != nil {
		return r, err
	}
	if !r.Room.Asleep.IsZero() {
		if _, err = q.exec(ctx, wakeRoom, id); err != nil {
			return r, err
		}
	}
	if r.Condemned, err = condemned(ctx, q, id); err != nil {
		return r, err
	}
	r.Log, err = runs(ctx, q, id, r.Epoch, r.Published)
	return r, err
}

// runs are the kept runs with outputs above a number.
func runs(ctx context.Context, q querier, room string, epoch, above uint64) (kept []store.Logged, err error) {
	err = all(ctx, q, selectLog, []any{room, int64(epoch), int64(above)}, func(rows *stdsql.Rows) error {
		var l store.Logged
		err := rows.Scan(&l.First, &l.Last, &l.Data)
		kept = append(kept, l)
		return err
	})
	return kept, err
}

// Log implements [store.Records].
func (s *Store) Log(ctx context.Context, room string, epoch uint64) ([]store.Logged, error) {
	var kept []store.Logged
	if err := s.db.settled(ctx, room); err != nil {
		return nil, s.failed(ctx, "read log", err)
	}
	err := s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		kept, err = runs(ctx, q, room, epoch, 0)
		return err
	})
	return kept, s.failed(ctx, "read log", err)
}

// Commit implements [store.Records]. It gathers commits that come at the same time into one transaction. Once that has
// begun, the end of ctx is waited out; so c and what it holds are not used any more when Commit returns. After an error
// that wraps [store.ErrUnavailable] or the context's the commit may have happened: take the room up again and look at N.
// A commit with a lower epoch than the record's is refused.
func (s *Store) Commit(ctx context.Context, c *store.Commit) (closed bool, err error) {
	switch c.State {
	case "", store.Open, store.Playing, store.Closed:
	default:
		return false, fmt.Errorf("commit: unknown state %q", c.State)
	}
	for i := range c.Jobs {
		if err := checkJob(&c.Jobs[i]); err != nil {
			return false, fmt.Errorf("commit: %w", err)
		}
	}
	closed, err = s.db.commit(ctx, c)
	return closed, s.failed(ctx, "commit", err)
}

// plain commits touch nothing but their record and log.
func plain(c *store.Commit) bool {
	return c.State == "" && len(c.Seated) == 0 && len(c.Unseated) == 0 && len(c.Released) == 0 && len(c.Awards) == 0 && len(c.Grants) == 0 &&
		len(c.Scores) == 0 && len(c.Outcomes) == 0 && c.Backfill == nil && len(c.Jobs) == 0 &&
		len(c.Dead) == 0 && len(c.Absolve) == 0 && c.Asleep.IsZero()
}

// kept is the run to keep, if this very commit does not forget it.
func kept(c *store.Commit) *store.Logged {
	if c.Log == nil || c.Log.Last <= c.Forget {
		return nil
	}
	return c.Log
}

// forgets reports whether c drops runs: those that it says, or those of older epochs with the beginning of one.
func forgets(c *store.Commit) bool {
	return c.Forget > 0 || c.N == 0 || c.Log != nil && c.Log.First == 1
}

// blob is b as a parameter: nil is NULL, empty is empty.
func blob(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// apply does c in the transaction of q.
func (s *Store) apply(ctx context.Context, q querier, c *store.Commit) (closed bool, err error) {
	n, err := q.exec(ctx, updateRecord, c.Room, int64(c.Term), int64(c.Epoch), int64(c.N), int64(c.Published), c.Wake, blob(c.Memory))
	if err != nil {
		return false, err
	}
	if n == 0 {
		return false, s.fenced(ctx, q, c)
	}
	if l := kept(c); l != nil {
		data := l.Data
		if data == nil {
			data = []byte{}
		}
		if _, err := q.exec(ctx, insertLog, c.Room, int64(c.Epoch), int64(l.Last), int64(l.First), data); err != nil {
			return false, err
		}
	}
	if forgets(c) {
		if _, err := q.exec(ctx, deleteLog, c.Room, int64(c.Epoch), int64(c.Forget)); err != nil {
			return false, err
		}
	}
	if plain(c) {
		return false, nil
	}
	if !c.Asleep.IsZero() {
		if _, err := q.exec(ctx, sleepRoom, c.Room, c.Asleep.UnixMicro()); err != nil {
			return false, err
		}
	}
	if c.State != "" {
		// Whoever takes a seat locks the room first: so does this, before it touches seats.
		var state store.RoomState
		var capacity int
		if err := one(ctx, q, selectDoor+s.db.lockRow(false), []any{c.Room}, &state, &capacity); err != nil {
			return false, err
		}
	}
	// Accounts, then seats, then dead letters, as the deletion of an account locks them.
	if err := s.rank(ctx, q, c); err != nil {
		return false, err
	}
	if err := s.effect(ctx, q, c); err != nil {
		return false, err
	}
	if err := seat(ctx, q, c); err != nil {
		return false, err
	}
	if err := ask(ctx, q, c); err != nil {
		return false, err
	}
	switch c.State {
	case "":
	case store.Closed:
		closed, err = closeRoom(ctx, q, c)
	default:
		_, err = q.exec(ctx, updateState, c.Room, string(c.State))
	}
	if err != nil {
		return false, err
	}
	if err := bury(ctx, q, c); err != nil {
		return false, err
	}
	if err := enqueue(ctx, q, c.Jobs); err != nil {
		return false, err
	}
	return closed, nil
}

// fencedOut is why a commit has changed nothing.
type fencedOut struct{ error }

func (f fencedOut) Unwrap() error { return f.error }

// fenced says why updateRecord found no row: a fencedOut, unless the database does not answer.
func (s *Store) fenced(ctx context.Context, q querier, c *store.Commit) error {
	var term, epoch uint64
	var closed bool
	err := one(ctx, q, selectFence, []any{c.Room}, &term, &closed, &epoch)
	switch {
	case errors.Is(err, stdsql.ErrNoRows):
	case err != nil:
		return err
	case term != c.Term:
		err = store.ErrStaleTerm
	case closed:
		err = store.ErrRoomClosed
	case epoch > c.Epoch:
		err = fmt.Errorf("epoch %d is behind the room's, %d", c.Epoch, epoch)
	default:
		err = store.ErrStaleTerm // somebody has had it since, between two statements
	}
	return fencedOut{err}
}

func seat(ctx context.Context, q querier, c *store.Commit) error {
	for _, user := range c.Unseated {
		n, err := q.exec(ctx, deleteSeat, c.Room, user)
		if err == nil && n == 0 {
			_, err = q.exec(ctx, keepSeat, c.Room, user)
		}
		if err != nil {
			return err
		}
	}
	for _, user := range c.Released {
		n, err := q.exec(ctx, releaseSeat, c.Room, user)
		if err == nil && n == 0 {
			_, err = q.exec(ctx, unheardSeat, c.Room, user)
		}
		if err != nil {
			return err
		}
	}
	now := time.Now().UnixMicro()
	for _, user := range c.Seated {
		if _, err := q.exec(ctx, seatSeat, c.Room, user, now, slices.Contains(c.Watching, user)); err != nil {
			return err
		}
	}
	return nil
}

func closeRoom(ctx context.Context, q querier, c *store.Commit) (bool, error) {
	if c.IfEmpty {
		var left int
		if err := one(ctx, q, countSeats, []any{c.Room}, &left); err != nil || left > 0 {
			return false, err
		}
	}
	if _, err := q.exec(ctx, updateState, c.Room, string(store.Closed)); err != nil {
		return false, err
	}
	remembered, err := remember(ctx, q, c)
	if err != nil {
		return false, err
	}
	drop := []string{closeRecord, dropSeats, dropBackfill, dropCode, dropLabels, dropBans, dropRoomInvites}
	if !remembered {
		drop = append(drop, dropRoomsLog)
	}
	for _, statement := range drop {
		if _, err := q.exec(ctx, statement, c.Room); err != nil {
			return false, err
		}
	}
	return true, nil
}
