package sql

import (
	"context"
	stdsql "database/sql"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	selectRoomCode  = `SELECT id FROM rooms WHERE code = $1`
	updateRoomCode  = `UPDATE rooms SET code = $2 WHERE id = $1 AND private`
	selectRoomOwner = `SELECT s.account FROM seats s JOIN rooms r ON r.id = s.room WHERE s.room = $1 AND s.state <> 'leaving' AND NOT s.watch AND r.owned
		ORDER BY s.owns DESC, s.taken, s.account LIMIT 1`
	passRoom = `UPDATE seats SET owns = (SELECT max(owns) + 1 FROM seats WHERE room = $1)
		WHERE room = $1 AND account = $2 AND state <> 'leaving' AND NOT watch`
	selectPlayer = `SELECT account FROM seats WHERE room = $1 AND account = $2 AND state <> 'leaving' AND NOT watch`
	selectPerson = `SELECT name FROM accounts WHERE id = $1 AND deleted_at IS NULL`

	insertBan  = `INSERT INTO room_bans (room, account, at) VALUES ($1, $2, $3) ON CONFLICT (room, account) DO NOTHING`
	countBans  = `SELECT count(*) FROM room_bans WHERE room = $1`
	selectBan  = `SELECT count(*) FROM room_bans WHERE room = $1 AND account = $2`
	selectBans = `SELECT b.account, a.name, b.at FROM room_bans b JOIN accounts a ON a.id = b.account WHERE b.room = $1 ORDER BY b.at, b.account`
	deleteBan  = `DELETE FROM room_bans WHERE room = $1 AND account = $2`
	dropBans   = `DELETE FROM room_bans WHERE room = $1`

	insertRoomInvite = `INSERT INTO room_invites (room, account, inviter, until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (room, account) DO UPDATE SET inviter = excluded.inviter, until = excluded.until`
	staleRoomInvites = `DELETE FROM room_invites WHERE room = $1 AND until <= $2`
	countRoomInvites = `SELECT count(*) FROM room_invites WHERE room = $1 AND account <> $2`
	selectRoomInvite = `SELECT count(*) FROM room_invites WHERE room = $1 AND account = $2 AND until > $3`
	deleteRoomInvite = `DELETE FROM room_invites WHERE room = $1 AND account = $2`
	dropRoomInvites  = `DELETE FROM room_invites WHERE room = $1`

	dropCode   = `UPDATE rooms SET code = NULL WHERE id = $1 AND code IS NOT NULL`
	dropLabels = `DELETE FROM room_labels WHERE room = $1`
)

// TakeSeatByCode implements [store.Doors].
func (s *Store) TakeSeatByCode(ctx context.Context, code, user string, now time.Time) (seat store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		var room string
		if err := one(ctx, q, selectRoomCode+s.db.lockRow(false), []any{code}, &room); err != nil {
			return err
		}
		seat, err = s.takeSeat(ctx, q, room, user, now, entry{byCode: true})
		return err
	})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "take seat by code", err)
	}
	return seat, nil
}

// TakeSpectatorSeat implements [store.Doors].
func (s *Store) TakeSpectatorSeat(ctx context.Context, room, user string, now time.Time) (seat store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		seat, err = s.takeSeat(ctx, q, room, user, now, entry{watch: true})
		return err
	})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "take a spectator's seat", err)
	}
	return seat, nil
}

// MoveSeat implements [store.Doors].
func (s *Store) MoveSeat(ctx context.Context, from, to, user string, now time.Time) (taken, left store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		left = store.Seat{}
		// Two moves between the same rooms would lock each other out: both rooms are locked, in the order of their ids.
		for _, room := range []string{min(from, to), max(from, to)} {
			if _, err := s.door(ctx, q, room); err != nil {
				return err
			}
		}
		sits, err := exists(ctx, q, selectSits, from, user)
		if err != nil {
			return err
		}
		if from == to || !sits {
			there, err := exists(ctx, q, selectPlayer, to, user)
			if err != nil {
				return err
			}
			if !there {
				return store.ErrNotSeated
			}
		}
		if taken, err = s.takeSeat(ctx, q, to, user, now, entry{}); err != nil || from == to || !sits {
			return err
		}
		if _, err = q.exec(ctx, giveUpSeat, from, user, now.UnixMicro(), ""); err != nil {
			return err
		}
		left, err = seatIn(ctx, q, from, user)
		return err
	})
	if err != nil {
		return store.Seat{}, store.Seat{}, s.failed(ctx, "move seat", err)
	}
	return taken, left, nil
}

// seatIn is a user's seat in a room, a leaving one too; the zero one if there is none.
func seatIn(ctx context.Context, q querier, room, user string) (seat store.Seat, err error) {
	err = all(ctx, q, selectAnyState, []any{room, user}, func(rows *stdsql.Rows) (err error) {
		seat, err = scanSeat(rows)
		return err
	})
	return seat, err
}

const selectAnyState = `SELECT ` + seatColumns + ` WHERE s.room = $1 AND s.account = $2`

const selectSits = `SELECT account FROM seats WHERE room = $1 AND account = $2 AND state <> 'leaving'`

// door locks a room and says how it stands; stdsql.ErrNoRows.
func (s *Store) door(ctx context.Context, q querier, room string) (state store.RoomState, err error) {
	var capacity int
	err = one(ctx, q, selectDoor+s.db.lockRow(false), []any{room}, &state, &capacity)
	return state, err
}

// open is door for a room that must not be closed.
func (s *Store) open(ctx context.Context, q querier, room string) error {
	state, err := s.door(ctx, q, room)
	if err == nil && state == store.Closed {
		err = store.ErrRoomClosed
	}
	return err
}

