package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	insertParty  = `INSERT INTO parties (id, code, size, changed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (code) DO NOTHING`
	insertMember = `INSERT INTO party_members (account, party, place, since)
		SELECT id, $2, (SELECT COALESCE(max(place), 0) + 1 FROM party_members WHERE party = $2), $3
		FROM accounts WHERE id = $1 AND deleted_at IS NULL
		ON CONFLICT (account) DO NOTHING`
	selectParty   = `SELECT id, code, size FROM parties WHERE id = $1`
	selectCode    = `SELECT id FROM parties WHERE code = $1`
	selectPartyOf = `SELECT party FROM party_members WHERE account = $1`
	selectMembers = `SELECT m.account, a.name, m.since FROM party_members m JOIN accounts a ON a.id = m.account
		WHERE m.party = $1 ORDER BY m.place`
	touchParty   = `UPDATE parties SET changed_at = $2 WHERE id = $1`
	deleteMember = `DELETE FROM party_members WHERE party = $1 AND account = $2`

	upsertInvite = `INSERT INTO party_invites (party, account, inviter, at)
		SELECT $1, id, $3, $4 FROM accounts WHERE id = $2 AND deleted_at IS NULL
		ON CONFLICT (party, account) DO UPDATE SET inviter = excluded.inviter, at = excluded.at`
	countInvites  = `SELECT count(*), count(CASE WHEN account = $2 THEN 1 END) FROM party_invites WHERE party = $1`
	selectInvites = `SELECT i.party, i.inviter, a.name, i.at FROM party_invites i JOIN accounts a ON a.id = i.inviter
		WHERE i.account = $1 ORDER BY i.at DESC, i.party LIMIT $2`
	deleteInvite = `DELETE FROM party_invites WHERE party = $1 AND account = $2`

	// A ticket with which a party waits keeps it alive.
	selectOldParties = `SELECT p.id FROM parties p WHERE p.changed_at < $1
		AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.party = p.id AND t.ended_at = 0) ORDER BY p.changed_at, p.id LIMIT $2`
	dropInvites = `DELETE FROM party_invites WHERE party = $1`
	dropMembers = `DELETE FROM party_members WHERE party = $1`
	dropParty   = `DELETE FROM parties WHERE id = $1`
	selectAge   = `SELECT changed_at FROM parties WHERE id = $1`
)

// party reads a party with its members. One without members is none.
func party(ctx context.Context, q querier, id string) (p store.Party, err error) {
	if err := one(ctx, q, selectParty, []any{id}, &p.ID, &p.Code, &p.Size); err != nil {
		return p, err
	}
	err = all(ctx, q, selectMembers, []any{id}, func(rows *stdsql.Rows) error {
		var m store.Member
		var since int64
		err := rows.Scan(&m.User, &m.Name, &since)
		m.Since = fromMicros(since)
		p.Members = append(p.Members, m)
		return err
	})
	if err == nil && len(p.Members) == 0 {
		err = stdsql.ErrNoRows
	}
	return p, err
}

// lockParty is party, with all changes of it locked out until the transaction ends.
func (s *Store) lockParty(ctx context.Context, q querier, id string) (store.Party, error) {
	var p store.Party
	if err := one(ctx, q, selectParty+s.db.lockRow(false), []any{id}, &p.ID, &p.Code, &p.Size); err != nil {
		return p, err
	}
	return party(ctx, q, id)
}

func isMember(p *store.Party, user string) bool {
	for _, m := range p.Members {
		if m.User == user {
			return true
		}
	}
	return false
}

// CreateParty implements [store.Parties].
func (s *Store) CreateParty(ctx context.Context, p store.Party, user string, now time.Time) (made store.Party, err error) {
	if p.Size < 1 || p.Size > store.MaxParty {
		return made, fmt.Errorf("create party: size is %d, want 1 to %d", p.Size, store.MaxParty)
	}
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		n, err := q.exec(ctx, insertParty, p.ID, p.Code, p.Size, now.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrCodeTaken
		}
		if err := s.addMember(ctx, q, p.ID, user, now); err != nil {
			return err
		}
		made, err = party(ctx, q, p.ID)
		return err
	})
	return made, s.failed(ctx, "create party", err)
}

