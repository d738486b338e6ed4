package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/madang-games/madang/store"
)

// roomWindow is how many rooms a call of Rooms looks at for what no index orders.
const roomWindow = 500

// Rooms implements [store.Rooms]. A room that is made while somebody turns the pages is on none of the later ones.
func (s *Store) Rooms(ctx context.Context, f store.RoomFilter, cursor string, limit int) ([]store.Room, string, error) {
	limit = min(max(limit, 1), 100)
	var at spot
	if cursor != "" {
		var err error
		if at.created, at.id, err = parseCursor(cursor); err != nil {
			return nil, "", s.failed(ctx, "list rooms", err)
		}
	}
	query, last := listing(f, at, limit)
	var rooms []store.Room
	next := ""
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		rooms, next = nil, ""
		err := all(ctx, q, query.String(), query.args, func(rows *stdsql.Rows) error {
			r, err := scanRoom(rows)
			rooms = append(rooms, r)
			return err
		})
		if err != nil || len(rooms) > limit || last == nil {
			return err
		}
		var end spot
		err = one(ctx, q, last.String(), last.args, &end.created, &end.id)
		if errors.Is(err, stdsql.ErrNoRows) {
			return nil // no more than the window held
		}
		next = end.String()
		return err
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list rooms", err)
	}
	if len(rooms) > limit {
		rooms = rooms[:limit]
		next = spot{rooms[limit-1].CreatedAt.UnixMicro(), rooms[limit-1].ID}.String()
	}
	return rooms, next, nil
}

// listing is the query for a page of rooms, and limit+1 rooms of it. Where f asks for what no index orders, the page is of the
// next roomWindow rooms that might do, and last finds the last one of these.
func listing(f store.RoomFilter, at spot, limit int) (page, last *clauses) {
	alive := f.Free || len(f.Labels) > 0 || f.State == store.Open || f.State == store.Playing
	public := alive && !f.Private // those are what an index lists
	labels := slices.Clone(f.Labels)
	slices.SortStableFunc(labels, func(a, b store.LabelFilter) int { return strings.Compare(form(a), form(b)) })
	if f.Version == "" && f.State == "" && !f.Free && len(labels) == 0 && f.Private {
		page = &clauses{}
		page.add(`SELECT ` + roomColumns + ` FROM rooms r WHERE TRUE`)
		page.listed(f, public, at)
		page.add(` ORDER BY r.created_at DESC, r.id DESC LIMIT ?`, limit+1)
		return page, nil
	}
	window := &clauses{}
	if len(labels) > 0 && labels[0].Text != "" {
		window.add(`FROM room_labels l JOIN rooms r ON r.id = l.room WHERE l.text IS NOT NULL AND l.game = ? AND l.name = ? AND l.text = ?`,
			f.Game, labels[0].Name, labels[0].Text)
		if at.id != "" {
			window.add(` AND (l.created_at, l.room) < (?, ?)`, at.created, at.id)
		}
		window.add(` ORDER BY l.created_at DESC, l.room DESC`)
		labels = labels[1:]
	} else {
		window.add(`FROM rooms r WHERE TRUE`)
		window.listed(f, public, at)
		window.add(` ORDER BY r.created_at DESC, r.id DESC`)
	}
	last = &clauses{`SELECT r.created_at, r.id ` + window.query, slices.Clone(window.args)}
	last.add(` LIMIT 1 OFFSET ?`, roomWindow-1)
	window.add(` LIMIT ?`, roomWindow)
	page = &clauses{`SELECT ` + roomColumns + ` FROM (SELECT r.* ` + window.query + `) r WHERE TRUE`, window.args}
	if !f.Private {
		page.add(` AND NOT r.private`)
	}
	if alive {
		page.add(` AND r.state <> 'closed'`)
	}
	if f.State != "" {
		page.add(` AND r.state = ?`, string(f.State))
	}
	if f.Version != "" {
		page.add(` AND r.version = ?`, f.Version)
	}
	if f.Free {
		page.add(` AND (SELECT count(*) FROM seats s WHERE s.room = r.id AND s.state <> 'leaving' AND NOT s.watch) < r.capacity`)
	}
	for _, l := range labels {
		page.add(` AND EXISTS (SELECT 1 FROM room_labels l WHERE l.room = r.id AND l.name = ?`, l.Name)
		if l.Text != "" {
			page.add(` AND l.text = ?)`, l.Text)
		} else {
			page.add(` AND l.number >= ? AND l.number <= ?)`, l.Least, l.Most)
		}
	}
	page.add(` ORDER BY r.created_at DESC, r.id DESC LIMIT ?`, limit+1)
	return page, last
}

// form makes filters of one kind come in one order, so that there are few texts of queries; those by text come first.
func form(l store.LabelFilter) string {
	if l.Text != "" {
		return "a" + l.Name
	}
	return "b" + l.Name
}

// clauses are a query that is put together of parts.
type clauses struct {
	query string
	args  []any
}

func (t *clauses) String() string { return t.query }

// add adds a part, in which each ? is one of args.
func (t *clauses) add(part string, args ...any) {
	for _, v := range args {
		t.args = append(t.args, v)
		part = strings.Replace(part, "?", "$"+strconv.Itoa(len(t.args)), 1)
	}
	t.query += part
}

// listed adds what an index of rooms r answers.
func (t *clauses) listed(f store.RoomFilter, public bool, at spot) {
	if public {
		t.add(` AND r.state <> 'closed' AND NOT r.private`)
	}
	if f.Game != "" {
		t.add(` AND r.game = ?`, f.Game)
	}
	if at.id != "" {
		t.add(` AND (r.created_at, r.id) < (?, ?)`, at.created, at.id)
	}
}