// owned is open for the owner of the room. Who sits there can't come to own it or cease to meanwhile, but by leaving.
func (s *Store) owned(ctx context.Context, q querier, room, owner string) error {
	if err := s.open(ctx, q, room); err != nil {
		return err
	}
	same, err := exists(ctx, q, `SELECT account FROM (`+selectRoomOwner+`) o WHERE o.account = $2`, room, owner)
	if err == nil && !same {
		err = store.ErrNotOwner
	}
	return err
}

// exists reports whether a query, which gives a text, has a row.
func exists(ctx context.Context, q querier, query string, args ...any) (found bool, err error) {
	err = all(ctx, q, query, args, func(*stdsql.Rows) error {
		found = true
		return nil
	})
	return found, err
}

// Invite implements [store.Doors].
func (s *Store) Invite(ctx context.Context, i store.Invitation, now time.Time) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.open(ctx, q, i.Room); err != nil {
			return err
		}
		sits, err := exists(ctx, q, selectPlayer, i.Room, i.By)
		if err != nil {
			return err
		}
		if !sits {
			return store.ErrNotSeated
		}
		if err := person(ctx, q, i.User); err != nil {
			return err
		}
		var banned, others int
		if err := one(ctx, q, selectBan, []any{i.Room, i.User}, &banned); err != nil {
			return err
		}
		if banned > 0 {
			return store.ErrBanned
		}
		if _, err := q.exec(ctx, staleRoomInvites, i.Room, now.UnixMicro()); err != nil {
			return err
		}
		if err := one(ctx, q, countRoomInvites, []any{i.Room, i.User}, &others); err != nil {
			return err
		}
		if others >= store.MaxInvitations {
			return store.ErrFull
		}
		if _, err = q.exec(ctx, insertRoomInvite, i.Room, i.User, i.By, i.Until.UnixMicro()); foreignKey(err) {
			return store.ErrNotFound // deleted a moment ago
		}
		return err
	})
	return s.failed(ctx, "invite", err)
}

// person: stdsql.ErrNoRows if there is no such account.
func person(ctx context.Context, q querier, user string) error {
	var name string
	return one(ctx, q, selectPerson, []any{user}, &name)
}

// Invited implements [store.Doors].
func (s *Store) Invited(ctx context.Context, room, user string, now time.Time) (bool, error) {
	n := 0
	err := s.db.read(ctx, func(ctx context.Context, q querier) error {
		return one(ctx, q, selectRoomInvite, []any{room, user, now.UnixMicro()}, &n)
	})
	return n > 0, s.failed(ctx, "find invitation", err)
}

// Kick implements [store.Doors].
func (s *Store) Kick(ctx context.Context, room, owner, user string, ban bool, now time.Time) (seat store.Seat, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		seat = store.Seat{}
		if err := s.owned(ctx, q, room, owner); err != nil {
			return err
		}
		reason := store.ReasonKicked
		if ban {
			reason = store.ReasonBanned
			if err := s.ban(ctx, q, room, user, now); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, deleteRoomInvite, room, user); err != nil {
			return err
		}
		n, err := q.exec(ctx, giveUpSeat, room, user, now.UnixMicro(), reason)
		if err != nil {
			return err
		}
		if n == 0 && !ban {
			return store.ErrNotSeated
		}
		seat, err = seatIn(ctx, q, room, user)
		return err
	})
	if err != nil {
		return store.Seat{}, s.failed(ctx, "kick", err)
	}
	return seat, nil
}

func (s *Store) ban(ctx context.Context, q querier, room, user string, now time.Time) error {
	if err := person(ctx, q, user); err != nil {
		return err
	}
	if _, err := q.exec(ctx, insertBan, room, user, now.UnixMicro()); foreignKey(err) {
		return store.ErrNotFound // deleted a moment ago
	} else if err != nil {
		return err
	}
	n := 0
	if err := one(ctx, q, countBans, []any{room}, &n); err != nil {
		return err
	}
	if n > store.MaxBans {
		return store.ErrFull
	}
	return nil
}

// Unban implements [store.Doors].
func (s *Store) Unban(ctx context.Context, room, owner, user string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.owned(ctx, q, room, owner); err != nil {
			return err
		}
		_, err := q.exec(ctx, deleteBan, room, user)
		return err
	})
	return s.failed(ctx, "unban", err)
}

// Bans implements [store.Doors].
func (s *Store) Bans(ctx context.Context, id, owner string) (bans []store.Ban, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		bans = nil
		r, err := room(ctx, q, id)
		if err != nil {
			return err
		}
		if r.State == store.Closed {
			return store.ErrRoomClosed
		}
		if r.Owner != owner || owner == "" {
			return store.ErrNotOwner
		}
		return all(ctx, q, selectBans, []any{id}, func(rows *stdsql.Rows) error {
			var b store.Ban
			var at int64
			err := rows.Scan(&b.User, &b.Name, &at)
			b.At = fromMicros(at)
			bans = append(bans, b)
			return err
		})
	})
	return bans, s.failed(ctx, "list bans", err)
}

// PassRoom implements [store.Doors].
func (s *Store) PassRoom(ctx context.Context, room, owner, user string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.owned(ctx, q, room, owner); err != nil {
			return err
		}
		n, err := q.exec(ctx, passRoom, room, user)
		if err == nil && n == 0 {
			err = store.ErrNotSeated
		}
		return err
	})
	return s.failed(ctx, "pass room", err)
}

// RenewCode implements [store.Doors].
func (s *Store) RenewCode(ctx context.Context, room, owner, code string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.owned(ctx, q, room, owner); err != nil {
			return err
		}
		n, err := q.exec(ctx, updateRoomCode, room, code)
		switch {
		case duplicate(err):
			return store.ErrCodeTaken
		case err == nil && n == 0:
			return store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "renew code", err)
}