// addMember puts user into a party, which is locked.
func (s *Store) addMember(ctx context.Context, q querier, id, user string, now time.Time) error {
	n, err := q.exec(ctx, insertMember, user, id, now.UnixMicro())
	if foreignKey(err) { // the account has gone just now
		return store.ErrNotFound
	}
	if err != nil {
		return err
	}
	if n == 0 {
		var other string
		if err := one(ctx, q, selectPartyOf, []any{user}, &other); err != nil {
			return err // no such user
		}
		return store.ErrInParty
	}
	_, err = q.exec(ctx, deleteInvite, id, user)
	return err
}

// Party implements [store.Parties].
func (s *Store) Party(ctx context.Context, id string) (p store.Party, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		p, err = party(ctx, q, id)
		return err
	})
	return p, s.failed(ctx, "find party", err)
}

// PartyOf implements [store.Parties].
func (s *Store) PartyOf(ctx context.Context, user string) (p store.Party, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		var id string
		if err := one(ctx, q, selectPartyOf, []any{user}, &id); err != nil {
			return err
		}
		p, err = party(ctx, q, id)
		return err
	})
	return p, s.failed(ctx, "find party of player", err)
}

// InviteToParty implements [store.Parties].
func (s *Store) InviteToParty(ctx context.Context, id, by, user string, now time.Time) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		p, err := s.lockParty(ctx, q, id)
		if err != nil {
			return err
		}
		if !isMember(&p, by) {
			return store.ErrNotFound
		}
		if isMember(&p, user) {
			return store.ErrInParty
		}
		var open, mine int
		if err := one(ctx, q, countInvites, []any{id, user}, &open, &mine); err != nil {
			return err
		}
		if open-mine >= store.MaxPartyInvites {
			return store.ErrFull
		}
		n, err := q.exec(ctx, upsertInvite, id, user, by, now.UnixMicro())
		if err == nil && n == 0 || foreignKey(err) {
			err = store.ErrNotFound
		}
		return err
	})
	return s.failed(ctx, "invite to party", err)
}

// PartyInvites implements [store.Parties].
func (s *Store) PartyInvites(ctx context.Context, user string) (invites []store.PartyInvite, err error) {
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, selectInvites, []any{user, store.MaxPartyInvites}, func(rows *stdsql.Rows) error {
			var i store.PartyInvite
			var at int64
			err := rows.Scan(&i.Party, &i.By, &i.Name, &at)
			i.At = fromMicros(at)
			invites = append(invites, i)
			return err
		})
	})
	return invites, s.failed(ctx, "list party invitations", err)
}

// DropPartyInvite implements [store.Parties].
func (s *Store) DropPartyInvite(ctx context.Context, id, user string) error {
	err := s.db.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.exec(ctx, deleteInvite, id, user)
		return err
	})
	return s.failed(ctx, "drop party invitation", err)
}

// JoinParty implements [store.Parties].
func (s *Store) JoinParty(ctx context.Context, id, user string, now time.Time) (store.Party, error) {
	p, err := s.join(ctx, id, user, true, now)
	return p, s.failed(ctx, "join party", err)
}

// JoinPartyByCode implements [store.Parties].
func (s *Store) JoinPartyByCode(ctx context.Context, code, user string, now time.Time) (store.Party, error) {
	var id string
	err := s.db.read(ctx, func(ctx context.Context, q querier) error { return one(ctx, q, selectCode, []any{code}, &id) })
	var p store.Party
	if err == nil { // codes never change
		p, err = s.join(ctx, id, user, false, now)
	}
	return p, s.failed(ctx, "join party by code", err)
}

