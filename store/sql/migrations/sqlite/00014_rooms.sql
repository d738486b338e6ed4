-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up
ALTER TABLE rooms ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;      -- one of those who sit there is its owner: see seats.owns
ALTER TABLE rooms ADD COLUMN private INTEGER NOT NULL DEFAULT 0;    -- not listed; entered by the code or an invitation
ALTER TABLE rooms ADD COLUMN code TEXT;                             -- of a private room that is not closed
ALTER TABLE rooms ADD COLUMN spectators INTEGER NOT NULL DEFAULT 0; -- how many may watch
ALTER TABLE rooms ADD COLUMN labels TEXT NOT NULL DEFAULT '';       -- all of them, as a JSON object; '': none
CREATE UNIQUE INDEX rooms_by_code ON rooms (code) WHERE code IS NOT NULL;
CREATE INDEX rooms_listed_by_age ON rooms (created_at, id) WHERE state <> 'closed' AND NOT private;
CREATE INDEX rooms_listed_by_game ON rooms (game, created_at, id) WHERE state <> 'closed' AND NOT private;

ALTER TABLE seats ADD COLUMN watch INTEGER NOT NULL DEFAULT 0; -- a spectator's: counts against rooms.spectators
ALTER TABLE seats ADD COLUMN taken INTEGER NOT NULL DEFAULT 0; -- when
-- Of an owned room the owner is the player with the highest number, of equals who came first.
ALTER TABLE seats ADD COLUMN owns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seats ADD COLUMN reason TEXT NOT NULL DEFAULT '';  -- of a leaving one
UPDATE seats SET taken = since;

-- By what rooms that are not closed are found.
CREATE TABLE room_labels (
	room       TEXT    NOT NULL REFERENCES rooms (id),
	name       TEXT    NOT NULL,
	game       TEXT    NOT NULL, -- the room's
	created_at INTEGER NOT NULL, -- the room's
	text       TEXT,             -- one of the two
	number     INTEGER,
	PRIMARY KEY (room, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_labels_by_text ON room_labels (game, name, text, created_at, room) WHERE text IS NOT NULL;

-- Who may not come into a room that is not closed.
CREATE TABLE room_bans (
	room    TEXT    NOT NULL REFERENCES rooms (id),
	account TEXT    NOT NULL REFERENCES accounts (id),
	at      INTEGER NOT NULL,
	PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_bans_by_account ON room_bans (account);

-- Who may come into a private room that is not closed.
CREATE TABLE room_invites (
	room    TEXT    NOT NULL REFERENCES rooms (id),
	account TEXT    NOT NULL REFERENCES accounts (id),
	inviter TEXT    NOT NULL REFERENCES accounts (id),
	until   INTEGER NOT NULL,
	PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_invites_by_account ON room_invites (account);
CREATE INDEX room_invites_by_inviter ON room_invites (inviter);
