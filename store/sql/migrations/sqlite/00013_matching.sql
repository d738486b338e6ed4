-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up
CREATE TABLE tickets (
	id       TEXT    NOT NULL PRIMARY KEY,
	game     TEXT    NOT NULL,
	mode     TEXT    NOT NULL,
	party    TEXT    NOT NULL, -- '' for a player alone; it may be gone
	wants    BLOB    NOT NULL,
	gateway  TEXT    NOT NULL,
	since    INTEGER NOT NULL,
	state    TEXT    NOT NULL CHECK (state IN ('waiting', 'found', 'placed', 'declined', 'cancelled', 'expired')),
	reason   TEXT    NOT NULL,
	offer    TEXT    NOT NULL, -- '' but for found ones
	room     TEXT    NOT NULL, -- '' but for placed ones
	ended_at INTEGER NOT NULL              -- 0: it is open
) STRICT;
CREATE INDEX tickets_open ON tickets (game, mode, id) WHERE ended_at = 0;
CREATE INDEX tickets_of_party ON tickets (party) WHERE ended_at = 0;
CREATE INDEX tickets_found ON tickets (offer, id) WHERE ended_at = 0;
CREATE INDEX tickets_over ON tickets (ended_at, id) WHERE ended_at > 0;

CREATE TABLE ticket_players (
	ticket    TEXT    NOT NULL REFERENCES tickets (id),
	place     INTEGER NOT NULL,
	account   TEXT    NOT NULL REFERENCES accounts (id),
	rating    REAL    NOT NULL,
	accepted  INTEGER NOT NULL,
	open      INTEGER NOT NULL, -- as the ticket is
	PRIMARY KEY (ticket, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ticket_players_open ON ticket_players (account) WHERE open;
CREATE INDEX ticket_players_by_account ON ticket_players (account, ticket);

CREATE TABLE match_offers (
	id       TEXT    NOT NULL PRIMARY KEY,
	game     TEXT    NOT NULL,
	mode     TEXT    NOT NULL,
	grouped  BLOB    NOT NULL,
	until_at INTEGER NOT NULL
) STRICT;
CREATE INDEX match_offers_by_pool ON match_offers (game, mode, id);

CREATE TABLE match_pools (
	game TEXT    NOT NULL,
	mode TEXT    NOT NULL,
	term INTEGER NOT NULL,
	PRIMARY KEY (game, mode)
) STRICT, WITHOUT ROWID;

-- Rooms that ask for players.
CREATE TABLE backfills (
	room   TEXT    NOT NULL PRIMARY KEY,
	game   TEXT    NOT NULL,
	mode   TEXT    NOT NULL,
	wants  BLOB    NOT NULL,
	size   INTEGER NOT NULL,
	since  INTEGER NOT NULL
) STRICT;
CREATE INDEX backfills_by_pool ON backfills (game, mode, room);
