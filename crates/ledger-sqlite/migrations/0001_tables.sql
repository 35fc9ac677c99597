-- The tables of the log and the ledger; the same as in PostgreSQL.
-- Positions are `milliseconds since 1970 << 20 | sequence`. Polls are referred to by number in what grows.

CREATE TABLE polls (
    number    INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    partition INTEGER NOT NULL,
    poll      TEXT    NOT NULL, -- all of it, as JSON
    state     TEXT    NOT NULL, -- as in the JSON
    listed    INTEGER NOT NULL, -- as in the JSON
    round     INTEGER NOT NULL, -- the round being counted; 0 where a gap hides which it is
    since     INTEGER NOT NULL, -- ballots after this position are of the present round
    position  INTEGER NOT NULL  -- where the poll last changed
) STRICT;

CREATE INDEX polls_listed ON polls (id) WHERE listed = 1 AND state = 'open';

-- Every ballot that was ever accepted. Rows are only added.
CREATE TABLE ballots (
    poll     INTEGER NOT NULL,
    voter    BLOB    NOT NULL, -- the 16 bytes of the pseudonym
    position INTEGER NOT NULL,
    choices  INTEGER NOT NULL, -- bit 0 is option a
    PRIMARY KEY (poll, voter, position)
) STRICT, WITHOUT ROWID;

-- What the screens show, kept up in the transaction that adds the ballots.
CREATE TABLE tallies (
    poll   INTEGER NOT NULL REFERENCES polls (number),
    option INTEGER NOT NULL,
    votes  INTEGER NOT NULL CHECK (votes >= 0),
    PRIMARY KEY (poll, option)
) STRICT, WITHOUT ROWID;

CREATE TABLE turnout (
    poll    INTEGER PRIMARY KEY REFERENCES polls (number),
    voters  INTEGER NOT NULL CHECK (voters >= 0),
    counted INTEGER NOT NULL CHECK (counted >= 0) -- ballots, over all rounds
) STRICT;

-- How far each partition is counted.
CREATE TABLE log (
    partition INTEGER PRIMARY KEY,
    log_id    TEXT, -- which incarnation was read last
    position  INTEGER NOT NULL,
    counted   INTEGER NOT NULL -- ballots of all polls of the partition
) STRICT;

-- Parts of the log that could not be counted: after `after`, through `through`.
CREATE TABLE gaps (
    partition INTEGER NOT NULL,
    after     INTEGER NOT NULL,
    through   INTEGER NOT NULL,
    PRIMARY KEY (partition, after, through)
) STRICT, WITHOUT ROWID;

-- Entries that could not be counted, for a person to look at.
CREATE TABLE rejected (
    partition INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    entry     TEXT    NOT NULL,
    PRIMARY KEY (partition, position)
) STRICT, WITHOUT ROWID;
