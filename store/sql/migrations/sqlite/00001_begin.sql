-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up
CREATE TABLE accounts (
	id         TEXT    NOT NULL PRIMARY KEY,
	name       TEXT    NOT NULL,
	folded     TEXT    NOT NULL UNIQUE, -- the name without regard to case
	guest      INTEGER NOT NULL,
	exp        INTEGER NOT NULL,        -- the level is derived from it
	gold       INTEGER NOT NULL,
	win        INTEGER NOT NULL,
	lose       INTEGER NOT NULL,
	draw       INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE identities (
	platform TEXT NOT NULL,
	subject  TEXT NOT NULL,
	account  TEXT NOT NULL REFERENCES accounts (id),
	PRIMARY KEY (platform, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_account ON identities (account);

CREATE TABLE sessions (
	account    TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id), -- so a user has at most one
	id         TEXT    NOT NULL,
	token      BLOB    NOT NULL UNIQUE,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A room as lobbies see it: changed seldom.
CREATE TABLE rooms (
	id         TEXT    NOT NULL PRIMARY KEY,
	game       TEXT    NOT NULL,
	version    TEXT    NOT NULL,
	state      TEXT    NOT NULL CHECK (state IN ('open', 'playing', 'closed')),
	capacity   INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	swept      INTEGER NOT NULL -- closed, and its server queue is gone
) STRICT;
CREATE INDEX rooms_by_age ON rooms (created_at, id);
CREATE INDEX rooms_by_game ON rooms (game, created_at, id);
CREATE INDEX rooms_alive_by_age ON rooms (created_at, id) WHERE state <> 'closed';
CREATE INDEX rooms_alive_by_game ON rooms (game, version, id) WHERE state <> 'closed';
CREATE INDEX rooms_unswept ON rooms (id) WHERE state = 'closed' AND NOT swept;

-- The same room as its worker keeps it: changed with every commit, in one row that nobody else locks.
CREATE TABLE records (
	room      TEXT    NOT NULL PRIMARY KEY REFERENCES rooms (id),
	term      INTEGER NOT NULL,
	closed    INTEGER NOT NULL, -- the room's state is closed: a commit need not look at the room to be refused
	wake      INTEGER NOT NULL,
	epoch     INTEGER NOT NULL,
	n         INTEGER NOT NULL,
	published INTEGER NOT NULL,
	memory    BLOB    NOT NULL
) STRICT;

-- Kept runs of outputs. No reference to rooms: it would be looked up for every commit.
CREATE TABLE log (
	room  TEXT    NOT NULL,
	epoch INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	first INTEGER NOT NULL,
	data  BLOB    NOT NULL,
	PRIMARY KEY (room, epoch, last)
) STRICT, WITHOUT ROWID;

-- A closed room has no seats.
CREATE TABLE seats (
	room    TEXT    NOT NULL REFERENCES rooms (id),
	account TEXT    NOT NULL REFERENCES accounts (id),
	state   TEXT    NOT NULL CHECK (state IN ('joining', 'seated', 'leaving')),
	since   INTEGER NOT NULL,
	again   INTEGER NOT NULL, -- taken again before the room had heard that it was given up: the room's next letting go is of the old one
	PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX seats_by_account ON seats (account, since);
CREATE INDEX seats_pending ON seats (since) WHERE state <> 'seated';
