package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	insertJob = `INSERT INTO jobs (id, name, arg, account, room, state, due, tries, term, process, until, ended, told, failed)
		VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0, 0, '', 0, 0, TRUE, '') ON CONFLICT (id) DO NOTHING`
	countJobs  = `SELECT count(*) FROM (SELECT 1 FROM jobs WHERE name = $1 AND state = 'waiting' LIMIT $2) w`
	jobColumns = `id, name, arg, account, room, due, tries, term`
	doneJobs   = `SELECT ` + jobColumns + `, state, result, failed, ended FROM jobs`
	selectJob  = doneJobs + ` WHERE id = $1`
	untoldJobs = doneJobs + ` WHERE NOT told AND ended > 0 AND ended <= $1 AND (ended, id) > ($2, $3) ORDER BY ended, id LIMIT $4`
	jobTold    = `UPDATE jobs SET told = TRUE WHERE id = $1`
	endJob     = `UPDATE jobs SET state = $3, result = $4, failed = $5, ended = $6, until = $7, told = (room = ''), process = ''
		WHERE id = $1 AND term = $2 AND state = 'running'`
	keepJob     = `UPDATE jobs SET until = $3 WHERE id = $1 AND term = $2 AND state = 'running'`
	giveBackJob = `UPDATE jobs SET state = 'waiting', due = $3, tries = tries - $4, process = '' WHERE id = $1 AND term = $2 AND state = 'running'`
	jobCounts   = `SELECT name, sum(CASE state WHEN 'waiting' THEN 1 ELSE 0 END), sum(CASE state WHEN 'running' THEN 1 ELSE 0 END),
		COALESCE(min(CASE state WHEN 'waiting' THEN due END), 0) FROM jobs WHERE state IN ('waiting', 'running') GROUP BY name ORDER BY name`
	// In these %s keeps rows from others, and leaves out those that others have.
	takeJobs = `UPDATE jobs SET state = 'running', term = term + 1, tries = tries + 1, process = $4, until = $5 WHERE id IN
		(SELECT id FROM jobs WHERE name = $1 AND state = 'waiting' AND due <= $2 ORDER BY due, id LIMIT $3%s) RETURNING ` + jobColumns
	lapseJobs = `UPDATE jobs SET state = 'waiting', due = $1, process = '' WHERE id IN
		(SELECT id FROM jobs WHERE state = 'running' AND until <= $1%s)`
	giveBackJobs = `UPDATE jobs SET state = 'waiting', due = $2, process = '' WHERE id IN
		(SELECT id FROM jobs WHERE state = 'running' AND process = $1 ORDER BY id%s)`
	forgetJobs = `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE told AND ended > 0 AND until <= $1 ORDER BY until LIMIT $2%s)`
)

// checkJob says what is wrong with a job.
func checkJob(j *store.Job) error {
	switch {
	case len(j.ID) < 1 || len(j.ID) > store.MaxJobWord || !text(j.ID) || len(j.Name) < 1 || len(j.Name) > store.MaxJobWord || !text(j.Name):
		return fmt.Errorf("job %.40q of %.40q: want 1 to %d bytes of text", j.ID, j.Name, store.MaxJobWord)
	case len(j.Arg) > store.MaxJobBody || !json.Valid(j.Arg):
		return fmt.Errorf("job %q: argument of %d bytes: want JSON of at most %d", j.ID, len(j.Arg), store.MaxJobBody)
	case !text(j.User) || !text(j.Room):
		return fmt.Errorf("job %q: user and room are not text", j.ID)
	}
	return nil
}

