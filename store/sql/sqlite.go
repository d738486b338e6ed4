package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/madang-games/madang/store"
)

const (
	sqliteReaders = 8
	// busyTime is how long one process waits for another that writes.
	busyTime = 10 * time.Second
	// busyTry is how often the writer looks whether the other one is done. SQLite's own waiting looks less and less often,
	// up to each 100 ms, so that a process which writes all the time would keep others out for seconds.
	busyTry = time.Millisecond
	// sqliteGroup is how many changes share a transaction at most: the last one waits for all.
	sqliteGroup = 128
	lineLength  = 1024
)

// sqliteDB has one connection that writes, in the hands of one goroutine, and several that read. Readers see what is
// committed and never wait for the writer, nor it for them.
//
// Everything that writes goes through one line: what waits is done in one transaction, each piece of work in a savepoint
// of its own, so that one's failure undoes only itself and all share one fsync. What can only fail before it has changed anything
// needs no savepoint. Plain commits are deferred, see [deferred].
type sqliteDB struct {
	store   *Store
	readers *stdsql.DB
	reading *prepared
	writers *stdsql.DB
	conn    *stdsql.Conn // the line's only
	writing *prepared    // on conn
	line    *line[piece]
	late    *deferred // the line's only
}

// piece is work in the line.
type piece struct {
	do work
	// sound: it has changed nothing when its error is a fencedOut, and any other loses the whole transaction.
	sound bool
	// defers is a plain commit, which do does if it can't be deferred.
	defers *store.Commit
	// room is settled before do begins; "": none.
	room string
	// settles has rooms settled that wait for it since before a time, so many at most.
	settles func() (before time.Time, most int)
	// kept is called when all of it is committed.
	kept func()
}

// openSQLite opens the file once. synchronous is SQLite's pragma.
func (s *Store) openSQLite(ctx context.Context, file, synchronous string) (again bool, err error) {
	busy := func(err error) (bool, error) { return sqliteBusy(err), err }
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return false, fmt.Errorf("make the database's folder: %w", err)
	}
	address := fmt.Sprintf("%s?_pragma=foreign_keys(1)&_pragma=synchronous(%s)&_pragma=cache_size(-16000)", file, synchronous)
	patient := fmt.Sprintf("%s&_pragma=busy_timeout(%d)", address, busyTime.Milliseconds())
	if err := migrateSQLite(ctx, file, patient, s); err != nil {
		return busy(err)
	}
	d := &sqliteDB{store: s, line: newLine[piece](lineLength), late: newDeferred(s.joinRuns, s.log)}
	if d.readers, err = stdsql.Open("sqlite", patient+"&_pragma=query_only(1)"); err != nil {
		return false, err
	}
	d.readers.SetMaxOpenConns(sqliteReaders)
	d.readers.SetMaxIdleConns(sqliteReaders)
	d.reading = &prepared{on: d.readers, rewrite: numbered}
	if d.writers, err = stdsql.Open("sqlite", address); err != nil {
		d.readers.Close()
		return false, err
	}
	// The connection outlives ctx.
	if d.conn, err = d.writers.Conn(context.WithoutCancel(ctx)); err == nil {
		err = d.readers.PingContext(ctx)
	}
	if err != nil {
		return busy(errors.Join(err, d.writers.Close(), d.readers.Close()))
	}
	d.writing = &prepared{on: d.conn, rewrite: numbered}
	s.db = joining{d, s}
	go func() {
		defer close(d.line.ended)
		d.line.serve(sqliteGroup, d.play)
	}()
	return false, nil
}

