-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- The one maintenance, of which each change has a number.
CREATE TABLE maintenance (
	one       INTEGER NOT NULL PRIMARY KEY,
	n         INTEGER NOT NULL,
	active    INTEGER NOT NULL,
	words     TEXT NOT NULL,
	begins    INTEGER NOT NULL,
	closes    INTEGER NOT NULL,
	end_rooms INTEGER NOT NULL,
	ends      INTEGER NOT NULL
) STRICT;
INSERT INTO maintenance (one, n, active, words, begins, closes, end_rooms, ends) VALUES (1, 0, 0, '', 0, 0, 0, 0);

-- Accounts for whom there is none.
CREATE TABLE maintenance_exempt (
	account TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id)
) STRICT, WITHOUT ROWID;
