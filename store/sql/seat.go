package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const seatColumns = `s.room, s.account, a.name, s.state, s.since, s.watch, s.reason FROM seats s JOIN accounts a ON a.id = s.account`

const (
	selectDoor  = `SELECT state, capacity FROM rooms WHERE id = $1`
	selectEntry = `SELECT state, capacity, spectators, private FROM rooms WHERE id = $1`
	// The seats that count, and what there is of one user.
	selectTaken = `SELECT count(CASE WHEN state <> 'leaving' AND NOT watch THEN 1 END), count(CASE WHEN state <> 'leaving' AND watch THEN 1 END),
		max(CASE WHEN account = $2 THEN state END), max(CASE WHEN account = $2 THEN since END), count(CASE WHEN account = $2 AND watch THEN 1 END),
		(SELECT name FROM accounts WHERE id = $2 AND deleted_at IS NULL),
		EXISTS (SELECT 1 FROM room_bans b WHERE b.room = $1 AND b.account = $2),
		EXISTS (SELECT 1 FROM room_invites i WHERE i.room = $1 AND i.account = $2 AND i.until > $3) FROM seats WHERE room = $1`
	upsertSeat = `INSERT INTO seats (room, account, state, since, again, watch, taken, owns) VALUES ($1, $2, 'joining', $3, FALSE, $4, $3, $5)
		ON CONFLICT (room, account) DO UPDATE SET state = excluded.state, since = excluded.since, again = seats.again OR seats.state = 'leaving',
			watch = excluded.watch, taken = excluded.taken, owns = excluded.owns, reason = ''`
	// The fullest first, of equals the oldest.
	selectFree = `SELECT o.id FROM (
			SELECT r.id, r.capacity, r.created_at,
				(SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND NOT s.watch) AS taken
			FROM rooms r WHERE r.state <> 'closed' AND r.asleep = 0 AND r.state = 'open' AND r.game = $1 AND r.version = $2 AND NOT r.private` + freeFor
	selectAsleep = `SELECT o.id FROM (
			SELECT r.id, r.capacity, r.created_at,
				(SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND NOT s.watch) AS taken
			FROM (SELECT w.id, w.capacity, w.created_at FROM rooms w
				WHERE w.asleep <> 0 AND w.state = 'open' AND NOT w.private AND w.game = $1 AND w.version = $2
				ORDER BY w.created_at DESC, w.id DESC LIMIT 500) r WHERE TRUE` + freeFor
	freeFor = `
				AND NOT EXISTS (SELECT 1 FROM seats s WHERE s.room = r.id AND s.account = $3)
				AND NOT EXISTS (SELECT 1 FROM room_bans b WHERE b.room = r.id AND b.account = $3)
		) o WHERE o.taken < o.capacity ORDER BY o.taken DESC, o.created_at, o.id LIMIT 8`
	// One statement, as a second one would see what came in between.
	giveUpSeat = `UPDATE seats SET state = 'leaving', since = CASE state WHEN 'leaving' THEN since ELSE $3 END,
		reason = CASE state WHEN 'leaving' THEN reason ELSE $4 END, again = FALSE WHERE room = $1 AND account = $2`
	selectSeats = `SELECT ` + seatColumns + ` WHERE s.account = $1 AND s.state <> 'leaving' ORDER BY s.since, s.room`
	selectLate  = `SELECT ` + seatColumns + ` WHERE s.state <> 'seated' AND s.since < $1 ORDER BY s.since LIMIT $2`
)

// seatTexts find the seats of pairs of room and user.
var seatTexts = textsOf(func(keys int) string {
	pairs := make([]string, keys)
	for i := range pairs {
		pairs[i] = "(" + params(2*i+1, 2) + ")"
	}
	return `SELECT ` + seatColumns + ` WHERE (s.room, s.account) IN (VALUES ` + strings.Join(pairs, ", ") + `) AND s.state <> 'leaving'`
})

// TakeSeat implements [store.Seats]. ErrNotFound also when there is no such user.
func (s *Store) TakeSeat(ctx context.Context, room, user string, now time.Time) (seat store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		seat, err = s.takeSeat(ctx, q, room, user, now, entry{})
		return err
	})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "take seat", err)
	}
	return seat, nil
}

// entry is how somebody comes into a room.
type entry struct {
	stranger bool // only an open room that is not private will do, and one in which the user has no seat (else ErrRoomFull)
	orSkip   bool // a room that is locked is as good as ErrNotFound
	watch    bool // as a spectator
	byCode   bool // which is as good as an invitation
}

