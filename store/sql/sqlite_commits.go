package sql

import (
	"context"
	stdsql "database/sql"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

// A plain commit changes a row of records and one or two of log, each somewhere else in the file; of a room that is played its next
// commit does the same to the same row a moment later. So a group of commits first becomes one row of the table commits, and that is
// all that is written and fsynced before they are acknowledged. What they do to records and log is done later, for many commits of a
// room at once.
//
// The row is the truth, and [deferred] no more than what the rows say, in memory:
//
//   - Whatever else reads or changes a room's record (to take it up, another commit) first has that room settled: written to records
//     and log in the same transaction, with a mark among the rows that what stands before it is of the past.
//   - Nobody relies on what is in memory when another process, or anything that went wrong, may have made it untrue: then all that
//     the rows hold is written to records and log, and memory begins anew. A process that finds rows of a dead one does the same.
type deferred struct {
	join    func(runs [][]byte) ([]byte, error) // nil: runs stay as they are
	log     *slog.Logger
	most    int  // how large a commit may be that is deferred
	trusted bool // memory is true as long as the database has this version
	version int64
	seq     int64 // of the latest row
	heads   map[string]*head
	order   []waits      // those that are not settled, the oldest first; some have been since
	past    []*unsettled // settled in this transaction
	bytes   int          // of what is not settled
	row     []byte       // being written: rowVersion and what it holds
	rows    []rowSize    // that are there, the oldest first
	inRows  int          // bytes of rows
	timer   int          // which one is to ask for settleOldest; the others are of the past
	armed   bool         // there is one
}

type rowSize struct {
	seq  int64
	size int
}

// head is a room that was taken up here, and what its fence is.
type head struct {
	term, epoch uint64
	wake        bool // the record's
	wakeKnown   bool
	unsettled   *unsettled // nil: records and log have everything
}

// unsettled is what the rows say of a room and its record does not.
type unsettled struct {
	since               int64 // seq of the first row
	at                  time.Time
	term                uint64
	epoch, n, published uint64
	wake                bool
	memory              []byte // nil: unchanged
	drops               bool   // runs up to number drop of dropEpoch, and those of older epochs
	dropEpoch, drop     uint64
	runs                []epochRun
}

type epochRun struct {
	epoch uint64
	store.Logged
}

type waits struct {
	room string
	head *head
	what *unsettled
}

const (
	deferMost = 32 << 10 // a large one would be written twice
	// unsettledMost is how much may wait to be settled in all, in bytes, and rowsMost how much the rows may have.
	unsettledMost = 16 << 20
	rowsMost      = 64 << 20
	// settleAfter is how long a room's commits wait to be settled, and settleRooms how many rooms are settled in one transaction.
	settleAfter = 3 * time.Second
	settleRooms = 32
	settlePause = 10 * time.Millisecond // between two transactions that settle
	// joinedMost is the size from which on a kept run takes no more with it.
	joinedMost = 64 << 10
	// headsMost bounds the rooms that are known.
	headsMost = 1 << 17

	insertCommits = `INSERT INTO commits (seq, data) VALUES ($1, $2)`
	selectCommits = `SELECT seq, data FROM commits ORDER BY seq`
	lastCommits   = `SELECT COALESCE(max(seq), 0) FROM commits`
	deleteCommits = `DELETE FROM commits WHERE seq < $1`
	selectVersion = `PRAGMA data_version`
)

func newDeferred(join func(runs [][]byte) ([]byte, error), log *slog.Logger) *deferred {
	return &deferred{join: join, log: log, most: deferMost, heads: map[string]*head{}, row: []byte{rowVersion}}
}

// forget relies on nothing any more.
func (d *deferred) forget() {
	clear(d.heads)
	d.order, d.past, d.bytes, d.rows, d.inRows, d.trusted, d.armed = nil, nil, 0, nil, 0, false, false
}

// trust finds out, in the transaction of q, whether memory is true. If it may not be, it has everything settled that the rows hold,
// and reports true: the transaction is to be committed before anything else.
func (d *deferred) trust(ctx context.Context, q querier) (settled bool, err error) {
	var version int64
	if err := one(ctx, q, selectVersion, nil, &version); err != nil {
		return false, err
	}
	if d.trusted && version == d.version {
		return false, nil
	}
	d.forget()
	if err := one(ctx, q, lastCommits, nil, &d.seq); err != nil {
		return false, err
	}
	if d.seq > 0 {
		if err := d.settleRows(ctx, q); err != nil {
			return false, err
		}
		settled = true
	}
	d.version, d.trusted = version, true
	return settled, nil
}

// settleRows settles all that the rows hold, and deletes them.
func (d *deferred) settleRows(ctx context.Context, q querier) error {
	rooms := map[string]*unsettled{}
	err := all(ctx, q, selectCommits, nil, func(rows *stdsql.Rows) error {
		var seq int64
		var data []byte
		if err := rows.Scan(&seq, &data); err != nil {
			return err
		}
		return readRow(data, func(c *store.Commit) {
			u := rooms[c.Room]
			if u == nil {
				u = &unsettled{}
				rooms[c.Room] = u
			}
			u.term = c.Term
			u.add(c)
		}, func(room string) { delete(rooms, room) })
	})
	if err != nil {
		return err
	}
	for room, u := range rooms {
		if err := d.write(ctx, q, room, u); err != nil {
			return err
		}
	}
	_, err = q.exec(ctx, deleteCommits, d.seq+1)
	return err
}

// take defers a commit, if it can be: the room's fence must let it through for certain.
func (d *deferred) take(c *store.Commit) bool {
	h := d.heads[c.Room]
	if h == nil || h.term != c.Term || h.epoch > c.Epoch || !h.wakeKnown || h.wake != c.Wake || commitSize(c) > d.most {
		return false
	}
	h.epoch = c.Epoch
	u := h.unsettled
	if u == nil {
		u = &unsettled{since: d.seq + 1, at: time.Now(), term: c.Term}
		h.unsettled = u
		d.order = append(d.order, waits{c.Room, h, u})
	}
	d.bytes += u.add(c)
	d.row = appendCommit(d.row, c)
	return true
}

func commitSize(c *store.Commit) int {
	size := len(c.Memory)
	if l := kept(c); l != nil {
		size += len(l.Data)
	}
	return size
}

// add does c, and returns by how many bytes u has grown.
func (u *unsettled) add(c *store.Commit) (grown int) {
	u.epoch, u.n, u.published, u.wake = c.Epoch, c.N, c.Published, c.Wake
	if c.Memory != nil {
		grown -= len(u.memory)
		u.memory = append(u.memory[:0], c.Memory...)
		if u.memory == nil {
			u.memory = []byte{}
		}
		grown += len(u.memory)
	}
	if l := kept(c); l != nil {
		run := store.Logged{First: l.First, Last: l.Last, Data: slices.Clone(l.Data)}
		u.runs = append(u.runs, epochRun{c.Epoch, run})
		grown += len(l.Data)
	}
	if forgets(c) {
		u.drops, u.dropEpoch, u.drop = true, c.Epoch, max(c.Forget, u.dropOf(c.Epoch))
		u.runs = slices.DeleteFunc(u.runs, func(r epochRun) bool {
			gone := r.epoch < u.dropEpoch || r.epoch == u.dropEpoch && r.Last <= u.drop
			if gone {
				grown -= len(r.Data)
			}
			return gone
		})
	}
	return grown
}

func (u *unsettled) dropOf(epoch uint64) uint64 {
	if !u.drops || u.dropEpoch != epoch {
		return 0
	}
	return u.drop
}

func (u *unsettled) size() int {
	size := len(u.memory)
	for i := range u.runs {
		size += len(u.runs[i].Data)
	}
	return size
}

// write does to records and log what u says. A fence that is not u's any more lets nothing through. That is nobody's who settles before
// it takes a room up, as all do.
func (d *deferred) write(ctx context.Context, q querier, room string, u *unsettled) error {
	n, err := q.exec(ctx, updateRecord, room, int64(u.term), int64(u.epoch), int64(u.n), int64(u.published), u.wake, blob(u.memory))
	if err != nil {
		return err
	}
	if n == 0 {
		d.log.Error("a room's last commits are lost: a program of an older version has taken it up", "room", room, "term", u.term, "n", u.n)
		return nil
	}
	if u.drops {
		if _, err := q.exec(ctx, deleteLog, room, int64(u.dropEpoch), int64(u.drop)); err != nil {
			return err
		}
	}
	for left := u.runs; len(left) > 0; {
		run := left[0].Logged
		together, size := [][]byte{run.Data}, len(run.Data)
		next := 1
		for ; d.join != nil && next < len(left) && left[next].epoch == left[0].epoch && left[next].First == run.Last+1 && size < joinedMost; next++ {
			run.Last = left[next].Last
			together = append(together, left[next].Data)
			size += len(left[next].Data)
		}
		if next > 1 {
			joined, err := d.join(together)
			if err != nil {
				d.log.Error("a room's kept outputs can't be joined", "room", room, "first", run.First, "last", run.Last, "error", err)
				joined, run.Last, next = run.Data, left[0].Last, 1
			}
			run.Data = joined
		}
		if run.Data == nil {
			run.Data = []byte{}
		}
		if _, err := q.exec(ctx, insertLog, room, int64(left[0].epoch), int64(run.Last), int64(run.First), run.Data); err != nil {
			return err
		}
		left = left[next:]
	}
	return nil
}

// settle settles a room in the transaction of q. back undoes it in memory, if it is undone there before anything else is done.
func (d *deferred) settle(ctx context.Context, q querier, room string) (back func(), err error) {
	h := d.heads[room]
	if h == nil || h.unsettled == nil {
		return func() {}, nil
	}
	u, row := h.unsettled, len(d.row)
	if err := d.write(ctx, q, room, u); err != nil {
		return nil, err
	}
	d.row = appendMark(d.row, room)
	d.bytes -= u.size()
	h.unsettled = nil
	d.past = append(d.past, u)
	return func() {
		d.row, d.past = d.row[:row], d.past[:len(d.past)-1]
		d.bytes += u.size()
		h.unsettled = u
	}, nil
}

// oldest drops from the front of the order what has been settled, and returns what is then the oldest.
func (d *deferred) oldest() *waits {
	for len(d.order) > 0 {
		if w := &d.order[0]; w.head.unsettled == w.what {
			return w
		}
		d.order = d.order[1:]
	}
	d.order = nil
	return nil
}

// wakes tells of those that are not settled whether they want to be woken.
func (d *deferred) wakes() map[string]bool {
	wakes := map[string]bool{}
	for _, w := range d.order {
		if u := w.what; w.head.unsettled == u {
			wakes[w.room] = u.wake || u.published < u.n
		}
	}
	return wakes
}

// settleOldest settles the rooms that wait since before a time, most of them at most, and those for whose bytes there is no room; then it
// deletes the rows that nobody needs. What fails here fails the transaction.
func (d *deferred) settleOldest(ctx context.Context, q querier, before time.Time, most int) error {
	for n := 0; ; n++ {
		w := d.oldest()
		if w == nil || (n >= most || w.what.at.After(before)) && d.bytes <= unsettledMost {
			break
		}
		if _, err := d.settle(ctx, q, w.room); err != nil {
			return err
		}
	}
	needed := d.seq + 1
	if w := d.oldest(); w != nil {
		needed = w.what.since
	} else {
		d.row = d.row[:1] // all of it is of the past
	}
	for len(d.rows) > 0 && d.rows[0].seq < needed {
		d.inRows -= d.rows[0].size
		d.rows = d.rows[1:]
	}
	_, err := q.exec(ctx, deleteCommits, needed)
	return err
}

// finish ends the transaction of q but for its COMMIT.
func (d *deferred) finish(ctx context.Context, q querier) error {
	switch {
	case d.inRows > rowsMost: // rooms that change the same again and again
		if err := d.settleOldest(ctx, q, time.Now(), math.MaxInt); err != nil {
			return err
		}
	case d.bytes > unsettledMost:
		if err := d.settleOldest(ctx, q, time.Time{}, 0); err != nil {
			return err
		}
	}
	if len(d.row) == 1 {
		return nil
	}
	d.seq++
	d.rows = append(d.rows, rowSize{d.seq, len(d.row)})
	d.inRows += len(d.row)
	_, err := q.exec(ctx, insertCommits, d.seq, d.row)
	return err
}

// committed says that the transaction is: what was settled in it need not be put back any more.
func (d *deferred) committed() {
	for i, u := range d.past {
		u.memory, u.runs = nil, nil // the order may hold on to it
		d.past[i] = nil
	}
	d.past = d.past[:0]
}

// took says that a room was taken up, and put that a commit has changed its record; both after their transaction.
func (d *deferred) took(r *store.Record, room string) {
	if r.Room.State == store.Closed {
		delete(d.heads, room)
		return
	}
	d.know(room, &head{term: r.Term, epoch: r.Epoch})
}

func (d *deferred) put(c *store.Commit, closed bool) {
	if closed || c.State == store.Closed && !c.IfEmpty || !c.Asleep.IsZero() {
		delete(d.heads, c.Room)
		return
	}
	d.know(c.Room, &head{term: c.Term, epoch: c.Epoch, wake: c.Wake, wakeKnown: true})
}

func (d *deferred) know(room string, h *head) {
	if len(d.heads) >= headsMost {
		for other, h := range d.heads {
			if h.unsettled == nil {
				delete(d.heads, other)
			}
		}
	}
	if old := d.heads[room]; old == nil || old.unsettled == nil {
		d.heads[room] = h
	}
}
