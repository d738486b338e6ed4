package sql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/madang-games/madang/store"
)

// commitGroup is updateRecord, insertLog and deleteLog for many rooms in one statement, which is a transaction of its own:
// one round trip and one fsync. It gives the rooms whose fence let them through. Which commits drop runs, forgets says.
const commitGroup = `WITH c AS (
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bytea[],
			$8::bigint[], $9::bigint[], $10::bytea[], $11::bigint[])
			AS c (room, term, epoch, n, published, wake, memory, first, last, data, forget)
	), held AS (
		UPDATE records r SET epoch = c.epoch, n = c.n, published = c.published, wake = c.wake, memory = COALESCE(c.memory, r.memory)
		FROM c WHERE r.room = c.room AND r.term = c.term AND NOT r.closed AND r.epoch <= c.epoch
		RETURNING r.room
	), kept AS (
		INSERT INTO log (room, epoch, last, first, data)
		SELECT c.room, c.epoch, c.last, c.first, c.data FROM c JOIN held USING (room) WHERE c.data IS NOT NULL
		ON CONFLICT (room, epoch, last) DO UPDATE SET first = excluded.first, data = excluded.data
	), forgotten AS (
		DELETE FROM log l USING c JOIN held USING (room)
		WHERE (c.forget > 0 OR c.n = 0 OR c.first = 1) AND l.room = c.room AND (l.epoch, l.last) <= (c.epoch, c.forget)
	)
	SELECT room FROM held`

// commit gathers the plain commits, which are nearly all. The others have a transaction of their own: they are seldom, and
// their waiting for other rows must not hold up other rooms.
func (d *postgresDB) commit(ctx context.Context, c *store.Commit) (closed bool, err error) {
	if plain(c) {
		return false, d.line.do(ctx, c)
	}
	err = d.write(ctx, func(ctx context.Context, q querier) (err error) {
		closed, err = d.store.apply(ctx, q, c)
		return err
	})
	return closed && err == nil, err
}

// play does a group of plain commits.
func (d *postgresDB) play(group []*job[*store.Commit]) {
	ctx, cancel := groupContext(group)
	defer cancel()
	// In one order everywhere, so that two groups with the same rooms don't lock each other out. Two commits of one
	// room (one of them must be stale) can't be in one statement.
	group = slices.Clone(group)
	slices.SortStableFunc(group, func(a, b *job[*store.Commit]) int { return cmp.Compare(a.work.Room, b.work.Room) })
	for len(group) > 0 {
		now, later := group[:0:0], group[:0:0]
		for i, j := range group {
			if i > 0 && group[i-1].work.Room == j.work.Room {
				later = append(later, j)
			} else {
				now = append(now, j)
			}
		}
		d.playDistinct(ctx, now)
		group = later
	}
}

func (d *postgresDB) playDistinct(ctx context.Context, group []*job[*store.Commit]) {
	held, err := d.commitMany(ctx, group)
	for try := 1; undone(err) && try < postgresTries; try++ {
		held, err = d.commitMany(ctx, group)
	}
	if d.lost(ctx, err) {
		d.commits.Reset()
		if pgconn.SafeToRetry(err) { // the server has not been told of it
			held, err = d.commitMany(ctx, group)
		}
		// Else the server may still do it, and under the same term that could be after later commits of the room, which it
		// would undo. Whoever commits takes the room up anew: the new term fences the lost commit out.
	}
	if err != nil && len(group) > 1 && !unavailable(err) && ctx.Err() == nil {
		// One of them is to blame: each for itself.
		for _, j := range group {
			d.playDistinct(ctx, []*job[*store.Commit]{j})
		}
		return
	}
	for _, j := range group {
		switch {
		case err != nil:
			j.err = err
		case !held[j.work.Room]:
			j.err = d.store.fenced(ctx, direct{d.db}, j.work)
		}
	}
}

func (d *postgresDB) commitMany(ctx context.Context, group []*job[*store.Commit]) (held map[string]bool, err error) {
	n := len(group)
	rooms, wakes := make([]string, n), make([]bool, n)
	terms, epochs, ns, published := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	firsts, lasts, forgets := make([]int64, n), make([]int64, n), make([]int64, n)
	memories, data := make([][]byte, n), make([][]byte, n)
	for i, j := range group {
		c := j.work
		rooms[i], wakes[i], memories[i] = c.Room, c.Wake, c.Memory
		terms[i], epochs[i], ns[i], published[i] = int64(c.Term), int64(c.Epoch), int64(c.N), int64(c.Published)
		forgets[i] = int64(c.Forget)
		if l := kept(c); l != nil {
			firsts[i], lasts[i], data[i] = int64(l.First), int64(l.Last), l.Data
			if data[i] == nil {
				data[i] = []byte{}
			}
		}
	}
	rows, err := d.commits.Query(ctx, commitGroup, rooms, terms, epochs, ns, published, wakes, memories, firsts, lasts, data, forgets)
	if err != nil {
		return nil, err
	}
	through, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("commit %d rooms: %w", n, err)
	}
	held = make(map[string]bool, n)
	for _, room := range through {
		held[room] = true
	}
	return held, nil
}

// groupContext ends when nobody waits for the group any more, at the latest after groupTime.
func groupContext[T any](group []*job[T]) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	var waiting atomic.Int64
	waiting.Store(int64(len(group)))
	stops := make([]func() bool, len(group))
	for i, j := range group {
		stops[i] = context.AfterFunc(j.ctx, func() {
			if waiting.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