// takeSeat locks the room, so that nobody can close it or take a seat in it before the transaction has ended.
func (s *Store) takeSeat(ctx context.Context, q querier, room, user string, now time.Time, in entry) (store.Seat, error) {
	seat := store.Seat{Room: room, User: user, Spectator: in.watch}
	var state store.RoomState
	var private bool
	var capacity, watchers int
	if err := one(ctx, q, selectEntry+s.db.lockRow(in.orSkip), []any{room}, &state, &capacity, &watchers, &private); err != nil {
		return seat, err
	}
	if state == store.Closed {
		return seat, store.ErrRoomClosed
	}
	var players, watching, watches int
	var mine, name stdsql.NullString
	var since stdsql.NullInt64
	var banned, invited bool
	if err := one(ctx, q, selectTaken, []any{room, user, now.UnixMicro()}, &players, &watching, &mine, &since, &watches, &name, &banned, &invited); err != nil {
		return seat, err
	}
	if !name.Valid {
		return seat, store.ErrNotFound
	}
	seat.Name = name.String
	if in.stranger && (state != store.Open || mine.Valid || private || banned) {
		return seat, store.ErrRoomFull
	}
	inside := mine.Valid && store.SeatState(mine.String) != store.Leaving
	if inside && in.watch == (watches > 0) {
		seat.State, seat.Since = store.SeatState(mine.String), fromMicros(since.Int64)
		return seat, nil
	}
	switch {
	case inside && in.watch:
		return seat, store.ErrPlays
	case banned:
		return seat, store.ErrBanned
	case private && !inside && !invited && !in.byCode:
		return seat, store.ErrNotFound
	case in.watch && watching >= watchers, !in.watch && players >= capacity:
		return seat, store.ErrRoomFull
	}
	if _, err := q.exec(ctx, upsertSeat, room, user, now.UnixMicro(), in.watch, 0); foreignKey(err) {
		return seat, store.ErrNotFound // deleted a moment ago
	} else if err != nil {
		return seat, err
	}
	seat.State, seat.Since = store.Joining, fromMicros(now.UnixMicro())
	return seat, nil
}

// TakeAnySeat implements [store.Seats]. A room that user is just leaving is not offered. Under contention the second
// fullest may be taken rather than waited for the fullest. Its search looks at every open room of the game and version that is
// awake, and then at no more than 500 of those that are asleep.
func (s *Store) TakeAnySeat(ctx context.Context, game, version, user string, now time.Time) (store.Seat, error) {
	// The search locks nothing; the room it finds is looked at again when it is locked. Whenever all that were
	// found have been filled meanwhile, others have got seats: the search begins again.
	for {
		var free []string
		err := s.db.read(ctx, func(ctx context.Context, q querier) error {
			free = nil
			for _, search := range []string{selectFree, selectAsleep} {
				err := all(ctx, q, search, []any{game, version, user}, func(rows *stdsql.Rows) error {
					var id string
					err := rows.Scan(&id)
					free = append(free, id)
					return err
				})
				if err != nil || len(free) > 0 {
					return err
				}
			}
			return nil
		})
		if err == nil && len(free) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return store.Seat{}, s.failed(ctx, "take any seat", err)
		}
		for _, orSkip := range []bool{true, false} {
			for _, id := range free {
				var seat store.Seat
				err := s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
					seat, err = s.takeSeat(ctx, q, id, user, now, entry{stranger: true, orSkip: orSkip})
					return err
				})
				switch {
				case err == nil:
					return seat, nil
				case errors.Is(err, store.ErrNotFound): // no such user; a room found is never taken away
					return store.Seat{}, s.failed(ctx, "take any seat", err)
				case errors.Is(err, stdsql.ErrNoRows), errors.Is(err, store.ErrRoomFull), errors.Is(err, store.ErrRoomClosed):
				default:
					return store.Seat{}, s.failed(ctx, "take any seat", err)
				}
			}
		}
	}
}

// GiveUpSeat implements [store.Seats]. A seat that is leaving stays so, since when it was.
func (s *Store) GiveUpSeat(ctx context.Context, room, user string, now time.Time) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, giveUpSeat, room, user, now.UnixMicro(), "")
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "give up seat", err)
}

// Seat implements [store.Seats].
func (s *Store) Seat(ctx context.Context, room, user string) (store.Seat, error) {
	if !text(room) || !text(user) {
		return store.Seat{}, s.failed(ctx, "find seat", store.ErrNotFound)
	}
	seat, err := s.seatOf.get(ctx, s, sitting{room, user})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "find seat", err)
	}
	return seat, nil
}

// sitting is whose seat in which room.
type sitting struct{ room, user string }

func findSeats(ctx context.Context, q querier, asked []*lookup[sitting, store.Seat]) error {
	by := make(map[sitting][]*lookup[sitting, store.Seat], len(asked))
	for _, a := range asked {
		by[a.key] = append(by[a.key], a)
	}
	query, keys := seatTexts.about(len(asked))
	var args []any
	for i := range keys {
		key := asked[min(i, len(asked)-1)].key
		args = append(args, key.room, key.user)
	}
	return all(ctx, q, query, args, func(rows *stdsql.Rows) error {
		seat, err := scanSeat(rows)
		if err != nil {
			return err
		}
		for _, a := range by[sitting{seat.Room, seat.User}] {
			a.row, a.found = seat, true
		}
		return nil
	})
}

// SeatsOf implements [store.Seats].
func (s *Store) SeatsOf(ctx context.Context, user string) ([]store.Seat, error) {
	seats, err := s.seats(ctx, selectSeats, user)
	return seats, s.failed(ctx, "list seats", err)
}

// PendingSeats implements [store.Seats]. The oldest come first.
func (s *Store) PendingSeats(ctx context.Context, before time.Time, limit int) ([]store.Seat, error) {
	seats, err := s.seats(ctx, selectLate, before.UnixMicro(), max(limit, 0))
	return seats, s.failed(ctx, "list pending seats", err)
}

func (s *Store) seats(ctx context.Context, query string, args ...any) (seats []store.Seat, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, query, args, func(rows *stdsql.Rows) error {
			seat, err := scanSeat(rows)
			seats = append(seats, seat)
			return err
		})
	})
	return seats, err
}

// scanSeat reads seatColumns.
func scanSeat(rows *stdsql.Rows) (seat store.Seat, err error) {
	var since int64
	err = rows.Scan(&seat.Room, &seat.User, &seat.Name, &seat.State, &since, &seat.Spectator, &seat.Reason)
	seat.Since = fromMicros(since)
	return seat, err
}
