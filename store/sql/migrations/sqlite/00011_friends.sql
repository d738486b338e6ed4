-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- How account stands to other. A request and a friendship have a row on each side, a block has one on the side of who blocks. No
-- references: whoever writes here holds both accounts.
CREATE TABLE relations (
	account TEXT   NOT NULL,
	other   TEXT   NOT NULL,
	state   TEXT   NOT NULL CHECK (state IN ('asked', 'asking', 'friends', 'blocked')),
	since   INTEGER NOT NULL,
	PRIMARY KEY (account, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX relations_by_other ON relations (other);

-- What an account says of how it may be reached, and when it is its turn again to reach others.
CREATE TABLE contacts (
	account   TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
	hidden    INTEGER NOT NULL DEFAULT FALSE, -- shown as offline
	strangers INTEGER NOT NULL DEFAULT FALSE, -- may send messages
	due       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Who is connected, and to which gateway: a row means nothing when that process is gone. No references: it is written for
-- many at a time.
CREATE TABLE presences (
	account TEXT   NOT NULL,
	gateway TEXT   NOT NULL, -- its process
	room    TEXT   NOT NULL, -- where it listens; '': nowhere
	since   INTEGER NOT NULL,
	PRIMARY KEY (account, gateway)
) STRICT, WITHOUT ROWID;
CREATE INDEX presences_by_gateway ON presences (gateway);

-- One side of what two players have written to each other. Both have the same last number.
CREATE TABLE talks (
	account TEXT   NOT NULL REFERENCES accounts (id),
	other   TEXT   NOT NULL,
	last    INTEGER NOT NULL, -- number of the newest message
	seen    INTEGER NOT NULL, -- what account has read, up to this number
	cleared INTEGER NOT NULL, -- what account has thrown away, up to this number
	at      INTEGER NOT NULL, -- of the newest message
	PRIMARY KEY (account, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX talks_by_age ON talks (account, at, other);

-- The newest messages of each two: number n lies in slot n modulo 500, so that a new one takes the place of the oldest. No
-- references: whoever writes here holds the talk.
CREATE TABLE messages (
	account TEXT    NOT NULL, -- the one of the two with the lower id
	other   TEXT    NOT NULL,
	slot    INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	sender  TEXT    NOT NULL,
	body    TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	gone    TEXT    NOT NULL, -- who of the two has thrown it away; '': neither
	PRIMARY KEY (account, other, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_other ON messages (other);