func enqueue(ctx context.Context, q querier, jobs []store.Job) error {
	for i := range jobs {
		j := &jobs[i]
		if _, err := q.exec(ctx, insertJob, j.ID, j.Name, j.Arg, j.User, j.Room, j.Due.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// Enqueue implements [store.Jobs]. Of calls at the same time each counts without the others: the bound is about.
func (s *Store) Enqueue(ctx context.Context, most int, jobs ...store.Job) error {
	for i := range jobs {
		if err := checkJob(&jobs[i]); err != nil {
			return s.failed(ctx, "enqueue", err)
		}
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		add := map[string]int{}
		for _, j := range jobs {
			add[j.Name]++
		}
		for name, n := range add {
			if most <= 0 {
				break
			}
			var waiting int
			if err := one(ctx, q, countJobs, []any{name, min(most, math.MaxInt32) + 1}, &waiting); err != nil {
				return err
			}
			if waiting+n > most {
				return fmt.Errorf("%d jobs of %s wait: %w", waiting, name, store.ErrFull)
			}
		}
		return enqueue(ctx, q, jobs)
	})
	return s.failed(ctx, "enqueue", err)
}

// TakeJobs implements [store.Jobs].
func (s *Store) TakeJobs(ctx context.Context, process string, names []string, now, until time.Time, limit int) ([]store.Job, error) {
	var taken []store.Job
	lapse, take := fmt.Sprintf(lapseJobs, s.db.lockRow(true)), fmt.Sprintf(takeJobs, s.db.lockRow(true))
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		taken = nil
		if _, err := q.exec(ctx, lapse, now.UnixMicro()); err != nil {
			return err
		}
		for _, name := range names {
			if len(taken) >= limit {
				break
			}
			args := []any{name, now.UnixMicro(), limit - len(taken), process, until.UnixMicro()}
			err := all(ctx, q, take, args, func(rows *stdsql.Rows) error {
				var d store.JobStatus
				err := scanJob(rows, &d)
				taken = append(taken, d.Job)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.failed(ctx, "take jobs", err)
	}
	return taken, nil
}

// scanJob reads jobColumns, and more.
func scanJob(rows *stdsql.Rows, d *store.JobStatus, more ...any) error {
	var due int64
	err := rows.Scan(append([]any{&d.ID, &d.Name, &d.Arg, &d.User, &d.Room, &due, &d.Tries, &d.Term}, more...)...)
	d.Due = fromMicros(due)
	return err
}

// scanStatus reads what doneJobs selects.
func scanStatus(rows *stdsql.Rows) (d store.JobStatus, err error) {
	var ended int64
	err = scanJob(rows, &d, &d.State, &d.Result, &d.Failed, &ended)
	if ended != 0 {
		d.Ended = fromMicros(ended)
	}
	return d, err
}

// KeepJobs implements [store.Jobs].
func (s *Store) KeepJobs(ctx context.Context, until time.Time, jobs ...store.Job) ([]store.Job, error) {
	jobs = slices.SortedFunc(slices.Values(jobs), func(a, b store.Job) int { return cmp.Compare(a.ID, b.ID) })
	var kept []store.Job
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		kept = nil
		for _, j := range jobs {
			n, err := q.exec(ctx, keepJob, j.ID, int64(j.Term), until.UnixMicro())
			if err != nil {
				return err
			}
			if n > 0 {
				kept = append(kept, j)
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.failed(ctx, "keep jobs", err)
	}
	return kept, nil
}

// EndJob implements [store.Jobs].
func (s *Store) EndJob(ctx context.Context, end store.JobStatus, until time.Time, letter *store.DeadLetter) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if end.State != store.JobDone && end.State != store.JobFailed {
			return fmt.Errorf("job %q can't end as %q", end.ID, end.State)
		}
		if len(end.Result) > store.MaxJobBody || end.Result != nil && !json.Valid(end.Result) {
			return fmt.Errorf("job %q: result of %d bytes: want JSON of at most %d", end.ID, len(end.Result), store.MaxJobBody)
		}
		n, err := q.exec(ctx, endJob, end.ID, int64(end.Term), string(end.State), blob(end.Result), cut(end.Failed, store.MaxJobError),
			time.Now().UnixMicro(), until.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrStaleTerm
		}
		if letter == nil {
			return nil
		}
		return insertLetter(ctx, q, letter)
	})
	return s.failed(ctx, "end job", err)
}

// GiveBackJob implements [store.Jobs].
func (s *Store) GiveBackJob(ctx context.Context, id string, term uint64, due time.Time, uncounted bool) error {
	less := 0
	if uncounted {
		less = 1
	}
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, giveBackJob, id, int64(term), due.UnixMicro(), less)
		if err == nil && n == 0 {
			return store.ErrStaleTerm
		}
		return err
	})
	return s.failed(ctx, "give job back", err)
}

// GiveBackJobs implements [store.Jobs].
func (s *Store) GiveBackJobs(ctx context.Context, process string, now time.Time) (int, error) {
	return s.countJobs(ctx, "give jobs back", fmt.Sprintf(giveBackJobs, s.db.lockRow(false)), process, now.UnixMicro())
}

// UntoldJobs implements [store.Jobs].
func (s *Store) UntoldJobs(ctx context.Context, after store.JobStatus, before time.Time, limit int) ([]store.JobStatus, error) {
	var untold []store.JobStatus
	var ended int64
	if !after.Ended.IsZero() {
		ended = after.Ended.UnixMicro()
	}
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		untold = nil
		return all(ctx, q, untoldJobs, []any{before.UnixMicro(), ended, after.ID, max(limit, 0)}, func(rows *stdsql.Rows) error {
			d, err := scanStatus(rows)
			untold = append(untold, d)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list untold jobs", err)
	}
	return untold, nil
}

// JobTold implements [store.Jobs].
func (s *Store) JobTold(ctx context.Context, id string) error {
	_, err := s.countJobs(ctx, "note that a job's room is told", jobTold, id)
	return err
}

// Job implements [store.Jobs].
func (s *Store) Job(ctx context.Context, id string) (store.JobStatus, error) {
	var d store.JobStatus
	err := stdsql.ErrNoRows
	if text(id) {
		err = s.db.read(ctx, func(ctx context.Context, q querier) error {
			found := false
			err := all(ctx, q, selectJob, []any{id}, func(rows *stdsql.Rows) (err error) {
				found = true
				d, err = scanStatus(rows)
				return err
			})
			if err == nil && !found {
				return stdsql.ErrNoRows
			}
			return err
		})
	}
	if errors.Is(err, stdsql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return d, s.failed(ctx, "look at job", err)
}

// JobCounts implements [store.Jobs].
func (s *Store) JobCounts(ctx context.Context) ([]store.JobCount, error) {
	var counts []store.JobCount
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		counts = nil
		return all(ctx, q, jobCounts, nil, func(rows *stdsql.Rows) error {
			var c store.JobCount
			var oldest int64
			err := rows.Scan(&c.Name, &c.Waiting, &c.Running, &oldest)
			if oldest != 0 {
				c.Oldest = fromMicros(oldest)
			}
			counts = append(counts, c)
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "count jobs", err)
	}
	return counts, nil
}

// ForgetJobs implements [store.Jobs].
func (s *Store) ForgetJobs(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.countJobs(ctx, "forget jobs", fmt.Sprintf(forgetJobs, s.db.lockRow(true)), now.UnixMicro(), max(limit, 0))
}

// countJobs runs one statement and returns how many jobs it was about.
func (s *Store) countJobs(ctx context.Context, what, query string, args ...any) (int, error) {
	var n int64
	err := s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		n, err = q.exec(ctx, query, args...)
		return err
	})
	return int(n), s.failed(ctx, what, err)
}
