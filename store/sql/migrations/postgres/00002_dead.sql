-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Messages that rooms have given up. No reference to rooms: letters outlive them.
CREATE TABLE dead (
	id        TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
	room      TEXT    COLLATE "C" NOT NULL,
	game      TEXT    COLLATE "C" NOT NULL,
	condemned TEXT    COLLATE "C", -- NULL: it was given up after it had been played
	waiting   BOOLEAN NOT NULL,    -- condemned, and not skipped yet
	letter    BYTEA   NOT NULL,    -- what is not in the other columns, as JSON
	stack     BYTEA   NOT NULL,
	body      BYTEA   NOT NULL
);
CREATE INDEX dead_by_room ON dead (room, id);
CREATE INDEX dead_by_game ON dead (game, id);
CREATE UNIQUE INDEX dead_condemned ON dead (room, condemned) WHERE condemned IS NOT NULL;
CREATE INDEX dead_waiting ON dead (room, id) WHERE waiting;
