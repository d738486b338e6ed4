-- Times are microseconds since 1970. The same tables and columns as in ../postgres; a test holds them together.

-- +goose Up

-- What accounts have, but for gold, which is in accounts.
CREATE TABLE balances (
	account TEXT    NOT NULL,
	item    TEXT    NOT NULL,
	amount  INTEGER NOT NULL CHECK (amount >= 0),
	PRIMARY KEY (account, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE postings (
	id        INTEGER NOT NULL PRIMARY KEY,
	reference TEXT    NOT NULL UNIQUE,
	reason    TEXT    NOT NULL,
	at        INTEGER NOT NULL
) STRICT;

-- The house is the account ''. No references: they would be looked up for every entry.
CREATE TABLE entries (
	account TEXT    NOT NULL,
	posting INTEGER NOT NULL,
	item    TEXT    NOT NULL,
	amount  INTEGER NOT NULL,
	asked   INTEGER NOT NULL,
	balance INTEGER NOT NULL, -- afterwards; 0 for the house
	PRIMARY KEY (account, posting, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_posting ON entries (posting);

-- How many postings the room has made: it gives each a name of its own.
ALTER TABLE records ADD COLUMN postings INTEGER NOT NULL DEFAULT 0;

-- What players had before there was a ledger.
UPDATE accounts SET gold = min(max(gold, 0), 9007199254740991) WHERE gold NOT BETWEEN 0 AND 9007199254740991;
INSERT INTO postings (reference, reason, at)
	SELECT 'account/' || id, 'opening', CAST(strftime('%s', 'now') AS INTEGER) * 1000000 FROM accounts WHERE gold > 0;
INSERT INTO entries (account, posting, item, amount, asked, balance)
	SELECT a.id, p.id, 'gold', a.gold, a.gold, a.gold FROM accounts a JOIN postings p ON p.reference = 'account/' || a.id;
INSERT INTO entries (account, posting, item, amount, asked, balance)
	SELECT '', e.posting, 'gold', -e.amount, -e.amount, 0 FROM entries e WHERE e.account <> '';
