-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up
CREATE TABLE tickets (
	id       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
	game     TEXT   COLLATE "C" NOT NULL,
	mode     TEXT   COLLATE "C" NOT NULL,
	party    TEXT   COLLATE "C" NOT NULL, -- '' for a player alone; it may be gone
	wants    BYTEA  NOT NULL,
	gateway  TEXT   NOT NULL,
	since    BIGINT NOT NULL,
	state    TEXT   COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'found', 'placed', 'declined', 'cancelled', 'expired')),
	reason   TEXT   NOT NULL,
	offer    TEXT   COLLATE "C" NOT NULL, -- '' but for found ones
	room     TEXT   COLLATE "C" NOT NULL, -- '' but for placed ones
	ended_at BIGINT NOT NULL              -- 0: it is open
);
CREATE INDEX tickets_open ON tickets (game, mode, id) WHERE ended_at = 0;
CREATE INDEX tickets_of_party ON tickets (party) WHERE ended_at = 0;
CREATE INDEX tickets_found ON tickets (offer, id) WHERE ended_at = 0;
CREATE INDEX tickets_over ON tickets (ended_at, id) WHERE ended_at > 0;

CREATE TABLE ticket_players (
	ticket    TEXT   COLLATE "C" NOT NULL REFERENCES tickets (id),
	place     BIGINT NOT NULL,
	account   TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	rating    DOUBLE PRECISION NOT NULL,
	accepted  BOOLEAN NOT NULL,
	open      BOOLEAN NOT NULL, -- as the ticket is
	PRIMARY KEY (ticket, place)
);
CREATE UNIQUE INDEX ticket_players_open ON ticket_players (account) WHERE open;
CREATE INDEX ticket_players_by_account ON ticket_players (account, ticket);

CREATE TABLE match_offers (
	id       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
	game     TEXT   COLLATE "C" NOT NULL,
	mode     TEXT   COLLATE "C" NOT NULL,
	grouped  BYTEA  NOT NULL,
	until_at BIGINT NOT NULL
);
CREATE INDEX match_offers_by_pool ON match_offers (game, mode, id);

CREATE TABLE match_pools (
	game TEXT   COLLATE "C" NOT NULL,
	mode TEXT   COLLATE "C" NOT NULL,
	term BIGINT NOT NULL,
	PRIMARY KEY (game, mode)
);

-- Rooms that ask for players.
CREATE TABLE backfills (
	room   TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
	game   TEXT   COLLATE "C" NOT NULL,
	mode   TEXT   COLLATE "C" NOT NULL,
	wants  BYTEA  NOT NULL,
	size   BIGINT NOT NULL,
	since  BIGINT NOT NULL
);
CREATE INDEX backfills_by_pool ON backfills (game, mode, room);
