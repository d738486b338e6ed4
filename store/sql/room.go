package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

const roomColumns = `r.id, r.game, r.version, r.state, r.capacity, r.created_at, r.spectators, r.private, COALESCE(r.code, ''), r.labels, r.asleep,
	(SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND NOT s.watch),
	CASE WHEN r.spectators = 0 THEN 0 ELSE (SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND s.watch) END,
	COALESCE(CASE WHEN r.owned THEN (SELECT s.account FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND NOT s.watch
		ORDER BY s.owns DESC, s.taken, s.account LIMIT 1) END, '')`

const (
	insertRoom = `INSERT INTO rooms (id, game, version, state, capacity, created_at, swept, owned, private, code, spectators, labels)
		VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $8, $9, $10, $11)`
	insertRecord = `INSERT INTO records (room, term, closed, wake, epoch, n, published, memory)
		VALUES ($1, 0, FALSE, FALSE, 1, 0, 0, $2)`
	selectRoom  = `SELECT ` + roomColumns + ` FROM rooms r WHERE r.id = $1`
	selectAlive = `SELECT r.id, c.wake OR c.published < c.n, EXISTS (SELECT 1 FROM seats s WHERE s.room = r.id), r.created_at
		FROM rooms r JOIN records c ON c.room = r.id
		WHERE r.state <> 'closed' AND r.asleep = 0 AND r.game = $1 AND r.version = $2 AND r.id > $3 ORDER BY r.id LIMIT $4`
	selectDue = `SELECT r.id, r.asleep FROM rooms r
		WHERE r.asleep <> 0 AND r.game = $1 AND r.version = $2 AND r.asleep < $3 AND (r.asleep, r.id) > ($4, $5) ORDER BY r.asleep, r.id LIMIT $6`
	selectUnswept = `SELECT r.id FROM rooms r WHERE r.state = 'closed' AND NOT r.swept ORDER BY r.id LIMIT $1`
	forgetMemory  = `UPDATE records SET memory = $2 WHERE room = $1 AND closed`
	updateSwept   = `UPDATE rooms SET swept = TRUE WHERE id = $1 AND state = 'closed' AND NOT swept`
)

// scanRoom reads roomColumns.
func scanRoom(rows interface{ Scan(dest ...any) error }) (r store.Room, err error) {
	var created, asleep int64
	var labels string
	err = rows.Scan(&r.ID, &r.Game, &r.Version, &r.State, &r.Capacity, &created, &r.MaxSpectators, &r.Private, &r.Code, &labels, &asleep,
		&r.Players, &r.Spectators, &r.Owner)
	r.CreatedAt = fromMicros(created)
	if asleep != 0 {
		r.Asleep = fromMicros(asleep)
	}
	if err == nil {
		r.Labels, err = parseLabels(labels)
	}
	return r, err
}

func room(ctx context.Context, q querier, id string) (r store.Room, err error) {
	found := false
	err = all(ctx, q, selectRoom, []any{id}, func(rows *stdsql.Rows) (err error) {
		found = true
		r, err = scanRoom(rows)
		return err
	})
	if err == nil && !found {
		err = stdsql.ErrNoRows
	}
	return r, err
}

