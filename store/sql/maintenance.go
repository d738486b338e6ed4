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
	selectMaintenance = `SELECT n, active, words, begins, closes, end_rooms, ends FROM maintenance WHERE one = 1`
	updateMaintenance = `UPDATE maintenance SET n = n + 1, active = $2, words = $3, begins = $4, closes = $5, end_rooms = $6, ends = $7
		WHERE one = 1 AND n = $1`
	selectExempt = `SELECT account FROM maintenance_exempt ORDER BY account`
	insertExempt = `INSERT INTO maintenance_exempt (account) VALUES ($1)`
	dropExempt   = `DELETE FROM maintenance_exempt`
)

func (s *Store) maintenance(ctx context.Context, q querier) (m store.Maintenance, err error) {
	var begins, closes, ends int64
	if err := one(ctx, q, selectMaintenance, nil, &m.N, &m.Active, &m.Text, &begins, &closes, &m.EndRooms, &ends); err != nil {
		return m, err
	}
	m.Begins, m.Closes, m.Ends = timeOrZero(begins), timeOrZero(closes), timeOrZero(ends)
	err = all(ctx, q, selectExempt, nil, func(rows *stdsql.Rows) error {
		var account string
		err := rows.Scan(&account)
		m.Exempt = append(m.Exempt, account)
		return err
	})
	return m, err
}

// timeOrZero reads 0 as the zero time.
func timeOrZero(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return fromMicros(us)
}

func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Maintenance implements [store.Maintenances].
func (s *Store) Maintenance(ctx context.Context) (m store.Maintenance, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		m, err = s.maintenance(ctx, q)
		return err
	})
	return m, s.failed(ctx, "read maintenance", err)
}

// SetMaintenance implements [store.Maintenances].
func (s *Store) SetMaintenance(ctx context.Context, m store.Maintenance) (_ store.Maintenance, err error) {
	if len(m.Exempt) > store.MaxExempt {
		return m, fmt.Errorf("set maintenance: %d accounts are exempt; at most %d may be", len(m.Exempt), store.MaxExempt)
	}
	exempt := slices.Compact(slices.Sorted(slices.Values(m.Exempt)))
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		var living []string // locked, as who deletes an account locks it first
		for _, account := range exempt {
			switch err := s.lockAccount(ctx, q, account); {
			case errors.Is(err, stdsql.ErrNoRows):
			case err != nil:
				return err
			default:
				living = append(living, account)
			}
		}
		n, err := q.exec(ctx, updateMaintenance, int64(m.N), m.Active, m.Text, microsOrZero(m.Begins), microsOrZero(m.Closes), m.EndRooms, microsOrZero(m.Ends))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrChanged
		}
		if _, err := q.exec(ctx, dropExempt); err != nil {
			return err
		}
		for _, account := range living {
			if _, err := q.exec(ctx, insertExempt, account); err != nil {
				return err
			}
		}
		m, err = s.maintenance(ctx, q)
		return err
	})
	return m, s.failed(ctx, "set maintenance", err)
}
