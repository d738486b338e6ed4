-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

ALTER TABLE accounts ADD COLUMN look TEXT COLLATE "C";             -- what the name looks like; NULL: not known
ALTER TABLE accounts ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN picture BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT;                 -- the rest goes when its rooms have let it go
CREATE UNIQUE INDEX accounts_by_look ON accounts (look);
CREATE INDEX accounts_deleted ON accounts (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE identities ADD COLUMN secret TEXT NOT NULL DEFAULT ''; -- what a secret is checked against
ALTER TABLE identities ADD COLUMN linked_at BIGINT NOT NULL DEFAULT 0;

CREATE TABLE token_keys (
	id     TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
	seed   BYTEA  NOT NULL,
	begins BIGINT NOT NULL
);

CREATE UNIQUE INDEX identities_one_each ON identities (account, platform);
DROP INDEX identities_by_account;

-- Whom a letter is about, so that it goes with the account.
ALTER TABLE dead ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE dead SET account = COALESCE(convert_from(letter, 'UTF8')::json ->> 'User', '') WHERE length(letter) > 0;
CREATE INDEX dead_by_account ON dead (account) WHERE account <> '';