// migrateSQLite holds an exclusive lock on a second, empty database beside the file. SQLite's own locks work on every
// system and end with their process, and the migrations have the file itself for their transactions.
func migrateSQLite(ctx context.Context, file, address string, s *Store) (err error) {
	locks, err := stdsql.Open("sqlite", fmt.Sprintf("%s-lock?_pragma=busy_timeout(%d)", file, busyTime.Milliseconds()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locks.Close()) }()
	lock, err := locks.Conn(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := lock.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return fmt.Errorf("lock the database against others that start: %w", err)
	}
	defer func() {
		_, unlock := lock.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = errors.Join(err, unlock)
	}()
	db, err := stdsql.Open("sqlite", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// Kept in the file from the first time on.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return fmt.Errorf("begin the write-ahead log: %w", err)
	}
	return migrate(ctx, db, goose.DialectSQLite3, "sqlite", s.log)
}

// numbered makes $1 into ?1: SQLite takes $1 for a name.
func numbered(query string) string { return strings.ReplaceAll(query, "$", "?") }

func (d *sqliteDB) read(ctx context.Context, f work) error { return f(ctx, d.reading) }

func (d *sqliteDB) write(ctx context.Context, f work) error { return d.line.do(ctx, piece{do: f}) }

func (d *sqliteDB) commit(ctx context.Context, c *store.Commit) (closed bool, err error) {
	p := piece{room: c.Room, do: func(ctx context.Context, q querier) (err error) {
		closed, err = d.store.apply(ctx, q, c)
		return err
	}, kept: func() { d.late.put(c, closed) }}
	if plain(c) {
		p.defers, p.sound = c, true
	}
	err = d.line.do(ctx, p)
	return closed && err == nil, err
}

func (d *sqliteDB) takeUp(ctx context.Context, id string) (r store.Record, err error) {
	err = d.line.do(ctx, piece{room: id, do: func(ctx context.Context, q querier) (err error) {
		r, err = takeUp(ctx, q, id)
		return err
	}, kept: func() { d.late.took(&r, id) }})
	return r, err
}

func (d *sqliteDB) settled(ctx context.Context, room string) error {
	return d.line.do(ctx, piece{room: room, do: nothing})
}

func (d *sqliteDB) unsettled(ctx context.Context) (wakes map[string]bool, err error) {
	err = d.line.do(ctx, piece{do: func(context.Context, querier) error {
		wakes = d.late.wakes()
		return nil
	}})
	return wakes, err
}

func nothing(context.Context, querier) error { return nil }

// settleLater has what was deferred settled when it is old enough.
func (d *sqliteDB) settleLater() {
	w := d.late.oldest()
	if w == nil || d.late.armed {
		return
	}
	d.late.timer++
	d.late.armed = true
	timer := d.late.timer
	time.AfterFunc(max(settlePause, time.Until(w.what.at.Add(settleAfter))), func() {
		before := func() (time.Time, int) {
			if timer != d.late.timer {
				return time.Time{}, 0
			}
			d.late.armed = false
			return time.Now().Add(-settleAfter), settleRooms
		}
		// What fails is done again by whoever defers next, or when the line is closed.
		_ = d.line.do(context.Background(), piece{do: nothing, settles: before})
	})
}

// play does a group of work in one transaction.
func (d *sqliteDB) play(group []*job[piece]) {
	// Nobody's context: the work is short, it is several callers', and waiting for other processes has a bound.
	ctx := context.Background()
	if err := d.beginTrusted(ctx); err != nil {
		d.late.forget()
		for _, j := range group {
			j.err = err
		}
		return
	}
	if err := d.playIn(ctx, group); err != nil {
		d.rollback(ctx)
		d.late.forget()
		for _, j := range group {
			j.err = err
		}
		return
	}
	d.late.committed()
	for _, j := range group {
		if j.err == nil && j.work.kept != nil {
			j.work.kept()
		}
	}
	d.settleLater()
}

