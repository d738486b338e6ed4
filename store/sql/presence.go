package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/madang-games/madang/store"
)

const (
	insertPresences = `INSERT INTO presences (account, gateway, room, since) VALUES %s
		ON CONFLICT (account, gateway) DO UPDATE SET room = excluded.room, since = excluded.since`
	countPresences = `SELECT gateway, count(*) FROM presences GROUP BY gateway`
	// %s keeps rows from others.
	dropPresences = `DELETE FROM presences WHERE (account, gateway) IN
		(SELECT account, gateway FROM presences WHERE gateway = $1 ORDER BY account LIMIT $2%s) RETURNING account`
)

// presencesAtOnce is how many rows one statement writes at most.
const presencesAtOnce = 16

var (
	presenceTexts = func() (texts [presencesAtOnce]string) {
		var rows []string
		for i := range texts {
			rows = append(rows, "("+params(4*i+1, 4)+")")
			texts[i] = fmt.Sprintf(insertPresences, strings.Join(rows, ", "))
		}
		return texts
	}()
	deletePresences = fmt.Sprintf(`DELETE FROM presences WHERE account IN (%s) AND gateway = $%d`, params(1, manyUsers), manyUsers+1)
	selectElsewhere = fmt.Sprintf(`SELECT account, room FROM presences WHERE account IN (%s) AND gateway <> $%d ORDER BY account, since`, params(1, manyUsers), manyUsers+1)
	selectWatchers  = fmt.Sprintf(`SELECT DISTINCT r.account, p.account FROM relations r JOIN presences p ON p.account = r.other
		WHERE r.account IN (%s) AND r.state = 'friends' AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.account = r.account AND c.hidden)
		ORDER BY r.account, p.account`, params(1, manyUsers))
	selectPresences = fmt.Sprintf(`SELECT p.account, p.gateway, p.room, COALESCE(r.game, ''), p.since FROM presences p LEFT JOIN rooms r ON r.id = p.room
		WHERE p.account IN (%s) AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.account = p.account AND c.hidden)
		ORDER BY p.account, p.since DESC, p.gateway`, params(1, manyUsers))
)

// KeepPresences implements [store.Presences].
func (s *Store) KeepPresences(ctx context.Context, gateway string, here []store.Presence, gone []string) (elsewhere map[string]string, left []string, err error) {
	here = slices.SortedFunc(slices.Values(here), func(a, b store.Presence) int { return cmp.Compare(a.User, b.User) })
	here = slices.CompactFunc(here, func(a, b store.Presence) bool { return a.User == b.User })
	users := make([]string, len(here))
	for i, p := range here {
		users[i] = p.User
	}
	gone = slices.Sorted(slices.Values(gone))
	err = s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		for some := range slices.Chunk(here, presencesAtOnce) {
			var args []any
			for _, p := range some {
				args = append(args, p.User, gateway, p.Room, p.Since.UnixMicro())
			}
			if _, err := q.exec(ctx, presenceTexts[len(some)-1], args...); err != nil {
				return err
			}
		}
		err = eachUsers(gone, func(args []any) error {
			_, err := q.exec(ctx, deletePresences, append(args, gateway)...)
			return err
		})
		if err != nil {
			return err
		}
		if elsewhere, err = usersElsewhere(ctx, q, users, gateway); err != nil {
			return err
		}
		left, err = usersLeft(ctx, q, gone, gateway)
		return err
	})
	if err != nil {
		return nil, nil, s.failed(ctx, "keep presences", err)
	}
	return elsewhere, left, nil
}

// usersElsewhere is which of these users are connected to another gateway, with the room of the newest connection.
func usersElsewhere(ctx context.Context, q querier, users []string, gateway string) (map[string]string, error) {
	found := map[string]string{}
	err := eachUsers(users, func(args []any) error {
		return all(ctx, q, selectElsewhere, append(args, gateway), func(rows *stdsql.Rows) error {
			var user, room string
			err := rows.Scan(&user, &room)
			found[user] = room
			return err
		})
	})
	return found, err
}

// usersLeft is which of these users are not.
func usersLeft(ctx context.Context, q querier, users []string, gateway string) ([]string, error) {
	elsewhere, err := usersElsewhere(ctx, q, users, gateway)
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool {
		_, there := elsewhere[user]
		return there
	}), err
}

// Presences implements [store.Presences].
func (s *Store) Presences(ctx context.Context, users []string) (found []store.Presence, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		found = nil
		return eachUsers(users, func(args []any) error {
			return all(ctx, q, selectPresences, args, func(rows *stdsql.Rows) error {
				var p store.Presence
				var since int64
				err := rows.Scan(&p.User, &p.Gateway, &p.Room, &p.Game, &since)
				p.Since = fromMicros(since)
				found = append(found, p)
				return err
			})
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list presences", err)
	}
	return found, nil
}

// Watchers implements [store.Presences].
func (s *Store) Watchers(ctx context.Context, users []string, limit int) (watchers map[string][]string, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		watchers = map[string][]string{}
		return eachUsers(users, func(args []any) error {
			return all(ctx, q, selectWatchers, args, func(rows *stdsql.Rows) error {
				var user, watcher string
				err := rows.Scan(&user, &watcher)
				if err == nil && len(watchers[user]) < limit {
					watchers[user] = append(watchers[user], watcher)
				}
				return err
			})
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "list watchers", err)
	}
	return watchers, nil
}

// Gateways implements [store.Presences].
func (s *Store) Gateways(ctx context.Context) (map[string]int, error) {
	gateways := map[string]int{}
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, countPresences, nil, func(rows *stdsql.Rows) error {
			var gateway string
			var n int
			err := rows.Scan(&gateway, &n)
			gateways[gateway] = n
			return err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "count presences", err)
	}
	return gateways, nil
}

// DropPresences implements [store.Presences].
func (s *Store) DropPresences(ctx context.Context, gateway string, limit int) (users, left []string, err error) {
	query := fmt.Sprintf(dropPresences, s.db.lockRow(true))
	err = s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
		users = nil
		err = all(ctx, q, query, []any{gateway, max(limit, 0)}, func(rows *stdsql.Rows) error {
			var user string
			err := rows.Scan(&user)
			users = append(users, user)
			return err
		})
		if err != nil {
			return err
		}
		left, err = usersLeft(ctx, q, users, gateway)
		return err
	})
	if err != nil {
		return nil, nil, s.failed(ctx, "drop presences", err)
	}
	return users, left, nil
}
