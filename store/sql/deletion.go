package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"time"

	"github.com/madang-games/madang/store"
)

// forgetting is what takes all of an account away but the account itself and its seats: $1 is its id. Each table that
// names accounts has its line here; a test looks for leftovers in all tables.
var forgetting = []string{
	`DELETE FROM identities WHERE account = $1`,
	`DELETE FROM sessions WHERE account = $1`,
	// Of a room that nobody else is to hear the end of, what is kept of its outputs would be left for ever.
	`DELETE FROM log WHERE room IN (SELECT room FROM farewells WHERE account = $1)
		AND NOT EXISTS (SELECT 1 FROM farewells f WHERE f.room = log.room AND f.account <> $1)`,
	`DELETE FROM farewells WHERE account = $1`,
	`DELETE FROM dead WHERE account = $1 AND account <> '' AND NOT waiting`, // see emptyLetters; said so that the index may be used
	// In the ledger the house takes its place, so that all postings still sum to zero; what is then between the house and itself
	// goes. Names of postings that hold its id are replaced: it will not ask for them again.
	`INSERT INTO entries (account, posting, item, amount, asked, balance)
		SELECT '', posting, item, amount, asked, 0 FROM entries WHERE account = $1
		ON CONFLICT (account, posting, item) DO UPDATE SET amount = entries.amount + excluded.amount, asked = entries.asked + excluded.asked`,
	`DELETE FROM entries WHERE account = '' AND amount = 0 AND posting IN (SELECT posting FROM entries WHERE account = $1)`,
	`DELETE FROM postings WHERE id IN (SELECT posting FROM entries WHERE account = $1)
		AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.posting = postings.id AND e.account <> $1)`,
	`UPDATE postings SET reference = 'deleted/' || id WHERE id IN (SELECT posting FROM entries WHERE account = $1)
		AND reference LIKE '%' || $1 || '%'`,
	`DELETE FROM entries WHERE account = $1`,
	`DELETE FROM balances WHERE account = $1`,
	`INSERT INTO rank_changes (board, key, since, score, n) SELECT board, key, since, id, -1 FROM scores WHERE account = $1`,
	`DELETE FROM scores WHERE account = $1`,
	`DELETE FROM ratings WHERE account = $1`,
	`DELETE FROM note_counts WHERE account = $1`, // first, as whoever notifies holds it
	`DELETE FROM notes WHERE account = $1`,
	`DELETE FROM relations WHERE account = $1 OR other = $1`,
	`DELETE FROM contacts WHERE account = $1`,
	`DELETE FROM presences WHERE account = $1`,
	`DELETE FROM talks WHERE other = $1 AND account IN (SELECT other FROM talks WHERE account = $1)`, // first, as whoever writes holds them
	`DELETE FROM talks WHERE account = $1`,
	`DELETE FROM messages WHERE account = $1 OR other = $1`,
	// Its open ticket has been cancelled before, see cancelByDeletion. A party without members can't be joined, and is dropped later.
	`UPDATE ticket_players SET open = FALSE WHERE open AND ticket IN (SELECT ticket FROM ticket_players WHERE account = $1)`,
	`DELETE FROM ticket_players WHERE account = $1`,
	`DELETE FROM party_invites WHERE account = $1`,
	`DELETE FROM party_invites WHERE inviter = $1`,
	`DELETE FROM party_members WHERE account = $1`,
	`DELETE FROM room_bans WHERE account = $1`,
	`DELETE FROM room_invites WHERE account = $1`,
	`DELETE FROM room_invites WHERE inviter = $1`,
	`DELETE FROM jobs WHERE account = $1 AND account <> ''`, // said so that the index may be used
	`DELETE FROM maintenance_exempt WHERE account = $1`,
	`DELETE FROM account_bans WHERE account = $1`,
}