// join takes user into the party; onlyInvited: if it is invited.
func (s *Store) join(ctx context.Context, id, user string, onlyInvited bool, now time.Time) (joined store.Party, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		p, err := s.lockParty(ctx, q, id)
		if err != nil {
			return err
		}
		joined = p
		if isMember(&p, user) {
			return nil
		}
		if onlyInvited {
			var open, mine int
			if err := one(ctx, q, countInvites, []any{id, user}, &open, &mine); err != nil {
				return err
			}
			if mine == 0 {
				return store.ErrNotFound
			}
		}
		if len(p.Members) >= p.Size {
			return store.ErrPartyFull
		}
		switch _, err := s.ticketOfParty(ctx, q, id); {
		case err == nil:
			return store.ErrSearching
		case !errors.Is(err, stdsql.ErrNoRows):
			return err
		}
		if err := s.addMember(ctx, q, id, user, now); err != nil {
			return err
		}
		if _, err := q.exec(ctx, touchParty, id, now.UnixMicro()); err != nil {
			return err
		}
		joined, err = party(ctx, q, id)
		return err
	})
	return joined, err
}

// LeaveParty implements [store.Parties].
func (s *Store) LeaveParty(ctx context.Context, id, user string, now time.Time) (left store.Party, cancelled *store.Ticket, err error) {
	left, cancelled, err = s.leave(ctx, id, "", user, now)
	return left, cancelled, s.failed(ctx, "leave party", err)
}

// KickFromParty implements [store.Parties].
func (s *Store) KickFromParty(ctx context.Context, id, leader, user string, now time.Time) (left store.Party, cancelled *store.Ticket, err error) {
	left, cancelled, err = s.leave(ctx, id, leader, user, now)
	return left, cancelled, s.failed(ctx, "kick from party", err)
}

// leave takes user out of the party; with by, if that leads it.
func (s *Store) leave(ctx context.Context, id, by, user string, now time.Time) (left store.Party, cancelled *store.Ticket, err error) {
	err = s.db.write(ctx, func(ctx context.Context, q querier) error {
		left, cancelled = store.Party{}, nil
		p, err := s.lockParty(ctx, q, id)
		switch {
		case err != nil:
			return err
		case by != "" && !isMember(&p, by):
			return store.ErrNotFound
		case by != "" && p.Leader() != by:
			return store.ErrNotLeader
		case !isMember(&p, user):
			return store.ErrNotFound
		}
		if cancelled, err = s.cancelOfParty(ctx, q, id, now); err != nil {
			return err
		}
		if _, err := q.exec(ctx, deleteMember, id, user); err != nil {
			return err
		}
		if len(p.Members) == 1 {
			return endParty(ctx, q, id)
		}
		if _, err := q.exec(ctx, touchParty, id, now.UnixMicro()); err != nil {
			return err
		}
		left, err = party(ctx, q, id)
		return err
	})
	return left, cancelled, err
}

// endParty takes a party away, which is locked.
func endParty(ctx context.Context, q querier, id string) error {
	for _, statement := range []string{dropInvites, dropMembers, dropParty} {
		if _, err := q.exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

// DropParties implements [store.Parties].
func (s *Store) DropParties(ctx context.Context, before time.Time, limit int) (gone int, err error) {
	var ids []string
	err = s.db.read(ctx, func(ctx context.Context, q querier) error {
		return all(ctx, q, selectOldParties, []any{before.UnixMicro(), max(limit, 0)}, func(rows *stdsql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	for _, id := range ids {
		if err != nil {
			break
		}
		err = s.db.write(ctx, func(ctx context.Context, q querier) error {
			var changed int64
			if err := one(ctx, q, selectAge+s.db.lockRow(false), []any{id}, &changed); err != nil || changed >= before.UnixMicro() {
				return err
			}
			if _, err := s.ticketOfParty(ctx, q, id); !errors.Is(err, stdsql.ErrNoRows) {
				return err
			}
			return endParty(ctx, q, id)
		})
		switch {
		case err == nil:
			gone++
		case errors.Is(err, stdsql.ErrNoRows): // another process was faster
			err = nil
		}
	}
	return gone, s.failed(ctx, "drop parties", err)
}