// playIn does a group of work in the transaction that has begun, and ends it. An error is the whole group's.
func (d *sqliteDB) playIn(ctx context.Context, group []*job[piece]) error {
	rest := group[:0:0]
	d.late.row, d.late.past = d.late.row[:1], d.late.past[:0]
	for _, j := range group {
		if c := j.work.defers; c == nil || !d.late.take(c) {
			rest = append(rest, j)
			continue
		}
		j.work.kept = nil
	}
	alone := len(rest) == 1 && len(group) == 1
	for _, j := range rest {
		if err := d.playOne(ctx, j, alone); err != nil {
			return err
		}
	}
	if alone && rest[0].err != nil {
		d.rollback(ctx)
		return nil
	}
	for _, j := range rest {
		if j.work.settles != nil {
			before, most := j.work.settles()
			if err := d.late.settleOldest(ctx, d.writing, before, most); err != nil {
				return err
			}
		}
	}
	if err := d.late.finish(ctx, d.writing); err != nil {
		return err
	}
	_, err := d.writing.exec(ctx, "COMMIT")
	return err
}

// beginTrusted begins a transaction in which what is in memory of deferred commits is true.
func (d *sqliteDB) beginTrusted(ctx context.Context) error {
	for {
		if err := d.begin(ctx); err != nil {
			return err
		}
		settled, err := d.late.trust(ctx, d.writing)
		if err == nil && settled {
			_, err = d.writing.exec(ctx, "COMMIT")
		}
		if err != nil {
			d.rollback(ctx)
			return err
		}
		if !settled {
			return nil
		}
	}
}

// begin begins a transaction that may write, when no other process is in one.
func (d *sqliteDB) begin(ctx context.Context) error {
	for since := time.Now(); ; time.Sleep(busyTry) {
		_, err := d.writing.exec(ctx, "BEGIN IMMEDIATE")
		if !sqliteBusy(err) || time.Since(since) > busyTime {
			return err
		}
	}
}

// playOne sets the outcome of j. The error is the whole group's: the transaction can't go on.
func (d *sqliteDB) playOne(ctx context.Context, j *job[piece], alone bool) error {
	savepoint := !alone && !j.work.sound
	if savepoint {
		if _, err := d.writing.exec(ctx, "SAVEPOINT one"); err != nil {
			return err
		}
	}
	back := func() {}
	if j.work.room != "" {
		var err error
		if back, err = d.late.settle(ctx, d.writing, j.work.room); err != nil {
			return err
		}
	}
	if j.err = j.work.do(ctx, d.writing); j.err != nil && (alone || savepoint) {
		back()
	}
	switch {
	case !savepoint:
		if j.err == nil || alone || errors.As(j.err, new(fencedOut)) {
			return nil
		}
		return j.err
	case j.err != nil:
		if _, err := d.writing.exec(ctx, "ROLLBACK TO one"); err != nil {
			return errors.Join(j.err, err) // SQLite has undone everything by itself: disk full, input/output error
		}
	}
	_, err := d.writing.exec(ctx, "RELEASE one")
	return err
}

func (d *sqliteDB) rollback(ctx context.Context) {
	// An error says that SQLite has rolled back by itself.
	_, _ = d.writing.exec(ctx, "ROLLBACK")
}

// clock is that of this process: SQLite has none but its machine's.
func (d *sqliteDB) clock(n int) (string, []any) {
	return fmt.Sprint("$", n), []any{time.Now().UnixMicro()}
}

func (d *sqliteDB) lockRow(bool) string { return "" } // a writer is alone

func (d *sqliteDB) ready(ctx context.Context) error {
	var n int
	return one(ctx, d.reading, "SELECT count(*) FROM schema_versions", nil, &n)
}

func (d *sqliteDB) close() error {
	all := func() (time.Time, int) { return time.Now(), math.MaxInt }
	// What can't be settled now is when the file is opened again.
	if err := d.line.do(context.Background(), piece{do: nothing, settles: all}); err != nil {
		d.store.log.Warn("the last commits stay to be settled", "error", err)
	}
	d.line.close()
	<-d.line.ended
	d.writing.close()
	d.reading.close()
	return errors.Join(d.conn.Close(), d.writers.Close(), d.readers.Close())
}

func sqliteBusy(err error) bool {
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}
