-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Empty here: SQLite keeps commits in it that are not in records and log yet.
CREATE TABLE commits (
	seq  BIGINT NOT NULL PRIMARY KEY,
	data BYTEA  NOT NULL
);
