-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up
ALTER TABLE rooms
	ADD COLUMN owned BOOLEAN NOT NULL DEFAULT FALSE,     -- one of those who sit there is its owner: see seats.owns
	ADD COLUMN private BOOLEAN NOT NULL DEFAULT FALSE,   -- not listed; entered by the code or an invitation
	ADD COLUMN code TEXT COLLATE "C",                    -- of a private room that is not closed
	ADD COLUMN spectators BIGINT NOT NULL DEFAULT 0,     -- how many may watch
	ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT ''; -- all of them, as a JSON object; '': none
CREATE UNIQUE INDEX rooms_by_code ON rooms (code) WHERE code IS NOT NULL;
CREATE INDEX rooms_listed_by_age ON rooms (created_at, id) WHERE state <> 'closed' AND NOT private;
CREATE INDEX rooms_listed_by_game ON rooms (game, created_at, id) WHERE state <> 'closed' AND NOT private;

ALTER TABLE seats
	ADD COLUMN watch BOOLEAN NOT NULL DEFAULT FALSE, -- a spectator's: counts against rooms.spectators
	ADD COLUMN taken BIGINT NOT NULL DEFAULT 0,      -- when
	-- Of an owned room the owner is the player with the highest number, of equals who came first.
	ADD COLUMN owns BIGINT NOT NULL DEFAULT 0,
	ADD COLUMN reason TEXT COLLATE "C" NOT NULL DEFAULT ''; -- of a leaving one
UPDATE seats SET taken = since;

-- By what rooms that are not closed are found.
CREATE TABLE room_labels (
	room       TEXT   COLLATE "C" NOT NULL REFERENCES rooms (id),
	name       TEXT   COLLATE "C" NOT NULL,
	game       TEXT   COLLATE "C" NOT NULL, -- the room's
	created_at BIGINT NOT NULL,             -- the room's
	text       TEXT   COLLATE "C",          -- one of the two
	number     BIGINT,
	PRIMARY KEY (room, name)
);
CREATE INDEX room_labels_by_text ON room_labels (game, name, text, created_at, room) WHERE text IS NOT NULL;

-- Who may not come into a room that is not closed.
CREATE TABLE room_bans (
	room    TEXT   COLLATE "C" NOT NULL REFERENCES rooms (id),
	account TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	at      BIGINT NOT NULL,
	PRIMARY KEY (room, account)
);
CREATE INDEX room_bans_by_account ON room_bans (account);

-- Who may come into a private room that is not closed.
CREATE TABLE room_invites (
	room    TEXT   COLLATE "C" NOT NULL REFERENCES rooms (id),
	account TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	inviter TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
	until   BIGINT NOT NULL,
	PRIMARY KEY (room, account)
);
CREATE INDEX room_invites_by_account ON room_invites (account);
CREATE INDEX room_invites_by_inviter ON room_invites (inviter);
