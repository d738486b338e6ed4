-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- What calls were answered, for those who send the same call again. key and request are hashes; the answer is encrypted by what
-- only the caller knows.
CREATE TABLE answers (
	key     BLOB    NOT NULL PRIMARY KEY,
	request BLOB    NOT NULL,
	answer  BLOB,
	until   INTEGER NOT NULL
) STRICT;
CREATE INDEX answers_by_end ON answers (until, key);
