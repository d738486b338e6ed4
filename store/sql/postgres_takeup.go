package sql

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/madang-games/madang/store"
)

// When a worker dies, others take up a thousand rooms at the same moment. So what waits is taken up together, in one round
// trip and with one fsync.

// takeUpGroup is how many rooms are taken up together at most.
const takeUpGroup = 128

const (
	// In one order everywhere, so that two groups don't lock each other out.
	raiseTerms = `UPDATE records r SET term = r.term + 1
		FROM (SELECT room FROM records WHERE room = ANY($1) ORDER BY room FOR NO KEY UPDATE) held WHERE r.room = held.room
		RETURNING r.room, r.term, r.epoch, r.n, r.published, r.memory`
	// The next ones begin after the rows are locked, and so see the last commit of whoever had a room.
	selectRooms = `SELECT ` + roomColumns + ` FROM rooms r WHERE r.id = ANY($1)`
	wakeRooms   = `UPDATE rooms SET asleep = 0 WHERE id = ANY($1) AND asleep <> 0`
	selectLogs  = `SELECT l.room, l.first, l.last, l.data FROM log l JOIN records r ON r.room = l.room AND r.epoch = l.epoch AND l.last > r.published
		WHERE l.room = ANY($1) ORDER BY l.room, l.last`
	selectCondemneds = `SELECT room, condemned FROM dead WHERE room = ANY($1) AND waiting ORDER BY room, id DESC`
)

// raising is a room that is to be taken up, and then its record.
type raising struct {
	room   string
	record store.Record
	found  bool
}

func (d *postgresDB) takeUp(ctx context.Context, room string) (store.Record, error) {
	r := &raising{room: room}
	if err := d.raises.do(ctx, r); err != nil {
		return store.Record{}, err
	}
	if !r.found {
		return store.Record{}, store.ErrNotFound
	}
	return r.record, nil
}

// playRaises takes up a group of rooms. Two who ask for the same room get a term each.
func (d *postgresDB) playRaises(group []*job[*raising]) {
	for len(group) > 0 {
		now, later := group[:0:0], group[:0:0]
		for _, j := range group {
			if slices.ContainsFunc(now, func(o *job[*raising]) bool { return o.work.room == j.work.room }) {
				later = append(later, j)
			} else {
				now = append(now, j)
			}
		}
		d.raiseDistinct(now)
		group = later
	}
}

func (d *postgresDB) raiseDistinct(group []*job[*raising]) {
	ctx, cancel := groupContext(group)
	defer cancel()
	err := d.raiseMany(ctx, group)
	for try := 1; undone(err) && try < postgresTries; try++ {
		err = d.raiseMany(ctx, group)
	}
	if d.lost(ctx, err) {
		// Should it have been committed all the same, the second time raises the terms once more.
		d.pool.Reset()
		err = d.raiseMany(ctx, group)
	}
	for _, j := range group {
		j.err = err
	}
}

// raiseMany is one transaction: a batch without BEGIN is one.
func (d *postgresDB) raiseMany(ctx context.Context, group []*job[*raising]) error {
	found := make(map[string]*store.Record, len(group))
	rooms := make([]string, len(group))
	for i, j := range group {
		rooms[i] = j.work.room
	}
	batch := &pgx.Batch{}
	batch.Queue(raiseTerms, rooms).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id string
			r := &store.Record{}
			if err := rows.Scan(&id, &r.Term, &r.Epoch, &r.N, &r.Published, &r.Memory); err != nil {
				return err
			}
			found[id] = r
		}
		return rows.Err()
	})
	batch.Queue(selectRooms, rooms).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			room, err := scanRoom(rows)
			if err != nil {
				return err
			}
			if r := found[room.ID]; r != nil {
				r.Room = room
			}
		}
		return rows.Err()
	})
	batch.Queue(wakeRooms, rooms)
	batch.Queue(selectLogs, rooms).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id string
			var l store.Logged
			if err := rows.Scan(&id, &l.First, &l.Last, &l.Data); err != nil {
				return err
			}
			if r := found[id]; r != nil {
				r.Log = append(r.Log, l)
			}
		}
		return rows.Err()
	})
	batch.Queue(selectCondemneds, rooms).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id, key string
			if err := rows.Scan(&id, &key); err != nil {
				return err
			}
			if r := found[id]; r != nil && len(r.Condemned) < mostCondemned {
				r.Condemned = append(r.Condemned, key)
			}
		}
		return rows.Err()
	})
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for _, j := range group {
		if r := found[j.work.room]; r != nil {
			j.work.record, j.work.found = *r, true
		}
	}
	return nil
}
