-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- How many notes an account has been given: the last one's number.
CREATE TABLE note_counts (
	account TEXT   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id),
	last    BIGINT NOT NULL
) WITH (fillfactor = 80);

-- The newest notes of each account: number n lies in slot n modulo 200, so that a new one takes the place of the oldest. No
-- reference: whoever writes here holds the account's count.
CREATE TABLE notes (
	account TEXT   COLLATE "C" NOT NULL,
	slot    BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	type    TEXT   NOT NULL,
	body    BYTEA  NOT NULL,
	at      BIGINT NOT NULL,
	PRIMARY KEY (account, slot)
);
CREATE INDEX notes_by_age ON notes (at);
