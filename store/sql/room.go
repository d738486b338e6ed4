package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/madang-games/madang/store"
)

const roomColumns = `r.id, r.game, r.version, r.state, r.capacity, r.created_at,
	(SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving')`

const (
	insertRoom = `INSERT INTO rooms (id, game, version, state, capacity, created_at, swept)
		VALUES ($1, $2, $3, $4, $5, $6, FALSE)`
	insertRecord = `INSERT INTO records (room, term, closed, wake, epoch, n, published, memory)
		VALUES ($1, 0, FALSE, FALSE, 1, 0, 0, $2)`
	selectRoom  = `SELECT ` + roomColumns + ` FROM rooms r WHERE r.id = $1`
	selectAlive = `SELECT r.id, c.wake OR c.published < c.n OR EXISTS (SELECT 1 FROM seats s WHERE s.room = r.id)
		FROM rooms r JOIN records c ON c.room = r.id
		WHERE r.state <> 'closed' AND r.game = $1 AND r.version = $2 AND r.id > $3 ORDER BY r.id LIMIT $4`
	selectUnswept = `SELECT r.id FROM rooms r WHERE r.state = 'closed' AND NOT r.swept ORDER BY r.id LIMIT $1`
	forgetMemory  = `UPDATE records SET memory = $2 WHERE room = $1 AND closed`
	updateSwept   = `UPDATE rooms SET swept = TRUE WHERE id = $1 AND state = 'closed' AND NOT swept`
)

func scanRoom(rows *stdsql.Rows) (r store.Room, err error) {
	var created int64
	err = rows.Scan(&r.ID, &r.Game, &r.Version, &r.State, &r.Capacity, &created, &r.Players)
	r.CreatedAt = fromMicros(created)
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
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		r.State = store.Open
		if err := createRoom(ctx, q, r, memory); err != nil || user == "" {
			return err
		}
		_, err := q.exec(ctx, upsertSeat, r.ID, user, r.CreatedAt.UnixMicro())
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
	if _, err := q.exec(ctx, insertRoom, r.ID, r.Game, r.Version, string(r.State), r.Capacity, r.CreatedAt.UnixMicro()); err != nil {
		return err
	}
	_, err := q.exec(ctx, insertRecord, r.ID, memory)
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

// Rooms implements [store.Rooms]. A room that is made while somebody turns the pages is on none of the later ones.
func (s *Store) Rooms(ctx context.Context, f store.RoomFilter, cursor string, limit int) ([]store.Room, string, error) {
	limit = min(max(limit, 1), 100)
	var where []string
	var args []any
	and := func(term string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			term = strings.Replace(term, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, term)
	}
	if cursor != "" {
		created, id, err := parseCursor(cursor)
		if err != nil {
			return nil, "", s.failed(ctx, "list rooms", err)
		}
		and("(r.created_at, r.id) < (?, ?)", created, id)
	}
	if f.Game != "" {
		and("r.game = ?", f.Game)
	}
	if f.Version != "" {
		and("r.version = ?", f.Version)
	}
	if f.State != "" {
		and("r.state = ?", string(f.State))
		if f.State != store.Closed {
			and("r.state <> 'closed'") // said so that the index of living rooms may be used
		}
	}
	query := `SELECT ` + roomColumns + ` FROM rooms r`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, limit+1)
	query += ` ORDER BY r.created_at DESC, r.id DESC LIMIT $` + strconv.Itoa(len(args))
	var rooms []store.Room
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, query, args, func(rows *stdsql.Rows) error {
			r, err := scanRoom(rows)
			rooms = append(rooms, r)
			return err
		})
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list rooms", err)
	}
	if len(rooms) <= limit {
		return rooms, "", nil
	}
	rooms = rooms[:limit]
	return rooms, formatCursor(rooms[limit-1]), nil
}

// A cursor is the place of the last room given: base64 of "<microseconds> <id>".
func formatCursor(r store.Room) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", r.CreatedAt.UnixMicro(), r.ID))
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
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, selectAlive, []any{game, version, after, max(limit, 0)}, func(rows *stdsql.Rows) error {
			var r store.LiveRoom
			err := rows.Scan(&r.ID, &r.Wake)
			rooms = append(rooms, r)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list live rooms", err)
	}
	return rooms, nil
}

// Unswept implements [store.Rooms].
func (s *Store) Unswept(ctx context.Context, limit int) (rooms []string, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
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
