-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- How many notes an account has been given: the last one's number.
CREATE TABLE note_counts (
	account TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
	last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest notes of each account: number n lies in slot n modulo 200, so that a new one takes the place of the oldest. No
-- reference: whoever writes here holds the account's count.
CREATE TABLE notes (
	account TEXT    NOT NULL,
	slot    INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	type    TEXT    NOT NULL,
	body    BLOB    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (account, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX notes_by_age ON notes (at);
