-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.
-- Ids compare byte by byte (COLLATE "C"), whatever the database's language.

-- +goose Up
CREATE TABLE accounts (
	id         TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
	name       TEXT    NOT NULL,
	folded     TEXT    COLLATE "C" NOT NULL UNIQUE, -- the name without regard to case
	guest      BOOLEAN NOT NULL,
	exp        BIGINT  NOT NULL,                    -- the level is derived from it
	gold       BIGINT  NOT NULL,
	win        BIGINT  NOT NULL,
	lose       BIGINT  NOT NULL,
	draw       BIGINT  NOT NULL,
	created_at BIGINT  NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE identities (
	platform TEXT COLLATE "C" NOT NULL,
	subject  TEXT COLLATE "C" NOT NULL,
	account  TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
	PRIMARY KEY (platform, subject)
);
CREATE INDEX identities_by_account ON identities (account);

CREATE TABLE sessions (
	account    TEXT   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id), -- so a user has at most one
	id         TEXT   NOT NULL,
	token      BYTEA  NOT NULL UNIQUE,
	expires_at BIGINT NOT NULL
);

-- A room as lobbies see it: changed seldom.
CREATE TABLE rooms (
	id         TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
	game       TEXT    COLLATE "C" NOT NULL,
	version    TEXT    COLLATE "C" NOT NULL,
	state      TEXT    COLLATE "C" NOT NULL CHECK (state IN ('open', 'playing', 'closed')),
	capacity   BIGINT  NOT NULL,
	created_at BIGINT  NOT NULL,
	swept      BOOLEAN NOT NULL -- closed, and its server queue is gone
);
CREATE INDEX rooms_by_age ON rooms (created_at, id);
CREATE INDEX rooms_by_game ON rooms (game, created_at, id);
CREATE INDEX rooms_alive_by_age ON rooms (created_at, id) WHERE state <> 'closed';
CREATE INDEX rooms_alive_by_game ON rooms (game, version, id) WHERE state <> 'closed';
CREATE INDEX rooms_unswept ON rooms (id) WHERE state = 'closed' AND NOT swept;

-- The same room as its worker keeps it: changed with every commit, in one row that nobody else locks. Half of each page is
-- left free, so that the next version of a row finds room beside it and no index has to change (HOT updates).
CREATE TABLE records (
	room      TEXT    COLLATE "C" NOT NULL PRIMARY KEY REFERENCES rooms (id),
	term      BIGINT  NOT NULL,
	closed    BOOLEAN NOT NULL, -- the room's state is closed: a commit need not look at the room to be refused
	wake      BOOLEAN NOT NULL,
	epoch     BIGINT  NOT NULL,
	n         BIGINT  NOT NULL,
	published BIGINT  NOT NULL,
	memory    BYTEA   NOT NULL
) WITH (fillfactor = 50);

-- Kept runs of outputs. No reference to rooms: it would lock the room for every commit.
CREATE TABLE log (
	room  TEXT   COLLATE "C" NOT NULL,
	epoch BIGINT NOT NULL,
	last  BIGINT NOT NULL,
	first BIGINT NOT NULL,
	data  BYTEA  NOT NULL,
	PRIMARY KEY (room, epoch, last)
);

-- A closed room has no seats.
CREATE TABLE seats (
	room    TEXT    COLLATE "C" NOT NULL REFERENCES rooms (id),
	account TEXT    COLLATE "C" NOT NULL REFERENCES accounts (id),
	state   TEXT    COLLATE "C" NOT NULL CHECK (state IN ('joining', 'seated', 'leaving')),
	since   BIGINT  NOT NULL,
	again   BOOLEAN NOT NULL, -- taken again before the room had heard that it was given up: the room's next letting go is of the old one
	PRIMARY KEY (room, account)
);
CREATE INDEX seats_by_account ON seats (account, since);
CREATE INDEX seats_pending ON seats (since) WHERE state <> 'seated';