// CreateRoom implements [store.Rooms]. r.State and r.Players are not looked at. ErrNotFound: there is no such user.
func (s *Store) CreateRoom(ctx context.Context, r store.Room, memory []byte, user string) error {
	if r.Owner != "" && r.Owner != user {
		return fmt.Errorf("create room: %q, who does not sit there, can't be its owner", r.Owner)
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		r.State = store.Open
		if err := createRoom(ctx, q, r, memory); err != nil || user == "" {
			return err
		}
		_, err := q.exec(ctx, upsertSeat, r.ID, user, r.CreatedAt.UnixMicro(), false, 1)
		if foreignKey(err) {
			return store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "create room", err)
}

// createRoom keeps a new room, in whatever state, with nobody in it.
func createRoom(ctx context.Context, q querier, r store.Room, memory []byte) error {
	if memory == nil {
		memory = []byte{}
	}
	labels, err := formatLabels(r.Labels)
	if err != nil {
		return err
	}
	_, err = q.exec(ctx, insertRoom, r.ID, r.Game, r.Version, string(r.State), r.Capacity, r.CreatedAt.UnixMicro(),
		r.Owner != "", r.Private, stdsql.NullString{String: r.Code, Valid: r.Code != ""}, r.MaxSpectators, labels)
	if r.Code != "" && duplicate(err) {
		return store.ErrCodeTaken
	}
	if err != nil {
		return err
	}
	if err := label(ctx, q, r); err != nil {
		return err
	}
	_, err = q.exec(ctx, insertRecord, r.ID, memory)
	return err
}

// Room implements [store.Rooms].
func (s *Store) Room(ctx context.Context, id string) (r store.Room, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		r, err = room(ctx, q, id)
		return err
	})
	return r, s.failed(ctx, "find room", err)
}

// spot is where a room stands in a list; as a cursor it is base64 of "<microseconds> <id>".
type spot struct {
	created int64
	id      string
}

func (p spot) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", p.created, p.id))
}

func parseCursor(cursor string) (created int64, id string, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, "", fmt.Errorf("%w: malformed cursor", store.ErrNotFound)
	}
	micros, id, found := strings.Cut(string(text), " ")
	created, err = strconv.ParseInt(micros, 10, 64)
	if err != nil || !found || id == "" || strings.ToValidUTF8(id, "") != id || strings.Contains(id, "\x00") {
		return 0, "", fmt.Errorf("%w: malformed cursor", store.ErrNotFound)
	}
	return created, id, nil
}

// LiveRooms implements [store.Rooms].
func (s *Store) LiveRooms(ctx context.Context, game, version, after string, limit int) (rooms []store.LiveRoom, err error) {
	wakes, err := s.db.unsettled(ctx)
	if err != nil {
		return nil, s.failed(ctx, "list live rooms", err)
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		rooms = nil
		return all(ctx, q, selectAlive, []any{game, version, after, max(limit, 0)}, func(rows *stdsql.Rows) error {
			var r store.LiveRoom
			var created int64
			var seats bool
			err := rows.Scan(&r.ID, &r.Wake, &seats, &created)
			if wake, ok := wakes[r.ID]; ok {
				r.Wake = wake
			}
			r.Wake, r.CreatedAt = r.Wake || seats, time.UnixMicro(created)
			rooms = append(rooms, r)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list live rooms", err)
	}
	return rooms, nil
}

// DueRooms implements [store.Rooms].
func (s *Store) DueRooms(ctx context.Context, game, version string, before time.Time, after store.DueRoom, limit int) (rooms []store.DueRoom, err error) {
	var from int64
	if !after.At.IsZero() {
		from = after.At.UnixMicro()
	}
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		rooms = nil
		return all(ctx, q, selectDue, []any{game, version, before.UnixMicro(), from, after.ID, max(limit, 0)}, func(rows *stdsql.Rows) error {
			var r store.DueRoom
			var at int64
			err := rows.Scan(&r.ID, &at)
			r.At = fromMicros(at)
			rooms = append(rooms, r)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list due rooms", err)
	}
	return rooms, nil
}

// Unswept implements [store.Rooms].
func (s *Store) Unswept(ctx context.Context, limit int) (rooms []string, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		rooms = nil
		return all(ctx, q, selectUnswept, []any{max(limit, 0)}, func(rows *stdsql.Rows) error {
			var id string
			err := rows.Scan(&id)
			rooms = append(rooms, id)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list unswept rooms", err)
	}
	return rooms, nil
}

// Swept implements [store.Rooms]. Nobody plays the room any more, so its memory goes. A room that is not closed, or swept already, or unknown, stays as it is.
func (s *Store) Swept(ctx context.Context, room string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, updateSwept, room)
		if err == nil && n > 0 {
			_, err = q.exec(ctx, forgetMemory, room, []byte{})
		}
		return err
	})
	return s.failed(ctx, "sweep room", err)
}
