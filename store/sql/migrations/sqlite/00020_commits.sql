-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- Commits that are not in records and log yet, in the order of seq: see sqlite_commits.go. Usually the last seconds' of rooms
-- that are played.
CREATE TABLE commits (
	seq  INTEGER NOT NULL PRIMARY KEY,
	data BLOB    NOT NULL
) STRICT;
