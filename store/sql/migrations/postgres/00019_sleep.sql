-- Times are microseconds since 1970. The same tables and columns as in ../sqlite; a test holds them together.

-- +goose Up

-- Whether nobody minds a room: 0, it is awake; else when its next timer is due, and 9223372036854775807 if it has none.
ALTER TABLE rooms ADD COLUMN asleep BIGINT NOT NULL DEFAULT 0;

-- Those who play rooms look through the ones that are awake, and find the others when they are due.
DROP INDEX rooms_alive_by_game;
CREATE INDEX rooms_awake_by_game ON rooms (game, version, id) WHERE state <> 'closed' AND asleep = 0;
CREATE INDEX rooms_asleep_by_time ON rooms (game, version, asleep, id) WHERE asleep <> 0;
CREATE INDEX rooms_asleep_by_age ON rooms (game, version, created_at, id) WHERE asleep <> 0 AND state = 'open' AND NOT private;
