-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- Who may not sign in.
CREATE TABLE account_bans (
	account TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
	at      INTEGER NOT NULL,
	until   INTEGER, -- NULL: for ever
	reason  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What those who run the deployment have done. Entries are never changed, but that those about an account that is deleted lose
-- their params and reason. No references: they outlive what they are about.
CREATE TABLE audit (
	n       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at      INTEGER NOT NULL,
	actor   TEXT    NOT NULL,
	action  TEXT    NOT NULL,
	account TEXT    NOT NULL, -- '': about nobody
	target  TEXT    NOT NULL, -- '': about nothing
	params  BLOB    NOT NULL, -- JSON
	reason  TEXT    NOT NULL,
	request TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_account ON audit (account, n) WHERE account <> '';
CREATE INDEX audit_by_target ON audit (target, n) WHERE target <> '';
