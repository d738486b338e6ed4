-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- How account stands to other. A request and a friendship have a row on each side, a block has one on the side of who blocks. No
-- references: whoever writes here holds both accounts.
CREATE TABLE relations (
	account TEXT   COLLATE "C" NOT NULL,
	other   TEXT   COLLATE "C" NOT NULL,
	state   TEXT   COLLATE "C" NOT NULL CHECK (state IN ('asked', 'asking', 'friends', 'blocked')),
	since   BIGINT NOT NULL,
	PRIMARY KEY (account, other)
);
CREATE INDEX relations_by_other ON relations (other);

-- What an account says of how it may be reached, and when it is its turn again to reach others.
CREATE TABLE contacts (
	account   TEXT    COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id),
	hidden    BOOLEAN NOT NULL DEFAULT FALSE, -- shown as offline
	strangers BOOLEAN NOT NULL DEFAULT FALSE, -- may send messages
	due       BIGINT  NOT NULL DEFAULT 0
);

-- Who is connected, and to which gateway: a row means nothing when that process is gone. No references: it is written for
-- many at a time.
CREATE TABLE presences (
	account TEXT   COLLATE "C" NOT NULL,
	gateway TEXT   COLLATE "C" NOT NULL, -- its process
	room    TEXT   COLLATE "C" NOT NULL, -- where it listens; '': nowhere
	since   BIGINT NOT NULL,
	PRIMARY KEY (account, gateway)
);
CREATE INDEX presences_by_gateway ON presences (gateway);

-- One side of what two players have written to each other. Both have the same last number.
CREATE TABLE talks (
	account TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	other   TEXT   COLLATE "C" NOT NULL,
	last    BIGINT NOT NULL, -- number of the newest message
	seen    BIGINT NOT NULL, -- what account has read, up to this number
	cleared BIGINT NOT NULL, -- what account has thrown away, up to this number
	at      BIGINT NOT NULL, -- of the newest message
	PRIMARY KEY (account, other)
) WITH (fillfactor = 80);
CREATE INDEX talks_by_age ON talks (account, at, other);

-- The newest messages of each two: number n lies in slot n modulo 500, so that a new one takes the place of the oldest. No
-- references: whoever writes here holds the talk.
CREATE TABLE messages (
	account TEXT    COLLATE "C" NOT NULL, -- the one of the two with the lower id
	other   TEXT    COLLATE "C" NOT NULL,
	slot    BIGINT  NOT NULL,
	n       BIGINT  NOT NULL,
	sender  TEXT    COLLATE "C" NOT NULL,
	body    TEXT    NOT NULL,
	at      BIGINT  NOT NULL,
	gone    TEXT    COLLATE "C" NOT NULL, -- who of the two has thrown it away; '': neither
	PRIMARY KEY (account, other, slot)
);
CREATE INDEX messages_by_other ON messages (other);