const (
	emptyLetters = `UPDATE dead SET account = '', letter = $2, stack = $2, body = $2 WHERE account = $1 AND account <> ''`
	// The folded name must be unique, so the id stands in for it.
	eraseAccount = `UPDATE accounts SET name = '', folded = id, look = NULL, about = '', picture = 0, guest = TRUE, exp = 0, gold = 0,
		win = 0, lose = 0, draw = 0, deleted_at = $2 WHERE id = $1`
	// What was done to the account stays, without words that may be about the player.
	bareAudit  = `UPDATE audit SET params = $2, reason = '' WHERE account = $1 AND account <> ''`
	leaveSeats = `UPDATE seats SET state = 'leaving', since = CASE state WHEN 'leaving' THEN since ELSE $2 END, again = FALSE
		WHERE account = $1`
	lockDeleted   = `SELECT id FROM accounts WHERE id = $1 AND deleted_at IS NOT NULL`
	selectLeaving = `SELECT s.room, s.since FROM seats s WHERE s.account = $1 ORDER BY s.since, s.room`
	dropAccount   = `DELETE FROM accounts WHERE id = $1 AND deleted_at IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM seats WHERE account = $1)`
	// Those whose rooms have not let them go yet are left out, unless they have got a seat after they were deleted.
	selectDeleted = `SELECT a.id FROM accounts a WHERE a.deleted_at IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM seats s WHERE s.account = a.id AND s.state = 'leaving')
		ORDER BY a.deleted_at LIMIT $1`
)

// DeleteAccount implements [store.Deletions].
func (s *Store) DeleteAccount(ctx context.Context, user string, now time.Time) (left []store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockAccount(ctx, q, user); err != nil {
			return err
		}
		if _, err := q.exec(ctx, eraseAccount, user, now.UnixMicro()); err != nil {
			return err
		}
		if _, err := q.exec(ctx, bareAudit, user, []byte("{}")); err != nil {
			return err
		}
		if _, err := forget(ctx, q, user, now); err != nil {
			return err
		}
		left = nil
		return all(ctx, q, selectLeaving, []any{user}, func(rows *stdsql.Rows) error {
			seat := store.Seat{User: user, State: store.Leaving}
			var since int64
			err := rows.Scan(&seat.Room, &since)
			seat.Since = fromMicros(since)
			left = append(left, seat)
			return err
		})
	})
	return left, s.failed(ctx, "delete account", err)
}

// forget takes away all of an account that is deleted, and the account if it has no seats.
func forget(ctx context.Context, q querier, user string, now time.Time) (gone bool, err error) {
	for _, statement := range []string{cancelByDeletion, leaveSeats} { // who pairs locks tickets before seats
		if _, err := q.exec(ctx, statement, user, now.UnixMicro()); err != nil {
			return false, err
		}
	}
	for _, statement := range forgetting {
		if _, err := q.exec(ctx, statement, user); err != nil {
			return false, err
		}
	}
	// A letter whose message may still come stays, empty, until that has been skipped.
	if _, err := q.exec(ctx, emptyLetters, user, []byte{}); err != nil {
		return false, err
	}
	n, err := q.exec(ctx, dropAccount, user)
	return n > 0, err
}

// lockDeleted is lockAccount for an account that was deleted.
func (s *Store) lockDeleted(ctx context.Context, q querier, user string) error {
	var id string
	return one(ctx, q, lockDeleted+s.db.lockRow(false), []any{user}, &id)
}

// FinishDeletions implements [store.Deletions].
func (s *Store) FinishDeletions(ctx context.Context, now time.Time, limit int) (gone int, err error) {
	var users []string
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		users = nil
		return all(ctx, q, selectDeleted, []any{max(limit, 0)}, func(rows *stdsql.Rows) error {
			var user string
			err := rows.Scan(&user)
			users = append(users, user)
			return err
		})
	})
	for _, user := range users {
		if err != nil {
			break
		}
		var dropped bool
		err = s.db.write(ctx, func(ctx context.Context, q querier) (err error) {
			if err := s.lockDeleted(ctx, q, user); err != nil {
				return err
			}
			dropped, err = forget(ctx, q, user, now)
			return err
		})
		switch {
		case err == nil && dropped:
			gone++
		case errors.Is(err, stdsql.ErrNoRows): // another process was faster
			err = nil
		case foreignKey(err): // it has got something just now: the next round takes that away
			err = nil
		}
	}
	return gone, s.failed(ctx, "finish deletions", err)
}
