-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Calls of functions, to be made once. No reference to accounts or rooms: jobs outlive both, but for forgetting.
CREATE TABLE jobs (
	id      TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
	name    TEXT    COLLATE "C" NOT NULL,
	arg     BYTEA   NOT NULL,
	account TEXT    COLLATE "C" NOT NULL, -- '': nobody's
	room    TEXT    COLLATE "C" NOT NULL, -- '': none waits for the result
	state   TEXT    COLLATE "C" NOT NULL,
	due     BIGINT  NOT NULL,
	tries   BIGINT  NOT NULL,
	term    BIGINT  NOT NULL,
	process TEXT    COLLATE "C" NOT NULL, -- running: who has it
	until   BIGINT  NOT NULL, -- running: of the lease; ended: when it may be forgotten
	ended   BIGINT  NOT NULL,
	told    BOOLEAN NOT NULL, -- ended: the room has the result
	result  BYTEA,
	failed  TEXT    COLLATE "C" NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX jobs_waiting ON jobs (name, due, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (process, id) WHERE state = 'running';
CREATE INDEX jobs_untold ON jobs (ended, id) WHERE NOT told AND ended > 0;
CREATE INDEX jobs_over ON jobs (until, id) WHERE told AND ended > 0;
CREATE INDEX jobs_by_account ON jobs (account) WHERE account <> '';
