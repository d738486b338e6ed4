-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up
CREATE TABLE parties (
	id         TEXT    NOT NULL PRIMARY KEY,
	code       TEXT    NOT NULL UNIQUE,
	size       INTEGER NOT NULL,
	changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX parties_by_change ON parties (changed_at, id);

-- The member with the lowest place leads.
CREATE TABLE party_members (
	account TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id), -- so a player is in at most one
	party   TEXT    NOT NULL REFERENCES parties (id),
	place   INTEGER NOT NULL,
	since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX party_members_by_place ON party_members (party, place);

CREATE TABLE party_invites (
	party   TEXT    NOT NULL REFERENCES parties (id),
	account TEXT    NOT NULL REFERENCES accounts (id),
	inviter TEXT    NOT NULL REFERENCES accounts (id),
	at      INTEGER NOT NULL,
	PRIMARY KEY (party, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX party_invites_by_account ON party_invites (account, at);
CREATE INDEX party_invites_by_inviter ON party_invites (inviter);
