-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up
CREATE TABLE parties (
	id         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
	code       TEXT   COLLATE "C" NOT NULL UNIQUE,
	size       BIGINT NOT NULL,
	changed_at BIGINT NOT NULL
);
CREATE INDEX parties_by_change ON parties (changed_at, id);

-- The member with the lowest place leads.
CREATE TABLE party_members (
	account TEXT   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id), -- so a player is in at most one
	party   TEXT   COLLATE "C" NOT NULL REFERENCES parties (id),
	place   BIGINT NOT NULL,
	since   BIGINT NOT NULL
);
CREATE UNIQUE INDEX party_members_by_place ON party_members (party, place);

CREATE TABLE party_invites (
	party   TEXT   COLLATE "C" NOT NULL REFERENCES parties (id),
	account TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	inviter TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	at      BIGINT NOT NULL,
	PRIMARY KEY (party, account)
);
CREATE INDEX party_invites_by_account ON party_invites (account, at);
CREATE INDEX party_invites_by_inviter ON party_invites (inviter);
