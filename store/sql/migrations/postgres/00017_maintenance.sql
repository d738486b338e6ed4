-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- The one maintenance, of which each change has a number.
CREATE TABLE maintenance (
	one       BIGINT NOT NULL PRIMARY KEY,
	n         BIGINT NOT NULL,
	active    BOOLEAN NOT NULL,
	words     TEXT NOT NULL,
	begins    BIGINT NOT NULL,
	closes    BIGINT NOT NULL,
	end_rooms BOOLEAN NOT NULL,
	ends      BIGINT NOT NULL
);
INSERT INTO maintenance (one, n, active, words, begins, closes, end_rooms, ends) VALUES (1, 0, FALSE, '', 0, 0, FALSE, 0);

-- Accounts for whom there is none.
CREATE TABLE maintenance_exempt (
	account TEXT   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id)
);
