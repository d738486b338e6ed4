-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- Who sat in a room when it closed. While a room has rows here, its log is kept. No references: what is kept here is gone in
-- minutes.
CREATE TABLE farewells (
	room    TEXT    NOT NULL,
	account TEXT    NOT NULL,
	until   INTEGER NOT NULL,
	PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX farewells_by_end ON farewells (until, room);
