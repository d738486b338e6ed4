-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

CREATE TABLE boards (
	id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	game   TEXT    NOT NULL,
	mode   TEXT    NOT NULL,
	period TEXT    NOT NULL,
	lower  INTEGER NOT NULL, -- less is better
	until  INTEGER,          -- NULL: for ever
	UNIQUE (game, mode, period)
) STRICT;
CREATE INDEX boards_by_end ON boards (until) WHERE until IS NOT NULL;

-- A player's place on a board is (key, since, id), from the top.
CREATE TABLE scores (
	id      INTEGER NOT NULL PRIMARY KEY,
	account TEXT    NOT NULL,
	board   INTEGER NOT NULL,
	key     INTEGER NOT NULL, -- the score, with its sign turned unless less is better
	since   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scores_by_account ON scores (account, board);
CREATE UNIQUE INDEX scores_by_place ON scores (board, key, since, id);

-- Where ranges of places begin, and how many scores are in each: those of which no rank_changes are left.
CREATE TABLE rank_ranges (
	id    INTEGER NOT NULL PRIMARY KEY,
	board INTEGER NOT NULL,
	key   INTEGER NOT NULL,
	since INTEGER NOT NULL,
	score INTEGER NOT NULL,
	n     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX rank_ranges_by_place ON rank_ranges (board, key, since, score, n); -- n: sums need no more than the index

-- Scores that have come to a place (n is 1) or gone from it (-1) and are not counted in their range yet.
CREATE TABLE rank_changes (
	id    INTEGER NOT NULL PRIMARY KEY,
	board INTEGER NOT NULL,
	key   INTEGER NOT NULL,
	since INTEGER NOT NULL,
	score INTEGER NOT NULL,
	n     INTEGER NOT NULL,
	counted INTEGER -- the range, while it is being counted there
) STRICT;
CREATE INDEX rank_changes_by_board ON rank_changes (board, id);

CREATE TABLE ratings (
	account    TEXT    NOT NULL,
	game       TEXT    NOT NULL,
	mode       TEXT    NOT NULL,
	value      REAL    NOT NULL,
	deviation  REAL    NOT NULL,
	volatility REAL    NOT NULL,
	matches    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (account, game, mode)
) STRICT, WITHOUT ROWID;
