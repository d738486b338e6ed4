-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Who sat in a room when it closed. While a room has rows here, its log is kept. No references: they would lock accounts and
-- rooms for what is gone in minutes.
CREATE TABLE farewells (
	room    TEXT   COLLATE "C" NOT NULL,
	account TEXT   COLLATE "C" NOT NULL,
	until   BIGINT NOT NULL,
	PRIMARY KEY (room, account)
);
CREATE INDEX farewells_by_end ON farewells (until, room);
