-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- Calls of functions, to be made once. No reference to accounts or rooms: jobs outlive both, but for forgetting.
CREATE TABLE jobs (
	id      TEXT    NOT NULL PRIMARY KEY,
	name    TEXT    NOT NULL,
	arg     BLOB    NOT NULL,
	account TEXT    NOT NULL, -- '': nobody's
	room    TEXT    NOT NULL, -- '': none waits for the result
	state   TEXT    NOT NULL,
	due     INTEGER NOT NULL,
	tries   INTEGER NOT NULL,
	term    INTEGER NOT NULL,
	process TEXT    NOT NULL, -- running: who has it
	until   INTEGER NOT NULL, -- running: of the lease; ended: when it may be forgotten
	ended   INTEGER NOT NULL,
	told    INTEGER NOT NULL, -- ended: the room has the result
	result  BLOB,
	failed  TEXT    NOT NULL
) STRICT;
CREATE INDEX jobs_waiting ON jobs (name, due, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (process, id) WHERE state = 'running';
CREATE INDEX jobs_untold ON jobs (ended, id) WHERE NOT told AND ended > 0;
CREATE INDEX jobs_over ON jobs (until, id) WHERE told AND ended > 0;
CREATE INDEX jobs_by_account ON jobs (account) WHERE account <> '';
