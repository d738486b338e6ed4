-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Who may not sign in.
CREATE TABLE account_bans (
	account TEXT   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id),
	at      BIGINT NOT NULL,
	until   BIGINT, -- NULL: for ever
	reason  TEXT   NOT NULL
);

-- What those who run the deployment have done. Entries are never changed, but that those about an account that is deleted lose
-- their params and reason. No references: they outlive what they are about.
CREATE TABLE audit (
	n       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at      BIGINT NOT NULL,
	actor   TEXT   COLLATE "C" NOT NULL,
	action  TEXT   COLLATE "C" NOT NULL,
	account TEXT   COLLATE "C" NOT NULL, -- '': about nobody
	target  TEXT   COLLATE "C" NOT NULL, -- '': about nothing
	params  BYTEA  NOT NULL, -- JSON
	reason  TEXT   NOT NULL,
	request TEXT   NOT NULL
);
CREATE INDEX audit_by_account ON audit (account, n) WHERE account <> '';
CREATE INDEX audit_by_target ON audit (target, n) WHERE target <> '';
